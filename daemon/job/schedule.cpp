#include "job/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/text.h"
#include "job/id.h"

namespace conduitd::job {
namespace {

// A time that is later than this was missed: no worker was there.
constexpr Millis kOnTime{60'000};

template <class T, std::size_t N>
std::optional<T> by_name(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  return found != names.end() ? std::optional(static_cast<T>(found - names.begin())) : std::nullopt;
}

/// How long a time is put off: drawn from the name and the time, so that all workers agree.
Millis jitter_of(const Schedule& schedule, WallTime time) {
  if (schedule.jitter <= Millis{0}) return Millis{0};
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  const auto mix = [&hash](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3U; };
  for (const char c : schedule.name) mix(static_cast<unsigned char>(c));
  for (auto ms = static_cast<std::uint64_t>(to_unix_ms(time)); ms != 0; ms >>= 8U) mix(static_cast<unsigned char>(ms));
  return Millis{static_cast<std::int64_t>(hash % (static_cast<std::uint64_t>(schedule.jitter.count()) + 1))};
}

/// The times that are due, the last kMostMissed of them, and the first that is not.
struct Due {
  std::deque<WallTime> times;
  std::size_t forgotten = 0;
  WallTime next;
};

Due due_times(const Schedule& schedule, const CronSchedule& times, WallTime done_until, WallTime now) {
  Due out;
  for (auto time = times.next(done_until);; time = times.next(time)) {
    if (time + jitter_of(schedule, time) > now) {
      out.next = time + jitter_of(schedule, time);
      return out;
    }
    out.times.push_back(time);
    if (out.times.size() <= kMostMissed) continue;
    out.times.pop_front();
    ++out.forgotten;
  }
}

}  // namespace

std::string_view to_string(Missed missed) { return kMissedNames.at(static_cast<std::size_t>(missed)); }
std::optional<Missed> parse_missed(std::string_view text) { return by_name<Missed>(kMissedNames, text); }
std::string_view to_string(Overlap overlap) { return kOverlapNames.at(static_cast<std::size_t>(overlap)); }
std::optional<Overlap> parse_overlap(std::string_view text) { return by_name<Overlap>(kOverlapNames, text); }

Result<> check(const Schedule& schedule) {
  CONDUIT_TRY(check_name("schedule", schedule.name));
  NewJob job;
  job.task = schedule.task;
  job.queue = schedule.queue;
  job.args = schedule.args;
  CONDUIT_TRY(check(job));
  if (schedule.jitter < Millis{0}) return Error(Errc::invalid_argument, "jitter: it cannot be negative");
  CONDUIT_TRY(CronSchedule::make(schedule.expression, schedule.timezone));
  return ok();
}

std::string encode(const Schedule& schedule) {
  Json out;
  out.set("task", schedule.task).set("queue", schedule.queue).set("args", schedule.args).set("schedule", schedule.expression);
  out.set("timezone", schedule.timezone).set("missed", to_string(schedule.missed)).set("overlap", to_string(schedule.overlap));
  out.set("jitter", schedule.jitter.count());
  return out.text();
}

Result<Schedule> schedule_from(std::string_view name, std::string_view text) {
  const auto json = parse_json(text);
  Schedule out;
  out.name = name;
  if (!json.has_value()) return Error(Errc::protocol, fmt::format("schedule '{}': what is kept of it cannot be read", name));
  const auto& members = json.value();
  out.task = members.string_or("task", "");
  out.queue = members.string_or("queue", "default");
  out.args = members.string_or("args", "{}");
  out.expression = members.string_or("schedule", "");
  out.timezone = members.string_or("timezone", "");
  out.missed = parse_missed(members.string_or("missed", "")).value_or(Missed::latest);
  out.overlap = parse_overlap(members.string_or("overlap", "")).value_or(Overlap::skip);
  out.jitter = Millis{members.int_or("jitter", 0)};
  // This is read each second: the expression is understood, once, by whoever needs its times.
  if (is_valid_name(out.task) && is_valid_name(out.queue) && !out.expression.empty()) return out;
  return Error(Errc::protocol, fmt::format("schedule '{}': what is kept of it makes no sense", name));
}

std::string encode(const std::vector<ScheduleRun>& runs) {
  Json out{Json::Array{}};
  for (const auto& run : runs) {
    Json one;
    one.set("time", to_unix_ms(run.time)).set("job", run.job_id).set("note", run.note);
    out.push(std::move(one));
  }
  return out.text();
}

std::vector<ScheduleRun> runs_from(std::string_view text) {
  std::vector<ScheduleRun> out;
  const auto json = parse_json(text);
  if (!json.has_value() || json.value().as_array() == nullptr) return out;
  for (const auto& one : *json.value().as_array()) {
    out.push_back({from_unix_ms(one.int_or("time", 0)), one.string_or("job", ""), one.string_or("note", "")});
  }
  return out;
}

Plan plan(const Schedule& schedule, const CronSchedule& times, WallTime done_until, WallTime now, const Earlier& earlier) {
  auto due = due_times(schedule, times, done_until, now);
  bool busy = earlier.running;
  Plan out;
  out.next = due.next;
  if (due.times.empty()) return out;
  const bool queues = schedule.overlap == Overlap::queue;
  if (busy && queues) {
    out.next.reset();
    return out;
  }
  out.forgotten = due.forgotten;
  // Whatever stands behind a time that was held back waits for its turn too.
  const bool held = queues && due.times.front() <= earlier.until;
  for (std::size_t i = 0; i < due.times.size(); ++i) {
    const auto time = due.times[i];
    const bool last = i + 1 == due.times.size();
    const bool missed = !held && now - time > kOnTime + schedule.jitter;
    Plan::Time made{time, true, missed ? "made up for" : held ? "waited for the job before" : ""};
    if (missed && (schedule.missed == Missed::skip || (schedule.missed == Missed::latest && !last))) {
      made = {time, false, "missed: no worker was there"};
    } else if (busy && schedule.overlap == Overlap::skip) {
      made = {time, false, "the job before has not ended"};
    }
    out.times.push_back(made);
    if (!made.fire) continue;
    busy = true;
    // The rest waits until this one has ended.
    if (queues && !last) {
      out.next.reset();
      break;
    }
  }
  return out;
}

}  // namespace conduitd::job
