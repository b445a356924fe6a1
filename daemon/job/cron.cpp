#include "job/cron.h"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/text.h"

namespace conduitd::job {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;

struct Field {
  std::string_view name;
  int low;
  int high;
  std::vector<std::string_view> words;  // names of the values from `first_word` on
  int first_word = 0;
};

const Field kSecond{"second", 0, 59, {}};
const Field kMinute{"minute", 0, 59, {}};
const Field kHour{"hour", 0, 23, {}};
const Field kDay{"day of month", 1, 31, {}};
const Field kMonth{"month", 1, 12, {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}, 1};
const Field kWeekday{"day of week", 0, 7, {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, 0};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNicknames{{{"@yearly", "0 0 1 1 *"},
                                                                                 {"@annually", "0 0 1 1 *"},
                                                                                 {"@monthly", "0 0 1 * *"},
                                                                                 {"@weekly", "0 0 * * 0"},
                                                                                 {"@daily", "0 0 * * *"},
                                                                                 {"@midnight", "0 0 * * *"},
                                                                                 {"@hourly", "0 * * * *"}}};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto at = text.find(separator);
    out.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    text.remove_prefix(at + 1);
  }
}

std::vector<std::string_view> fields_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

Error fault_in(const Field& field, std::string_view text) {
  const auto shown = escape_control(truncate(text, 100));
  const auto others = fmt::format("*, lists, ranges that rise and steps of at most {} are allowed", field.high);
  if (field.words.empty()) {
    return {Errc::invalid_argument, fmt::format("{} '{}': {} to {}, {}", field.name, shown, field.low, field.high, others)};
  }
  return {Errc::invalid_argument, fmt::format("{} '{}': {} to {}, {} to {}, {}", field.name, shown, field.low, field.high,
                                              field.words.front(), field.words.back(), others)};
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || text.starts_with('-')) return std::nullopt;
  return value;
}

std::optional<int> value_of(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.words.size(); ++i) {
    const auto word = field.words[i];
    const bool same = std::equal(text.begin(), text.end(), word.begin(), word.end(),
                                 [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 'a' + 'A' : a) == b; });
    if (same) return field.first_word + static_cast<int>(i);
  }
  const auto value = number(text);
  return value && *value >= field.low && *value <= field.high ? value : std::nullopt;
}

struct Part {
  int low;
  int high;
  int step = 1;
  bool any = false;  // *
  bool stepped = false;
};

/// "*", "5", "MON-FRI", "*/15", "10-50/5", "10/5" (from 10 on).
Result<Part> read_part(const Field& field, std::string_view text) {
  Part out{field.low, field.high};
  const auto slash = text.find('/');
  const auto range = text.substr(0, slash);
  if (slash != std::string_view::npos) {
    const auto step = number(text.substr(slash + 1));
    if (!step || *step < 1 || *step > field.high) return fault_in(field, text);
    out.step = *step;
    out.stepped = true;
  }
  if (range == "*" || range == "?") {
    out.any = true;
    return out;
  }
  const auto dash = range.find('-');
  const auto low = value_of(field, range.substr(0, dash));
  if (!low) return fault_in(field, text);
  out.low = *low;
  if (dash != std::string_view::npos) {
    const auto high = value_of(field, range.substr(dash + 1));
    if (!high || *high < *low) return fault_in(field, text);
    out.high = *high;
  } else if (!out.stepped) {
    out.high = *low;
  }
  return out;
}

struct Read {
  std::bitset<60> values;
  bool any = false;      // all values, by *
  bool stepped = false;
};

Result<Read> read_field(const Field& field, std::string_view text) {
  Read out;
  for (const auto part_text : split(text, ',')) {
    CONDUIT_TRY(const auto part, read_part(field, part_text));
    for (int value = part.low; value <= part.high; value += part.step) out.values.set(static_cast<std::size_t>(value));
    out.any = out.any || (part.any && part.step == 1);
    out.stepped = out.stepped || part.stepped;
  }
  return out;
}

template <std::size_t N>
std::bitset<N> narrowed(const std::bitset<60>& values) {
  std::bitset<N> out;
  for (std::size_t i = 0; i < N && i < values.size(); ++i) out[i] = values[i];
  return out;
}

/// The first one that is set, from `from` on; N if there is none.
template <std::size_t N>
std::size_t first_from(const std::bitset<N>& values, std::size_t from) {
  while (from < N && !values[from]) ++from;
  return from;
}

const date::time_zone& zone_of(const void* zone) { return *static_cast<const date::time_zone*>(zone); }

date::sys_seconds to_date(std::chrono::sys_seconds time) { return date::sys_seconds(time.time_since_epoch()); }

}  // namespace

