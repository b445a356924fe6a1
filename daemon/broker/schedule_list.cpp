#include "broker/schedule_list.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace asio = boost::asio;

namespace conduitd::broker {

asio::awaitable<Result<ScheduleList>> list_schedules(Schedules& schedules, Directory& directory) {
  CONDUIT_CO_TRY(auto list, co_await schedules.schedules());
  if (std::ranges::none_of(list.schedules, &ScheduleState::added)) co_return list;
  CONDUIT_CO_TRY(const auto workers, co_await directory.workers());
  for (auto& state : list.schedules) state.alive = state.alive && (!state.added || !workers.empty());
  co_return list;
}

asio::awaitable<Result<std::pair<ScheduleState, WallTime>>> named_schedule(Schedules& schedules, Directory& directory, std::string name) {
  CONDUIT_CO_TRY(const auto list, co_await list_schedules(schedules, directory));
  std::vector<std::string> names;
  for (const auto& state : list.schedules) {
    if (state.schedule.name == name) co_return std::pair(state, list.now);
    names.push_back(state.schedule.name);
  }
  const auto near = nearest(name, names);
  co_return Error(Errc::not_found, fmt::format("there is no schedule '{}'{}", escape_control(name), near ? fmt::format("; did you mean '{}'?", *near) : ""));
}

asio::awaitable<Result<std::pair<ScheduleState, WallTime>>> add_and_show(Schedules& schedules, job::Schedule schedule) {
  const auto name = schedule.name;
  CONDUIT_CO_TRY(co_await schedules.add_schedule(std::move(schedule)));
  CONDUIT_CO_TRY(const auto list, co_await schedules.schedules());
  const auto kept = std::ranges::find_if(list.schedules, [&](const auto& state) { return state.schedule.name == name; });
  if (kept == list.schedules.end()) co_return Error(Errc::not_found, fmt::format("schedule '{}' was deleted again", name));
  co_return std::pair(*kept, list.now);
}

asio::awaitable<Result<std::string>> run_named(Schedules& schedules, Directory& directory, std::string name) {
  CONDUIT_CO_TRY(co_await named_schedule(schedules, directory, name));
  co_return co_await schedules.run_schedule(std::move(name));
}

asio::awaitable<Result<>> pause_named(Schedules& schedules, Directory& directory, std::string name, bool paused) {
  CONDUIT_CO_TRY(co_await named_schedule(schedules, directory, name));
  co_return co_await schedules.set_schedule_paused(std::move(name), paused);
}

asio::awaitable<Result<>> delete_named(Schedules& schedules, Directory& directory, std::string name) {
  CONDUIT_CO_TRY(const auto found, co_await named_schedule(schedules, directory, name));
  if (found.first.alive && !found.first.added) {
    co_return Error(Errc::conflict, fmt::format("schedule '{}' is announced by a live worker: take it out of the configuration or the "
                                                "plugin and reload, or pause it", name));
  }
  co_return co_await schedules.remove_schedule(std::move(name));
}

std::vector<WallTime> next_times(const ScheduleState& state, WallTime now, std::size_t count) {
  std::vector<WallTime> out;
  if (state.paused || !state.alive || !state.fault.empty()) return out;
  const auto times = job::CronSchedule::make(state.schedule.expression, state.schedule.timezone);
  if (!times.has_value()) return out;
  for (auto time = std::max(state.done_until, now); out.size() < count;) out.push_back(time = times.value().next(time));
  return out;
}

std::string fault_of(const ScheduleState& state) {
  if (!state.fault.empty()) return state.fault;
  const auto times = job::CronSchedule::make(state.schedule.expression, state.schedule.timezone);
  return times.has_value() ? std::string() : times.error().message();
}

}  // namespace conduitd::broker
