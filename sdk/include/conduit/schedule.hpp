#pragma once
// Schedules as the client adds and shows them:
//
//   client.add_schedule({.name = "nightly", .task = "images.sweep", .schedule = "0 2 * * *",
//                        .timezone = "Europe/Berlin"});
//
// docs/schedules.md says what the members mean. Plain values; a task's own schedules are CronOptions
// (conduit/options.hpp).

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <conduit/json.hpp>
#include <conduit/options.hpp>

namespace conduit {

struct Schedule {
  std::string name;           ///< of its own in the namespace
  std::string task;           ///< whose jobs it submits; one that no worker has announced is no error: they wait
  std::string schedule;       ///< cron expression: five fields, or six with seconds; "@daily" and the like
  std::string timezone = {};  ///< IANA name; empty: UTC
  Missed missed = Missed::latest;
  Overlap overlap = Overlap::skip;
  std::chrono::milliseconds jitter{0};     ///< each time is put off by up to so much, at most a day
  Json args = Json::object();              ///< what the jobs are given
  std::optional<std::string> queue = {};   ///< left out: the task's own
};

/// One time of a schedule and what was made of it.
struct ScheduleRun {
  std::chrono::sys_time<std::chrono::milliseconds> time{};
  std::string job_id;  ///< empty: none was submitted
  std::string note;    ///< why not, that it was late, or "by hand"
};

struct ScheduleRecord {
  using Time = std::chrono::sys_time<std::chrono::milliseconds>;

  Schedule schedule;
  bool paused = false;
  bool added = false;             ///< by add_schedule() or conduitctl cron add; false: a worker has announced it
  bool alive = false;             ///< there is a worker that fires it
  std::vector<Time> next;         ///< the next five; none while it is paused or nobody fires it
  std::vector<ScheduleRun> runs;  ///< newest first, the last twenty
  std::string fault;              ///< what keeps it from ever firing; empty: nothing
};

}  // namespace conduit
