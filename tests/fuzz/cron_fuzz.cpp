// Cron expressions in a time zone: whatever is accepted fires, later and later, at times that it names. An input is the
// expression, a line with the zone, and a line with the Unix seconds to look from; the last two may be missing.
#include <charconv>

#include "fuzz.h"
#include "job/cron.h"

namespace conduitd::fuzz {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

// 29 February may be eight years away (1896, 1904), and its day of the week does not matter: either day will do.
constexpr std::chrono::days kLongestWait{9 * 366};

std::string_view take_line(std::string_view& input) {
  const auto end = input.find('\n');
  const auto line = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return line;
}

/// Within 1970 to 2200.
sys_seconds moment_in(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return sys_seconds(seconds(value % 7'258'118'400));
}

void check_expression(const job::CronExpression& cron, sys_seconds from) {
  for (int i = 0; i < 4; ++i) {
    const auto next = cron.next(from);
    FUZZ_HOLDS(next > from && next - from < kLongestWait);
    FUZZ_HOLDS(cron.matches(next));
    // It is the first one, from wherever between the two it is looked for.
    FUZZ_HOLDS(cron.next(from + (next - from) / 2) == next);
    FUZZ_HOLDS(cron.next(next - seconds(1)) == next);
    from = next;
  }
}

void check_schedule(const job::CronSchedule& schedule, sys_seconds from) {
  WallTime last = from;
  for (int i = 0; i < 4; ++i) {
    const auto next = schedule.next(last);
    FUZZ_HOLDS(next > last && next - last < kLongestWait);
    FUZZ_HOLDS(schedule.next(next - seconds(1)) == next);
    last = next;
  }
}

}  // namespace

void run(std::string_view input) {
  const auto expression = take_line(input);
  const auto zone = take_line(input);
  const auto from = moment_in(input);
  const auto cron = job::CronExpression::parse(expression);
  if (cron.has_value()) check_expression(cron.value(), from);
  const auto schedule = job::CronSchedule::make(expression, zone);
  FUZZ_HOLDS(cron.has_value() || !schedule.has_value());
  if (schedule.has_value()) check_schedule(schedule.value(), from);
}

}  // namespace conduitd::fuzz
