#include "ctl/job_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.h"
#include "job/id.h"
#include "job/limit.h"

namespace conduitd::ctl {
namespace {

Error fault(std::string_view option, std::string_view what) {
  return {Errc::invalid_argument, fmt::format("{}: {}", option, what)};
}

Result<> read_duration(std::string_view name, const std::optional<std::string>& text, std::optional<Millis>& out) {
  if (!text) return ok();
  const auto parsed = parse_duration(*text);
  if (!parsed.has_value()) return parsed.error().within(name);
  out = parsed.value();
  return ok();
}

/// One of a few words.
template <class Enum, std::size_t N>
Result<> read_choice(std::string_view name, const std::optional<std::string>& text, const std::array<std::string_view, N>& names,
                     std::optional<Enum> (*parse)(std::string_view), Enum& out) {
  if (!text) return ok();
  const auto choice = parse(*text);
  if (!choice) return fault(name, fmt::format("'{}' is not allowed: one of {}", *text, fmt::join(names, ", ")));
  out = *choice;
  return ok();
}

/// "ID" or "ID,ID", each as often as one likes; an id that is named twice counts once.
Result<std::vector<std::string>> read_ids(const std::vector<std::string>& texts) {
  std::vector<std::string> ids;
  for (const auto& text : texts) {
    std::size_t start = 0;
    while (start <= text.size()) {
      const auto end = std::min(text.find(',', start), text.size());
      auto id = text.substr(start, end - start);
      if (auto parsed = job::parse_id(id); !parsed.has_value()) return parsed.error().within("after");
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(std::move(id));
      start = end + 1;
    }
  }
  return ids;
}

/// A number for job::check to judge: what does not fit becomes one that it refuses.
int narrowed(std::int64_t number) {
  constexpr std::int64_t kLeast = std::numeric_limits<int>::min();
  constexpr std::int64_t kMost = std::numeric_limits<int>::max();
  return static_cast<int>(std::clamp(number, kLeast, kMost));
}

}  // namespace

Result<job::Request> make_request(JobOptions options, JsonLimits limits) {
  job::Request request;
  auto& job = request.job;
  job.task = std::move(options.task);
  if (options.args) job.args = std::move(*options.args);
  if (options.unique && options.unique->empty()) return fault("unique", "an empty key is not allowed");
  if (options.unique) job.unique = std::move(*options.unique);
  if (options.idempotency_key && options.idempotency_key->empty()) return fault("idempotency-key", "an empty key is not allowed");
  if (options.idempotency_key) job.idempotency_key = std::move(*options.idempotency_key);
  if (options.traceparent && options.traceparent->empty()) return fault("traceparent", "an empty one is not allowed");
  if (options.traceparent) job.traceparent = std::move(*options.traceparent);
  CONDUIT_TRY(read_duration("unique-window", options.unique_window, job.unique_window));
  CONDUIT_TRY(read_choice("unique-states", options.unique_states, job::kUniqueStatesNames, job::parse_unique_states, job.unique_states));
  CONDUIT_TRY(read_choice("on-conflict", options.on_conflict, job::kOnConflictNames, job::parse_on_conflict, job.on_conflict));
  if (options.delay && options.at) return fault("at", "delay is given too; only one of them is allowed");
  CONDUIT_TRY(read_duration("delay", options.delay, job.delay));
  CONDUIT_TRY(read_duration("expires", options.expires, job.expires));
  CONDUIT_TRY(read_duration("deadline", options.deadline, job.deadline));
  CONDUIT_TRY(read_duration("timeout", options.timeout, job.timeout));
  if (options.at) {
    const auto parsed = parse_time(*options.at);
    if (!parsed.has_value()) return parsed.error().within("at");
    job.at = parsed.value();
  }
  CONDUIT_TRY(job.after, read_ids(options.after));
  if (options.after_rule && job.after.empty()) return fault("after-rule", "it says how the jobs of --after must have ended; name them");
  CONDUIT_TRY(read_choice("after-rule", options.after_rule, job::kAfterRuleNames, job::parse_after_rule, job.after_rule));
  if (options.priority) job.priority = narrowed(*options.priority);
  if (options.weight && *options.weight < 1) return fault("weight", fmt::format("{} is not allowed: 1 to {} are", *options.weight, job::kMostWeight));
  if (options.weight) job.weight = static_cast<std::uint32_t>(std::max(narrowed(*options.weight), 0));
  if (options.retries) job.retries = narrowed(*options.retries);
  request.names_queue = options.queue.has_value();
  if (options.queue) job.queue = std::move(*options.queue);
  CONDUIT_TRY(job::check(job, limits));
  return request;
}

}  // namespace conduitd::ctl
