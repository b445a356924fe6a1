#pragma once
// Fires schedules. Every worker does this, for all schedules that a live worker announces: there is no leader to lose.

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task_group.h"
#include "base/wakeup.h"
#include "broker/directory.h"
#include "broker/schedules.h"

namespace conduitd::schedule {

/// Owned by app; core loop only. `set` before `start`, and at each reload; `stop` before destruction.
/// A broker that is away is asked again: what became due meanwhile is dealt with as its `missed` says.
class Ticker {
 public:
  Ticker(boost::asio::any_io_executor executor, Clock& clock, broker::Schedules& schedules, broker::Directory& directory);

  /// The schedules that this worker announces from now on.
  void set(std::vector<job::Schedule> own);
  void start();
  boost::asio::awaitable<void> stop();

  /// Announces this worker's own.
  boost::asio::awaitable<Result<>> announce();
  /// Deals with every time that is due; how long until the next look is worth while.
  boost::asio::awaitable<Result<Millis>> look();

 private:
  boost::asio::awaitable<void> keep_announcing();
  boost::asio::awaitable<void> keep_looking();
  boost::asio::awaitable<Result<job::Earlier>> earlier_of(const broker::ScheduleState& state, WallTime now);
  Result<job::CronSchedule> times_of(const job::Schedule& schedule);
  boost::asio::awaitable<Result<job::Plan>> plan_for(const broker::ScheduleState& state, WallTime now);

  Clock& clock_;
  broker::Schedules& schedules_;
  broker::Directory& directory_;
  std::vector<job::Schedule> own_;
  std::map<std::string, job::CronSchedule> times_;  // by zone and expression, as they were understood
  std::map<std::string, WallTime> busy_until_;  // by name, when its last job was last seen before its end: its record may go at once
  Wakeup changed_;
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::schedule
