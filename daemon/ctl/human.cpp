#include "ctl/human.h"

#include <fmt/format.h>

#include "base/text.h"

namespace conduitd::ctl {
namespace {

constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

std::string two_units(std::int64_t ms, std::int64_t large, char large_name, std::int64_t small, char small_name) {
  const auto rest = ms % large / small;
  return rest == 0 ? fmt::format("{}{}", ms / large, large_name)
                   : fmt::format("{}{} {}{}", ms / large, large_name, rest, small_name);
}

std::string one_unit(std::int64_t ms) {
  if (ms < kMinute) return fmt::format("{}s", ms / kSecond);
  if (ms < kHour) return fmt::format("{}m", ms / kMinute);
  if (ms < 2 * kDay) return fmt::format("{}h", ms / kHour);
  return fmt::format("{}d", ms / kDay);
}

}  // namespace

std::string span(Millis duration) {
  const auto ms = duration.count();
  if (ms < kSecond) return fmt::format("{}ms", ms);
  if (ms < 10 * kSecond) return fmt::format("{}.{}s", ms / kSecond, ms % kSecond / 100);
  if (ms < kMinute) return fmt::format("{}s", ms / kSecond);
  if (ms < kHour) return two_units(ms, kMinute, 'm', kSecond, 's');
  if (ms < 2 * kDay) return two_units(ms, kHour, 'h', kMinute, 'm');
  return two_units(ms, kDay, 'd', kHour, 'h');
}

std::string age(WallTime then, WallTime now) {
  const auto ms = (now - then).count();
  if (ms <= -kSecond) return fmt::format("in {}", one_unit(-ms));
  return ms < kSecond ? "now" : one_unit(ms);
}

std::string moment(WallTime then, WallTime now) {
  auto text = format_time(then);
  text[10] = ' ';
  const auto ago = age(then, now);
  const bool past = ago != "now" && !ago.starts_with("in ");
  return fmt::format("{}  ({}{})", text, ago, past ? " ago" : "");
}

}  // namespace conduitd::ctl