Result<CronExpression> CronExpression::parse(std::string_view text) {
  auto fields = fields_of(text);
  if (fields.size() == 1 && fields[0].starts_with('@')) {
    const auto known = std::find_if(kNicknames.begin(), kNicknames.end(), [&](const auto& name) { return name.first == fields[0]; });
    if (known == kNicknames.end()) {
      return Error(Errc::invalid_argument, fmt::format("'{}' is not known: @yearly, @monthly, @weekly, @daily and @hourly are",
                                                       escape_control(truncate(fields[0], 100))));
    }
    fields = fields_of(known->second);
  }
  if (fields.size() != 5 && fields.size() != 6) {
    return Error(Errc::invalid_argument,
                 fmt::format("'{}' has {} fields: minute, hour, day of month, month and day of week are needed, and may have a second "
                             "before them", escape_control(truncate(text, 100)), fields.size()));
  }
  CronExpression out;
  const bool with_seconds = fields.size() == 6;
  CONDUIT_TRY(const auto second, read_field(kSecond, with_seconds ? fields[0] : "0"));
  const auto* field = fields.data() + (with_seconds ? 1 : 0);
  CONDUIT_TRY(const auto minute, read_field(kMinute, field[0]));
  CONDUIT_TRY(const auto hour, read_field(kHour, field[1]));
  CONDUIT_TRY(const auto day, read_field(kDay, field[2]));
  CONDUIT_TRY(const auto month, read_field(kMonth, field[3]));
  CONDUIT_TRY(auto weekday, read_field(kWeekday, field[4]));
  if (weekday.values[7]) weekday.values.set(0);
  out.seconds_ = second.values;
  out.minutes_ = minute.values;
  out.hours_ = narrowed<24>(hour.values);
  out.days_ = narrowed<32>(day.values);
  out.months_ = narrowed<13>(month.values);
  out.weekdays_ = narrowed<7>(weekday.values);
  out.any_day_ = day.any;
  out.any_weekday_ = weekday.any;
  out.repeats_hourly_ = hour.any || hour.stepped;
  if (!out.ever_fires()) {
    return Error(Errc::invalid_argument, fmt::format("'{}' never fires: none of its months has such a day", escape_control(truncate(text, 100))));
  }
  return out;
}

bool CronExpression::ever_fires() const {
  if (!any_weekday_) return true;  // each month has every day of the week, and either will do
  constexpr std::array<std::size_t, 13> kLongest{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const auto first_day = first_from(days_, 1);
  for (std::size_t month = 1; month <= 12; ++month) {
    if (months_[month] && first_day <= kLongest[month]) return true;
  }
  return false;
}

bool CronExpression::matches_day(sys_days day) const {
  const std::chrono::year_month_day date(day);
  if (!months_[static_cast<unsigned>(date.month())]) return false;
  const bool by_day = days_[static_cast<unsigned>(date.day())];
  const bool by_weekday = weekdays_[std::chrono::weekday(day).c_encoding()];
  if (any_day_) return by_weekday;
  if (any_weekday_) return by_day;
  return by_day || by_weekday;
}

std::optional<seconds> CronExpression::time_of_day(seconds from) const {
  const std::chrono::hh_mm_ss start(from);
  const auto begin_hour = static_cast<std::size_t>(start.hours().count());
  for (auto hour = first_from(hours_, begin_hour); hour < 24; hour = first_from(hours_, hour + 1)) {
    const bool first_hour = hour == begin_hour;
    const auto begin_minute = first_hour ? static_cast<std::size_t>(start.minutes().count()) : 0;
    for (auto minute = first_from(minutes_, begin_minute); minute < 60; minute = first_from(minutes_, minute + 1)) {
      const bool first_minute = first_hour && minute == begin_minute;
      const auto second = first_from(seconds_, first_minute ? static_cast<std::size_t>(start.seconds().count()) : 0);
      if (second < 60) return hours(hour) + minutes(minute) + seconds(second);
    }
  }
  return std::nullopt;
}

LocalSeconds CronExpression::next(LocalSeconds after) const {
  const auto from = after + seconds(1);
  auto day = std::chrono::floor<days>(from);
  auto start = from - day;
  // 29 February may be eight years away, and `parse` saw to it that there is such a day.
  for (;; ++day, start = decltype(start)(0)) {
    if (!matches_day(sys_days(day))) continue;
    if (const auto time = time_of_day(start)) return sys_days(day) + *time;
  }
}

bool CronExpression::matches(LocalSeconds time) const { return next(time - seconds(1)) == time; }

Result<CronSchedule> CronSchedule::make(std::string_view expression, std::string_view zone) {
  CONDUIT_TRY(const auto parsed, CronExpression::parse(expression));
  try {
    return CronSchedule(parsed, date::locate_zone(zone.empty() ? std::string("UTC") : std::string(zone)));
  } catch (const std::exception&) {
    return Error(Errc::invalid_argument, fmt::format("'{}' is not a time zone that this system knows: write an IANA name, as in "
                                                     "\"Europe/Berlin\"", escape_control(truncate(zone, 100))));
  }
}

WallTime CronSchedule::next(WallTime after) const {
  const auto& zone = zone_of(zone_);
  const auto from = std::chrono::floor<seconds>(after);
  const auto start = to_date(from);
  auto local = LocalSeconds(zone.to_local(start).time_since_epoch());
  if (expression_.repeats_hourly()) {
    // Each stretch between two changes of the offset is a wall clock of its own.
    auto info = zone.get_info(start);
    for (;;) {
      const auto found = expression_.next(local) - info.offset;
      if (to_date(found) < info.end) return found;
      const auto change = info.end;
      info = zone.get_info(change);
      local = LocalSeconds((change + info.offset).time_since_epoch()) - seconds(1);
    }
  }
  for (;;) {
    local = expression_.next(local);
    const auto info = zone.get_info(date::local_seconds(local.time_since_epoch()));
    const bool skipped = info.result == date::local_info::nonexistent;
    const auto found = skipped ? LocalSeconds(info.first.end.time_since_epoch()) : local - info.first.offset;
    if (found > from) return found;
  }
}

}  // namespace conduitd::job
