#include "schedule_calls.h"

#include <algorithm>

namespace asio = boost::asio;

namespace conduit::detail {

using conduitd::Result;
using conduitd::broker::Connection;

asio::awaitable<Result<ShownSchedule>> add_schedule(Connection& connection, Routes& routes, conduitd::job::Schedule schedule) {
  if (schedule.queue.empty()) {
    std::vector<conduitd::job::NewJob> jobs(1);
    jobs.front().task = schedule.task;
    jobs.front().queue.clear();
    co_await routes.name_queues(*connection.directory, jobs);
    schedule.queue = std::move(jobs.front().queue);
  }
  co_return co_await conduitd::broker::add_and_show(*connection.schedules, std::move(schedule));
}

asio::awaitable<Result<std::optional<ShownSchedule>>> find_schedule(Connection& connection, std::string name) {
  CONDUIT_CO_TRY(auto list, co_await conduitd::broker::list_schedules(*connection.schedules, *connection.directory));
  const auto found = std::ranges::find_if(list.schedules, [&](const auto& state) { return state.schedule.name == name; });
  if (found == list.schedules.end()) co_return std::optional<ShownSchedule>();
  co_return std::optional(ShownSchedule(std::move(*found), list.now));
}

asio::awaitable<Result<bool>> pause_schedule(Connection& connection, std::string name, bool paused) {
  CONDUIT_CO_TRY(co_await conduitd::broker::pause_named(*connection.schedules, *connection.directory, std::move(name), paused));
  co_return true;
}

asio::awaitable<Result<bool>> remove_schedule(Connection& connection, std::string name) {
  CONDUIT_CO_TRY(co_await conduitd::broker::delete_named(*connection.schedules, *connection.directory, std::move(name)));
  co_return true;
}

}  // namespace conduit::detail
