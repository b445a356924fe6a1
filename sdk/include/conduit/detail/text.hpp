#pragma once
// Small text work behind the SDK: durations, guesses at misspelt names, text made safe to send.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace conduit::detail {

struct DurationUnit {
  std::string_view name;
  std::int64_t ms;
};
// Coarsest first: format_duration takes the first that divides evenly.
inline constexpr DurationUnit kDurationUnits[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
/// A century: beyond it, arithmetic on points in time overflows.
inline constexpr double kLongestMs = 100.0 * 365 * 86'400'000;

/// "500ms", "1.5s", "10m", "24h", "7d" or "0", as in conduitd's configuration; milliseconds, or
/// nothing if it is none.
inline std::optional<double> parse_duration_ms(std::string_view text) {
  if (text == "0") return 0;
  const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  const auto parsed =
      std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
  if (digits == 0 || parsed.ec != std::errc{} || parsed.ptr != text.data() + digits) return {};
  for (const auto& unit : kDurationUnits) {
    if (text.substr(digits) == unit.name) return number * static_cast<double>(unit.ms);
  }
  return {};
}

/// The shortest exact form of a duration that is not negative: "1500ms", "10m", "24h".
inline std::string format_duration(std::chrono::milliseconds duration) {
  const std::int64_t ms = duration.count();
  if (ms == 0) return "0s";
  const auto* unit = std::find_if(std::begin(kDurationUnits), std::end(kDurationUnits),
                                  [ms](const auto& candidate) { return ms % candidate.ms == 0; });
  return std::to_string(ms / unit->ms).append(unit->name);
}

/// How many letters to add, drop, change, or swap with their neighbour to get from `a` to `b`.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> two_above;
  std::vector<std::size_t> above;
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    two_above = std::exchange(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], two_above[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

/// `; did you mean "width"?` if one of `names` is near enough to be a slip, otherwise the list of
/// them.
inline std::string suggestion(std::string_view word, const std::vector<std::string_view>& names) {
  const auto distance = [word](std::string_view name) {
    // Long text was not a slip of the fingers, and the distance costs its length times the name's.
    return word.size() > 64 ? word.size() : edit_distance(word, name);
  };
  const auto best = std::min_element(names.begin(), names.end(),
                                     [&](auto a, auto b) { return distance(a) < distance(b); });
  if (best == names.end()) return "; there are none";
  if (distance(*best) <= std::max<std::size_t>(1, word.size() / 3)) {
    return "; did you mean \"" + std::string(*best) + "\"?";
  }
  std::string out = "; known are ";
  for (std::size_t i = 0; i < names.size(); ++i) out.append(i == 0 ? "" : ", ").append(names[i]);
  return out;
}

}  // namespace conduit::detail
