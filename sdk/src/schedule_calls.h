#pragma once
// What the client asks of a broker's schedules, once it is open. On the core's thread.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

#include "broker/open.h"
#include "broker/schedule_list.h"
#include "routes.h"

namespace conduit::detail {

using ShownSchedule = std::pair<conduitd::broker::ScheduleState, conduitd::WallTime>;

/// `schedule` has passed to_schedule(); its queue is the task's if it is empty.
boost::asio::awaitable<conduitd::Result<ShownSchedule>> add_schedule(conduitd::broker::Connection& connection, Routes& routes,
                                                                    conduitd::job::Schedule schedule);
/// One that is not there is nothing.
boost::asio::awaitable<conduitd::Result<std::optional<ShownSchedule>>> find_schedule(conduitd::broker::Connection& connection, std::string name);
boost::asio::awaitable<conduitd::Result<bool>> pause_schedule(conduitd::broker::Connection& connection, std::string name, bool paused);
boost::asio::awaitable<conduitd::Result<bool>> remove_schedule(conduitd::broker::Connection& connection, std::string name);

}  // namespace conduit::detail
