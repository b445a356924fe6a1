#pragma once
// Schedules as a broker keeps them. Every worker may fire any of them: what was dealt with is moved on in the same step in
// which jobs are accepted, so a time is fired once, whoever does it.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "job/schedule.h"

namespace conduitd::broker {

/// A schedule that was added, and not announced, is kept as if it were announced until then.
inline constexpr std::int64_t kAddedUntil = 253'402'300'799'000;

struct ScheduleState {
  job::Schedule schedule;
  bool paused = false;
  bool alive = false;                  ///< a worker that is alive announces it, or it was added
  bool added = false;                  ///< by `add_schedule`: no worker has announced it since
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
  /// Keeps a schedule that no worker announces, until it is removed; any worker fires it. One that was added before is
  /// replaced, and begins now if its times are others. Errc::conflict if a worker that is alive announces the name; one that
  /// announces it later takes it over.
  virtual boost::asio::awaitable<Result<>> add_schedule(job::Schedule schedule) = 0;
  virtual boost::asio::awaitable<Result<ScheduleList>> schedules() = 0;
  /// Submits the jobs of a firing, unless the schedule has moved on, was paused or forgotten since: then nothing is done.
  /// Returns whether it was done.
  virtual boost::asio::awaitable<Result<bool>> fire(Firing firing) = 0;
  /// Submits a job now, beside the schedule's times and in a pause too; its id. Later times do not wait for it.
  virtual boost::asio::awaitable<Result<std::string>> run_schedule(std::string name) = 0;
  /// Errc::not_found if there is none of that name. One that goes on after a pause begins with the next time.
  virtual boost::asio::awaitable<Result<>> set_schedule_paused(std::string name, bool paused) = 0;
  /// Forgets a schedule; it comes back if a worker still announces it.
  virtual boost::asio::awaitable<Result<>> remove_schedule(std::string name) = 0;
};

/// Why a schedule cannot be added.
[[nodiscard]] Error announced_schedule(std::string_view name);
/// What the history says of a job that was not submitted by a time.
inline constexpr const char* kRunByHand = "by hand";

}  // namespace conduitd::broker
