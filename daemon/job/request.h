#pragma once
// A job as producers write it in JSON: a line of `conduitctl submit --jsonl`, or what a task submits. Members: task,
// args (object or array), queue, delay, at, priority, weight, unique, unique_window, unique_states,
// on_conflict, idempotency_key, expires, deadline, retries, timeout, traceparent, after (ids of jobs, or names that other
// jobs of the same submit have as their ref), after_rule, on_parent_end, ref. Durations are strings ("10s") or whole numbers
// of milliseconds, times RFC 3339.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "job/job.h"

namespace conduitd::job {

struct Request {
  NewJob job;
  bool names_queue = false;  ///< false: the task's own queue is meant
  std::string ref;           ///< what other jobs of this submit call it in their `after`; empty: nothing
  std::vector<std::string> after_refs;  ///< those of `after` that are no ids
};

/// Why a rule alone is refused.
[[nodiscard]] Error rule_without_after();
/// Reads one job. The arguments keep the bytes they were written in. The error names the member and what is allowed.
[[nodiscard]] Result<Request> read_request(std::string_view json, JsonLimits limits = {});
/// The ref of a job that read_request refuses; empty if it has none that could be meant, nothing if that cannot be told.
[[nodiscard]] std::optional<std::string> ref_of(std::string_view json, JsonLimits limits = {});
/// One job object, or an array of them.
[[nodiscard]] Result<std::vector<Request>> read_requests(std::string_view json, JsonLimits limits = {});

}  // namespace conduitd::job
