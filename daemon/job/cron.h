#pragma once
// Cron expressions, and the moments they stand for in a time zone. Pure: no clock is read, only the time-zone data of the
// system.

#include <array>
#include <bitset>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace conduitd::job {

/// Seconds of a wall clock since 1970-01-01 00:00:00 on that clock.
using LocalSeconds = std::chrono::sys_seconds;

/// Five fields (minute, hour, day of month, month, day of week) or six (a second before them); `*`, `?`, lists, ranges,
/// steps, names (JAN, MON), 0 and 7 for Sunday; or @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly.
/// If both days are restricted, either will do, as in every cron since Vixie's.
class CronExpression {
 public:
  /// Errc::invalid_argument, with the field named, for what cannot be read, and for what no year would ever fire.
  [[nodiscard]] static Result<CronExpression> parse(std::string_view text);

  /// The first time on the wall clock after `after` that the expression names.
  [[nodiscard]] LocalSeconds next(LocalSeconds after) const;
  [[nodiscard]] bool matches(LocalSeconds time) const;
  /// The hour is `*` or has a step: it repeats through the day, and follows time as it passes, not the wall clock's jumps.
  [[nodiscard]] bool repeats_hourly() const { return repeats_hourly_; }

 private:
  [[nodiscard]] bool matches_day(std::chrono::sys_days day) const;
  [[nodiscard]] std::optional<std::chrono::seconds> time_of_day(std::chrono::seconds from) const;
  [[nodiscard]] bool ever_fires() const;

  std::bitset<60> seconds_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;      // 1 to 31
  std::bitset<13> months_;    // 1 to 12
  std::bitset<7> weekdays_;   // 0: Sunday
  bool any_day_ = true;       // the day of the month is *
  bool any_weekday_ = true;
  bool repeats_hourly_ = true;
};

/// An expression in a zone. What it does when clocks change:
/// - A time that is skipped (02:30 when 02:00 becomes 03:00) fires once, right after the gap, so no day is left out.
/// - A time that comes twice fires the first time.
/// - If the hour is `*` or has a step, it fires at each moment whose wall clock fits: nothing is made up for in a gap, and
///   an hour that comes twice fires twice.
/// After 2037 a zone keeps the offset it has at the end of that year.
class CronSchedule {
 public:
  /// `zone` is an IANA name ("Europe/Berlin"); empty is UTC. Errc::invalid_argument if the system does not know it.
  [[nodiscard]] static Result<CronSchedule> make(std::string_view expression, std::string_view zone);

  /// The first moment after `after`, to the second.
  [[nodiscard]] WallTime next(WallTime after) const;

 private:
  CronSchedule(CronExpression expression, const void* zone) : expression_(expression), zone_(zone) {}

  CronExpression expression_;
  const void* zone_;  // of the time-zone library, which keeps them for ever
};

}  // namespace conduitd::job
