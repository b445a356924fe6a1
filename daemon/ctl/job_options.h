#pragma once
// The options of `submit` on the command line, made into a job.

#include <optional>
#include <string>
#include <vector>

#include "job/request.h"

namespace conduitd::ctl {

/// As written by the user: durations "10s", times RFC 3339.
struct JobOptions {
  std::string task;
  std::optional<job::Bytes> args;
  std::optional<std::string> queue;
  std::optional<std::string> delay;
  std::optional<std::string> at;
  std::optional<std::string> expires;
  std::optional<std::string> deadline;
  std::optional<std::string> timeout;
  std::optional<std::string> unique;
  std::optional<std::string> unique_window;
  std::optional<std::string> unique_states;
  std::optional<std::string> on_conflict;
  std::optional<std::string> idempotency_key;
  std::optional<std::string> traceparent;
  std::vector<std::string> after;          ///< each one id or several, with commas between them
  std::optional<std::string> after_rule;
  std::optional<std::int64_t> priority;
  std::optional<std::int64_t> weight;
  std::optional<std::int64_t> retries;
};

/// The job, checked. An error names the option.
[[nodiscard]] Result<job::Request> make_request(JobOptions options, JsonLimits limits);

}  // namespace conduitd::ctl
