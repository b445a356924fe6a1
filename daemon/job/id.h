#pragma once
// Names and job ids. A job id is "<queue>:<ulid>": it leads to its queue without a look-up.
// ULID: 48 bits of Unix milliseconds, then 80 bits, in Crockford's base 32 (github.com/ulid/spec).

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace conduitd::job {

/// The 128 bits of a ULID: `ms` in 48 bits, then 16 and 64 bits that a broker may give a meaning to.
struct Ulid {
  std::uint64_t ms = 0;
  std::uint16_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const Ulid&) const = default;
};

[[nodiscard]] std::string to_string(const Ulid& ulid);  // 26 characters
[[nodiscard]] std::optional<Ulid> parse_ulid(std::string_view text);

struct JobId {
  std::string queue;
  Ulid ulid;
};

[[nodiscard]] std::string make_id(std::string_view queue, const Ulid& ulid);
/// Errc::invalid_argument if `text` is not "<queue>:<ulid>".
[[nodiscard]] Result<JobId> parse_id(std::string_view text);

/// A queue, task or worker name: 1 to 100 of A-Z a-z 0-9 _ . -
[[nodiscard]] bool is_valid_name(std::string_view name);
/// The same as an error that says which kind of name is wrong and what is allowed.
[[nodiscard]] Result<> check_name(std::string_view kind, std::string_view name);

}  // namespace conduitd::job
