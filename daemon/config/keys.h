#pragma once
// The kinds of values a key can have. Each function makes a Key that reads into `target`, which must outlive it; what
// `target` holds when the key is made is the default shown in the reference.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/reader.h"

namespace conduitd::config {

/// Looks at a text; returns what is wrong with it and what is allowed, or nothing. Must not repeat the text itself,
/// which may be a secret.
using TextCheck = std::function<std::string(const std::string& value)>;

[[nodiscard]] Key text_key(std::string name, std::string& target, std::string type = "string", TextCheck check = {});
/// A string whose literal value in a file that others can read is warned of.
[[nodiscard]] Key secret_key(std::string name, std::string& target);
/// A string with a name as job::is_valid_name wants it; the empty string only if `may_be_empty`.
[[nodiscard]] Key name_key(std::string name, std::string& target, bool may_be_empty);
[[nodiscard]] Key names_key(std::string name, std::vector<std::string>& target);
[[nodiscard]] Key choice_key(std::string name, std::string& target, std::vector<std::string> choices);
/// The same where the choice is kept as something else than a string.
[[nodiscard]] Key choice_key(std::string name, std::string_view current, std::vector<std::string> choices,
                             std::function<void(const std::string& choice)> set);
[[nodiscard]] Key flag_key(std::string name, bool& target);
[[nodiscard]] Key count_key(std::string name, std::uint32_t& target, std::uint32_t low, std::uint32_t high);
[[nodiscard]] Key share_key(std::string name, double& target);
[[nodiscard]] Key duration_key(std::string name, Millis& target, Millis low, Millis high);
[[nodiscard]] Key durations_key(std::string name, std::vector<Millis>& target, Millis low, Millis high);
/// Bytes, between `low` and `high`; 0 too if `zero_means_none`.
[[nodiscard]] Key size_key(std::string name, std::uint64_t& target, std::uint64_t low, std::uint64_t high,
                           bool zero_means_none);
[[nodiscard]] Key table_key(std::string name, Keys keys);


/// A key that may be left out: `make` makes the key for the value inside.
template <class Value, class Make>
[[nodiscard]] Key optional_key(std::optional<Value>& target, std::string when_unset, Make make) {
  Value sample{};
  Key key = make(sample);
  key.fallback = std::move(when_unset);
  key.read = [&target, make](Reader& reader, const Node& node, const std::string& path) {
    Value value = target.value_or(Value{});
    if (!make(value).read(reader, node, path)) return false;
    target = std::move(value);
    return true;
  };
  return key;
}

}  // namespace conduitd::config
