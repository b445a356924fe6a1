#pragma once
// Why a job is not running, from what a broker and its workers say. Pure.

#include <optional>
#include <string>
#include <vector>

#include "broker/directory.h"
#include "broker/flows.h"

namespace conduitd::ctl {

/// What is known beside the job itself.
struct Surroundings {
  std::optional<broker::Standing> standing;  ///< of a job that waits in its queue
  std::optional<broker::TaskInfo> task;      ///< as announced; nothing: by nobody
  std::vector<broker::WorkerInfo> workers;   ///< live ones
  std::vector<broker::Glance> others;        ///< the jobs that hold it, or that its attempt waits for
};

struct Reason {
  /// Stable, for programs: paused_queue, paused_task, no_worker, no_reader, draining, no_resources, resources, concurrency, rate, queue_concurrency,
  /// slots, next, scheduled, held, retrying, running, waits, ended.
  std::string code;
  std::string text;    ///< a sentence without its full stop
  std::string advice;  ///< what to do about it; may be empty
};

/// The jobs that one waits for: those that hold it, or those that its running attempt waits for.
[[nodiscard]] const std::vector<std::string>& others_of(const job::JobRecord& job);
/// The limits that a task announced.
[[nodiscard]] std::vector<job::Limit> announced_limits(const broker::TaskInfo& task);
/// Those that hold now, the strongest first; never empty.
[[nodiscard]] std::vector<Reason> reasons_of(const job::JobRecord& job, const Surroundings& around, WallTime now);

/// What happened to a job, in order of time.
struct Happening {
  WallTime time;
  std::string text;
  bool bad = false;
};
[[nodiscard]] std::vector<Happening> timeline_of(const job::JobRecord& job);

}  // namespace conduitd::ctl
