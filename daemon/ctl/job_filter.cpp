#include "ctl/job_filter.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>

#include "base/text.h"
#include "job/id.h"

namespace conduitd::ctl {
namespace {

constexpr std::array kReasons{job::FailureReason::exhausted, job::FailureReason::poison, job::FailureReason::invalid,
                              job::FailureReason::rejected};

template <class Values>
Error unknown(std::string_view option, std::string_view article, const std::string& given, const Values& values) {
  std::vector<std::string> names;
  for (const auto value : values) names.emplace_back(job::to_string(value));
  const auto near = nearest(given, names);
  return {Errc::invalid_argument, fmt::format("{}: '{}' is not {}{}; one of {}", option, given, article,
                                              near ? fmt::format(", did you mean {}?", *near) : "", fmt::join(names, ", "))};
}

}  // namespace

void add_filter(CLI::App& parser, JobFilterOptions& options) {
  parser.add_option("-s,--state", options.state, "Only this state")->type_name("STATE");
  parser.add_option("-r,--reason", options.reason, "Only failed jobs with this reason: exhausted, poison, invalid or rejected")
      ->type_name("REASON");
  parser.add_option("-q,--queue", options.queue, "Only this queue")->type_name("QUEUE");
  parser.add_option("-t,--task", options.task, "Only this task")->type_name("TASK");
}

Result<broker::JobFilter> make_filter(const JobFilterOptions& options) {
  broker::JobFilter out;
  if (!options.state.empty()) {
    out.status = job::parse_status(options.state);
    if (!out.status) return unknown("--state", "a state", options.state, job::kAllStatuses);
  }
  if (!options.reason.empty()) {
    out.reason = job::parse_reason(options.reason);
    if (!out.reason || *out.reason == job::FailureReason::none) {
      return unknown("--reason", "a reason", options.reason, kReasons);
    }
    if (out.status && *out.status != job::JobStatus::failed) {
      return Error(Errc::invalid_argument, fmt::format("--reason: only failed jobs have one; leave out --state {}", options.state));
    }
    out.status = job::JobStatus::failed;
  }
  if (!options.queue.empty()) {
    CONDUIT_TRY(job::check_name("queue", options.queue));
  }
  if (!options.task.empty()) {
    CONDUIT_TRY(job::check_name("task", options.task));
  }
  out.queue = options.queue;
  out.task = options.task;
  return out;
}

}  // namespace conduitd::ctl
