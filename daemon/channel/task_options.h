#pragma once
// A task's options as its code gives them: the defaults that the config file may override.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "job/event.h"
#include "job/limit.h"
#include "job/needs.h"
#include "job/retry.h"
#include "job/schedule.h"

namespace conduitd::channel {

/// The options of conduit_task.options, a JSON object. A duration is a string ("30s") or a number of milliseconds.
struct TaskOptions {
  std::optional<std::string> executor;  ///< "async", "thread", "process"
  std::optional<std::string> queue;
  std::optional<std::uint32_t> retries;
  std::optional<job::Backoff> backoff;  ///< members: kind, base, max, jitter, delays
  std::optional<std::vector<job::ErrorRule>> errors;  ///< members of each: type, text, action, after
  std::optional<std::uint32_t> interruptions;
  std::optional<Millis> timeout;
  std::optional<std::vector<job::Limit>> concurrency;  ///< a number, an object of limit, scope and key, or a list of those
  std::optional<std::vector<job::Limit>> rate_limit;   ///< a text, an object of rate, scope, key and burst, or a list of those
  std::optional<std::uint32_t> weight;  ///< of its jobs that have none of their own
  std::optional<job::Needs> needs;  ///< an object of units by resource
  std::vector<job::Schedule> cron;  ///< members of each: schedule, name, timezone, missed, overlap, jitter, args; no task or queue
  /// Members of each: event, name, debounce, debounce_max, batch, batch_within, key, args; no task or queue.
  std::vector<job::Subscription> on;
  /// Sentences about members this daemon does not know. They change nothing: a newer SDK may have more.
  std::vector<std::string> warnings;
};

/// Empty text means no options. The error names the member and what is allowed.
[[nodiscard]] Result<TaskOptions> parse_options(std::string_view json);

}  // namespace conduitd::channel
