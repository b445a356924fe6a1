#include "schedule/ticker.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace asio = boost::asio;

namespace conduitd::schedule {
namespace {

constexpr Millis kAnnounceInterval{5'000};
// Pauses and schedules of other workers are seen this late.
constexpr Millis kLongestPause{1'000};
constexpr Millis kShortestPause{5};
// With no schedule anywhere there is nothing to be late for.
constexpr Millis kIdlePause{5'000};

broker::Firing firing_of(const broker::ScheduleState& state, const job::Plan& plan) {
  broker::Firing out;
  out.name = state.schedule.name;
  out.seen = state.done_until;
  out.done_until = plan.times.back().time;
  for (const auto& time : plan.times) {
    if (time.fire) out.fired.push_back(out.runs.size());
    out.runs.push_back({time.time, "", time.note});
  }
  return out;
}

void tell(const std::string& schedule, const job::Plan& plan) {
  if (plan.forgotten > 0) log::warning("times of a schedule were forgotten: too many waited", {{"schedule", schedule}, {"times", plan.forgotten}});
  for (const auto& time : plan.times) {
    if (time.fire && time.note.empty()) continue;
    log::info(time.fire ? "a time of a schedule is fired late" : "a time of a schedule was left out",
              {{"schedule", schedule}, {"time", format_time(time.time)}, {"why", time.note}});
  }
}

}  // namespace

Ticker::Ticker(asio::any_io_executor executor, Clock& clock, broker::Schedules& schedules, broker::Directory& directory)
    : clock_(clock), schedules_(schedules), directory_(directory), changed_(executor, clock), tasks_(executor) {}

void Ticker::set(std::vector<job::Schedule> own) {
  own_ = std::move(own);
  changed_.notify();
}

void Ticker::start() {
  tasks_.spawn("announce schedules", keep_announcing());
  tasks_.spawn("fire schedules", keep_looking());
}

asio::awaitable<void> Ticker::stop() { return tasks_.stop(); }

asio::awaitable<Result<>> Ticker::announce() {
  auto own = own_;
  co_return co_await schedules_.define(std::move(own), kAnnounceInterval);
}

asio::awaitable<void> Ticker::keep_announcing() {
  while (!tasks_.stopping()) {
    // That the broker is away is found, and told, by those who ask it more often.
    const auto announced = co_await announce();
    if (!announced.has_value() && !announced.error().is_transient()) {
      log::error("the schedules cannot be announced", {{"why", announced.error().message()}});
    }
    co_await changed_.wait_until(clock_.now() + kAnnounceInterval);
  }
}

asio::awaitable<void> Ticker::keep_looking() {
  while (!tasks_.stopping()) {
    const auto next = co_await look();
    if (!next.has_value() && !next.error().is_transient()) {
      log::error("the schedules cannot be looked at", {{"why", next.error().message()}});
    }
    co_await clock_.sleep_for(next.has_value() ? next.value() : kLongestPause);
  }
}

asio::awaitable<Result<job::Earlier>> Ticker::earlier_of(const broker::ScheduleState& state, WallTime now) {
  job::Earlier out;
  if (state.last_job.empty()) co_return out;
  auto id = state.last_job;
  CONDUIT_CO_TRY(const auto record, co_await directory_.find(std::move(id)));
  out.running = record && !job::is_final(record->status);
  if (out.running) {
    out.until = busy_until_[state.schedule.name] = now;
  } else if (const auto seen = busy_until_.extract(state.schedule.name)) {
    out.until = seen.mapped();
  }
  if (!out.running && record && record->ended_at) out.until = std::max(out.until, *record->ended_at);
  co_return out;
}

Result<job::CronSchedule> Ticker::times_of(const job::Schedule& schedule) {
  constexpr std::size_t kMostKept = 10'000;
  auto key = schedule.timezone + ' ' + schedule.expression;
  if (const auto known = times_.find(key); known != times_.end()) return known->second;
  CONDUIT_TRY(const auto times, job::CronSchedule::make(schedule.expression, schedule.timezone));
  if (times_.size() >= kMostKept) times_.clear();
  times_.emplace(std::move(key), times);
  return times;
}

asio::awaitable<Result<job::Plan>> Ticker::plan_for(const broker::ScheduleState& state, WallTime now) {
  CONDUIT_CO_TRY(const auto times, times_of(state.schedule));
  auto plan = job::plan(state.schedule, times, state.done_until, now);
  if (plan.times.empty() || state.schedule.overlap == job::Overlap::allow) co_return plan;
  CONDUIT_CO_TRY(const auto earlier, co_await earlier_of(state, now));
  co_return job::plan(state.schedule, times, state.done_until, now, earlier);
}

asio::awaitable<Result<Millis>> Ticker::look() {
  CONDUIT_CO_TRY(const auto list, co_await schedules_.schedules());
  if (list.schedules.empty()) co_return own_.empty() ? kIdlePause : kLongestPause;
  auto pause = kLongestPause;
  for (const auto& state : list.schedules) {
    if (!state.fault.empty() || state.paused || !state.alive) continue;
    const auto planned = co_await plan_for(state, list.now);
    if (!planned.has_value() && planned.error().is(Errc::invalid_argument)) continue;  // somebody wrote over it: cron list shows it
    CONDUIT_CO_TRY(const auto plan, planned);
    if (plan.next) pause = std::min(pause, *plan.next - list.now);
    if (plan.times.empty()) continue;
    auto firing = firing_of(state, plan);
    CONDUIT_CO_TRY(const bool fired, co_await schedules_.fire(std::move(firing)));
    if (fired) tell(state.schedule.name, plan);
  }
  co_return std::max(pause, kShortestPause);
}

}  // namespace conduitd::schedule
