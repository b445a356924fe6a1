#pragma once
// Schedules as a broker keeps them. Every worker may fire any of them: what was dealt with is moved on in the same step in
// which jobs are accepted, so a time is fired once, whoever does it.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "job/schedule.h"

namespace conduitd::broker {

struct ScheduleState {
  job::Schedule schedule;
  bool paused = false;
  bool alive = false;                  ///< a worker that is alive announces it
  WallTime done_until;                 ///< times up to here are dealt with
  std::string last_job;                ///< the last one submitted; empty: none yet
  std::vector<job::ScheduleRun> runs;  ///< newest first, the last job::kRunsKept
  std::string fault;                   ///< not empty: what is kept cannot be read, and this says why
};

struct ScheduleList {
  std::vector<ScheduleState> schedules;  ///< by name
  WallTime now;                          ///< the broker's clock
};

/// Times of one schedule that are dealt with.
struct Firing {
  std::string name;
  WallTime seen;                       ///< ScheduleState::done_until as it was when this was decided
  WallTime done_until;
  std::vector<job::ScheduleRun> runs;  ///< oldest first
  std::vector<std::size_t> fired;      ///< which of `runs` submit a job
};

/// Thread, failure and ownership as for Broker, which the same object implements.
class Schedules {
 public:
  virtual ~Schedules() = default;

  /// A worker announces those it has, at start, at reload, and each `interval` for as long as it lives. A new one begins
  /// now, by the broker's clock; so does one whose expression or zone has changed. What was defined last counts.
  virtual boost::asio::awaitable<Result<>> define(std::vector<job::Schedule> schedules, Millis interval) = 0;
  virtual boost::asio::awaitable<Result<ScheduleList>> schedules() = 0;
  /// Submits the jobs of a firing, unless the schedule has moved on, was paused or forgotten since: then nothing is done.
  /// Returns whether it was done.
  virtual boost::asio::awaitable<Result<bool>> fire(Firing firing) = 0;
  /// Errc::not_found if there is none of that name. One that goes on after a pause begins with the next time.
  virtual boost::asio::awaitable<Result<>> set_schedule_paused(std::string name, bool paused) = 0;
  /// Forgets a schedule; it comes back if a worker still announces it.
  virtual boost::asio::awaitable<Result<>> remove_schedule(std::string name) = 0;
};

}  // namespace conduitd::broker
