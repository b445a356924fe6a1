// A job as it is submitted, and what its end means for it.

#include <fmt/format.h>

#include "job/id.h"
#include "job/job.h"
#include "job/request.h"
#include "job/retry.h"
#include "micro.h"

namespace conduitd::micro {
namespace {

job::NewJob new_job() {
  job::NewJob out;
  out.task = kTask;
  out.queue = kQueue;
  out.args = kArgs;
  return out;
}

void add_retry(Parts& parts) {
  job::RetryPolicy policy;
  policy.retries = 5;
  policy.errors.push_back({.type = "images::Corrupt", .action = job::ErrorRule::Action::fail});
  policy.errors.push_back({.text = "connection reset", .after = Millis{500}});
  job::AttemptEnd complete;
  complete.result = kResult;
  job::AttemptEnd error;
  error.kind = job::AttemptEnd::Kind::error;
  error.failure = {"std::runtime_error", "/srv/media/2026/01/holiday-0001.jpeg: no such file or directory", {}};
  add_calls(parts, "job.decide_complete", [policy, complete](std::size_t) { return job::decide(policy, {1, 0, 0, 0}, complete, 0.5); });
  add_calls(parts, "job.decide_retry", [policy, error](std::size_t n) {
    return job::decide(policy, {3, static_cast<std::uint32_t>(n % 4), 0, 1}, error, static_cast<double>(n) / kBatch);
  });
}

}  // namespace

void add_job_parts(Parts& parts) {
  add_calls(parts, "job.make_id", [](std::size_t n) { return job::make_id(kQueue, ulid_of(n)); });
  parts.push_back({"job.parse_id", kBatch, [] {
                     std::vector<std::string> ids;
                     for (std::size_t n = 0; n < kBatch; ++n) ids.push_back(job::make_id(kQueue, ulid_of(n)));
                     return [ids] {
                       for (const auto& id : ids) benchmark::DoNotOptimize(job::parse_id(id).value());
                     };
                   }});
  add_calls(parts, "job.check", [job = new_job()](std::size_t) { return job::check(job).has_value(); });
  const auto line = fmt::format(R"({{"task":"{}","queue":"{}","args":{},"retries":5,"timeout":"30s","traceparent":"{}"}})", kTask, kQueue, kArgs, kTraceparent);
  add_calls(parts, "job.read_request", [line](std::size_t) { return job::read_request(line).value(); });
  add_retry(parts);
}

}  // namespace conduitd::micro
