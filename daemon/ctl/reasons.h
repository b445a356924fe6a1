#pragma once
// Why a job is not running, from what a broker and its workers say. Pure.

#include <optional>
#include <string>
#include <vector>

#include "broker/directory.h"
#include "broker/flows.h"

namespace conduitd::ctl {

/// One of several jobs that somebody waits for, and what holds it up.
struct Hanging {
  std::string id;
  std::string status;
  std::string why;
};

/// What is known beside the job itself.
struct Surroundings {
  std::optional<broker::Standing> standing;  ///< of a job that waits in its queue
  std::optional<broker::TaskInfo> task;      ///< as announced; nothing: by nobody
  std::vector<broker::WorkerInfo> workers;   ///< live ones
  std::vector<broker::Glance> others;        ///< those of others_of()
  std::vector<job::JobRecord> alike;         ///< running jobs of its task, if each worker has a limit of its own on that
  std::vector<job::JobRecord> above;         ///< those it descends from that run and wait for it, the nearest first
  std::optional<Hanging> hanging;            ///< of a job whose attempt waits for others
};

struct Reason {
  /// Stable, for programs: paused_queue, paused_task, no_worker, no_reader, draining, no_resources, resources, concurrency, rate, queue_concurrency,
  /// slots, next, scheduled, held, retrying, running, waits, ended.
  std::string code;
  std::string text;    ///< a sentence without its full stop
  std::string advice;  ///< what to do about it; may be empty
};

/// The jobs that it matters for how they stand: those that hold it, those that its running attempt waits for, or, if it was
/// cancelled, its parent.
[[nodiscard]] std::vector<std::string> others_of(const job::JobRecord& job);
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
