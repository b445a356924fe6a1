#include "job/id.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace conduitd::job {
namespace {

constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kUlidLength = 26;
__extension__ using Uint128 = unsigned __int128;

int digit_value(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const auto at = kDigits.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string to_string(const Ulid& ulid) {
  std::string out(kUlidLength, '0');
  Uint128 bits = static_cast<Uint128>(ulid.ms & 0xFFFF'FFFF'FFFFU) << 80U;
  bits |= static_cast<Uint128>(ulid.high) << 64U;
  bits |= ulid.low;
  for (std::size_t i = kUlidLength; i-- > 0; bits >>= 5U) out[i] = kDigits[static_cast<std::size_t>(bits & 31U)];
  return out;
}

std::optional<Ulid> parse_ulid(std::string_view text) {
  if (text.size() != kUlidLength || digit_value(text[0]) > 7) return std::nullopt;
  Uint128 bits = 0;
  for (const char c : text) {
    const int value = digit_value(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 5U) | static_cast<unsigned>(value);
  }
  return Ulid{static_cast<std::uint64_t>(bits >> 80U), static_cast<std::uint16_t>(bits >> 64U),
              static_cast<std::uint64_t>(bits)};
}

std::string make_id(std::string_view queue, const Ulid& ulid) { return fmt::format("{}:{}", queue, to_string(ulid)); }

Result<JobId> parse_id(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && is_valid_name(text.substr(0, colon))) {
    if (const auto ulid = parse_ulid(text.substr(colon + 1))) return JobId{std::string(text.substr(0, colon)), *ulid};
  }
  return Error(Errc::invalid_argument,
               fmt::format("'{}' is not a job id: one looks like default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC",
                           escape_control(truncate(text, 200))));
}

bool is_valid_name(std::string_view name) {
  constexpr std::size_t kLongest = 100;
  return !name.empty() && name.size() <= kLongest && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

Result<> check_name(std::string_view kind, std::string_view name) {
  if (is_valid_name(name)) return ok();
  return Error(Errc::invalid_argument, fmt::format("'{}' is not a {} name: 1 to 100 of A-Z a-z 0-9 _ . - are allowed",
                                                   escape_control(truncate(name, 200)), kind));
}

}  // namespace conduitd::job
