#pragma once
// JSON for the daemon: a value tree, a strict bounded parser and a writer. RapidJSON stays inside json.cpp.
// Payloads (arguments, results, metadata values, checkpoints) travel as the producer's own bytes and are checked
// with validate_json, never parsed and written anew.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace conduitd {

/// Bounds of what we accept from outside. Sizes in bytes.
struct JsonLimits {
  std::size_t size = 1024 * 1024;
  std::size_t depth = 64;
};

/// A JSON value. Objects keep the order of their members; of a repeated key, find() sees the last.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;
  /// JSON text to be written as it is (a payload inside a larger document).
  struct Raw {
    std::string text;
  };

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(double value) : value_(value) {}
  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  Json(T value) : value_(static_cast<std::int64_t>(value)) {
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(std::int64_t)) {
      if (value > INT64_MAX) value_ = static_cast<double>(value);  // as the parser reads it
    }
  }
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  Json(Raw value) : value_(std::move(value)) {}

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  [[nodiscard]] const bool* as_bool() const { return std::get_if<bool>(&value_); }
  [[nodiscard]] const std::int64_t* as_int() const { return std::get_if<std::int64_t>(&value_); }
  [[nodiscard]] const std::string* as_string() const { return std::get_if<std::string>(&value_); }
  [[nodiscard]] const Array* as_array() const { return std::get_if<Array>(&value_); }
  [[nodiscard]] const Object* as_object() const { return std::get_if<Object>(&value_); }
  /// The number, integer or not.
  [[nodiscard]] std::optional<double> as_number() const;

  /// The member `key` of an object; null if there is none or this is no object.
  [[nodiscard]] const Json* find(std::string_view key) const;
  [[nodiscard]] std::string string_or(std::string_view key, std::string_view fallback) const;
  [[nodiscard]] std::int64_t int_or(std::string_view key, std::int64_t fallback) const;
  [[nodiscard]] bool bool_or(std::string_view key, bool fallback) const;

  /// Adds a member (this must be an object or null, which becomes one).
  Json& set(std::string key, Json value);
  /// The same without looking for an older member of that name: for building large objects.
  Json& append(std::string key, Json value);
  /// Adds an element (this must be an array or null, which becomes one).
  Json& push(Json value);

  /// Calls `visitor` with the value held: std::monostate, bool, int64, double, string, Array, Object or Raw.
  template <class Visitor>
  void visit(const Visitor& visitor) const {
    std::visit(visitor, value_);
  }

  /// Compact text, or indented by two spaces.
  [[nodiscard]] std::string text(bool indented = false) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object, Raw> value_;
};

/// Parses UTF-8 JSON. The error names the byte offset.
[[nodiscard]] Result<Json> parse_json(std::string_view text, JsonLimits limits = {});
/// Checks without building anything: well-formed, UTF-8, within `limits`.
[[nodiscard]] Result<> validate_json(std::string_view text, JsonLimits limits = {});

/// The members of an object (or elements of an array, with empty keys), each value as the bytes it was written in.
/// `text` must have passed validate_json; the views point into it. Errc::invalid_argument if it is neither.
struct RawMember {
  std::string key;
  std::string_view value;
};
[[nodiscard]] Result<std::vector<RawMember>> split_json(std::string_view text);

}  // namespace conduitd
