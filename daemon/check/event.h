#pragma once
// One line of a history (docs/check.md), as plain data. Names (jobs, workers, tasks) are numbers into History's tables.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/job.h"

namespace conduitd::check {

enum class Kind : std::uint8_t {
  submit, submit_ok, submit_fail, submit_unknown,            // a producer
  begin, finish_ok, finish_fenced, release, reclaim,         // a worker, with what the broker answered
  task_start, task_end, parent_resume,                       // a task, in its host
  cancel_ok, operator_retry, final_state, limit,             // an operator, and the reading at the end
  fault, sample, metrics,                                    // whoever does harm, and whoever looks on
};
inline constexpr std::array<std::string_view, 19> kKindNames{
    "submit",    "submit_ok",  "submit_fail", "submit_unknown", "begin",     "finish_ok",      "finish_fenced",
    "release",   "reclaim",    "task_start",  "task_end",       "parent_resume", "cancel_ok",  "operator_retry",
    "final_state", "limit",    "fault",       "sample",         "metrics"};

using Name = std::uint32_t;
inline constexpr Name kNone = UINT32_MAX;

/// What only some lines have.
struct Detail {
  std::optional<double> not_before;         ///< submit_ok: wall time, Unix milliseconds
  std::string unique;                       ///< submit_ok
  std::optional<std::int64_t> retries;      ///< submit_ok
  std::int64_t weight = 1;                  ///< submit_ok: units of limits that it takes
  bool created = true;                      ///< submit_ok: false if an older job with the key was returned
  double after_ms = 0;                      ///< finish_ok as retrying: the pause that was ordered
  std::string word;                         ///< task_end: outcome; fault: what was done; sample: phase
  std::string role;                         ///< fault: supervisor, zygote, host, broker
  std::int64_t target = 0;                  ///< fault: the process
  std::vector<Name> children;               ///< parent_resume
  job::Counters counters;                   ///< final_state
  std::optional<double> ended;              ///< final_state: wall time, Unix milliseconds
  std::vector<job::AttemptRecord> runs;     ///< final_state: ended attempts, as far as they are kept
  std::string queue;                        ///< limit
  std::optional<std::int64_t> most;         ///< limit: running at once
  std::optional<std::int64_t> rate;         ///< limit: starts in `window`
  double window = 0;                        ///< milliseconds
  std::int64_t burst = 0;
  std::vector<std::pair<std::string, std::int64_t>> numbers;  ///< sample, metrics
};

struct Event {
  double time = 0;      ///< "m": monotonic milliseconds of the machine, when the line was written
  double sent = 0;      ///< "from": when the call behind it was made; `time` if the line does not say
  double wall = 0;      ///< "t": Unix milliseconds
  std::int64_t ref = -1;  ///< the producer's own number for a job
  Name job = kNone;
  Name worker = kNone;
  Name task = kNone;
  std::uint32_t attempt = 0;
  std::int32_t pid = 0;
  std::uint32_t file = 0;
  std::uint32_t line = 0;
  std::int32_t detail = -1;  ///< into History::details
  Kind kind = Kind::submit;
  std::optional<job::JobStatus> state;  ///< what the job became
  job::Settlement::Charge charge = job::Settlement::Charge::nothing;
  bool repeated = false;     ///< finish_ok: the broker said that this attempt had ended the job before
};

}  // namespace conduitd::check
