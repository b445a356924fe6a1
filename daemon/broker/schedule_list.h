#pragma once
// Schedules as operators and producers see and change them: what broker/schedules.h keeps, with what workers make of it.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <utility>
#include <vector>

#include "broker/directory.h"
#include "broker/schedules.h"

namespace conduitd::broker {

/// All, of which those that were added are alive if there is a worker at all.
boost::asio::awaitable<Result<ScheduleList>> list_schedules(Schedules& schedules, Directory& directory);

/// One of them, and the broker's clock. Errc::not_found, with the nearest name.
boost::asio::awaitable<Result<std::pair<ScheduleState, WallTime>>> named_schedule(Schedules& schedules, Directory& directory, std::string name);

/// Adds a schedule, whose task and queue are named, and gives it as it is kept.
boost::asio::awaitable<Result<std::pair<ScheduleState, WallTime>>> add_and_show(Schedules& schedules, job::Schedule schedule);

/// Runs, pauses or lets go on, and deletes one; Errc::not_found as above. One that a live worker announces is not deleted: Errc::conflict.
boost::asio::awaitable<Result<std::string>> run_named(Schedules& schedules, Directory& directory, std::string name);
boost::asio::awaitable<Result<>> pause_named(Schedules& schedules, Directory& directory, std::string name, bool paused);
boost::asio::awaitable<Result<>> delete_named(Schedules& schedules, Directory& directory, std::string name);

inline constexpr std::size_t kNextShown = 5;
/// The times that follow, as the schedule stands; none while nobody fires it.
[[nodiscard]] std::vector<WallTime> next_times(const ScheduleState& state, WallTime now, std::size_t count = kNextShown);

/// What keeps a schedule from ever firing; empty: nothing.
[[nodiscard]] std::string fault_of(const ScheduleState& state);

}  // namespace conduitd::broker
