#pragma once
// What a broker knows of a job, as the client shows it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <conduit/json.hpp>

namespace conduit {

/// A job's states: the same words as everywhere in Conduit.
enum class JobStatus : std::uint8_t {
  scheduled,  ///< waits for its time
  queued,     ///< waits for a worker
  running,    ///< a worker has it
  retrying,   ///< failed, waits for its next attempt
  complete,   ///< ended: `result` is there
  failed,     ///< ended: see `reason` and `failure`
  cancelled,  ///< ended: somebody stopped it
  expired,    ///< ended: not started before its deadline
};

[[nodiscard]] constexpr std::string_view to_string(JobStatus status) {
  switch (status) {
    case JobStatus::scheduled:
      return "scheduled";
    case JobStatus::queued:
      return "queued";
    case JobStatus::running:
      return "running";
    case JobStatus::retrying:
      return "retrying";
    case JobStatus::complete:
      return "complete";
    case JobStatus::failed:
      return "failed";
    case JobStatus::cancelled:
      return "cancelled";
    case JobStatus::expired:
      return "expired";
  }
  return "unknown";
}

[[nodiscard]] constexpr bool has_ended(JobStatus status) { return status >= JobStatus::complete; }

/// What went wrong with the last attempt.
struct JobFailure {
  std::string type;  ///< "std::runtime_error", "signal", "timeout", "invalid_arguments"...
  std::string message;
  Json detail;  ///< object or null: signal, exit code, backtrace, JSON path
};

struct JobProgress {
  double fraction = 0;  ///< 0 to 1
  std::string message;
};

struct JobRecord {
  using Time = std::chrono::sys_time<std::chrono::milliseconds>;

  std::string id;
  std::string task;
  std::string queue;
  JobStatus status = JobStatus::queued;
  std::string reason;  ///< of a failed job: "exhausted", "poison", "invalid", "rejected"
  Json args;
  int priority = 5;
  std::optional<std::uint32_t> weight;  ///< its own, if it was submitted with one
  std::uint32_t attempts = 0;  ///< starts so far
  std::uint32_t failures = 0;  ///< attempts that ended in an error
  std::uint32_t crashes = 0;   ///< attempts whose host or worker died
  std::string parent_id;       ///< empty: submitted by no job
  std::string root_id;
  std::string traceparent;     ///< W3C Trace Context; empty: none
  std::string worker;  ///< the last one that had it
  bool cancel_requested = false;
  Time created_at{};
  std::optional<Time> due_at;
  std::optional<Time> started_at;
  std::optional<Time> ended_at;
  std::optional<JobProgress> progress;
  Json metadata;    ///< object
  Json checkpoint;  ///< null: none
  Json result;      ///< null unless complete
  std::optional<JobFailure> failure;

  [[nodiscard]] bool has_ended() const { return conduit::has_ended(status); }
};

}  // namespace conduit
