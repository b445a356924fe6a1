#pragma once
// What follows from how an attempt ended: pure, takes the policy, the counters and a random number.

#include <cstdint>
#include <string>

#include "job/job.h"

namespace conduitd::job {

/// How the delay before the next attempt grows with the failures so far.
struct Backoff {
  enum class Kind : std::uint8_t { fixed, linear, exponential };
  Kind kind = Kind::exponential;
  Millis base{1'000};
  Millis max{600'000};
  double jitter = 0.2;  ///< share of the delay that is random, 0 to 1
};

[[nodiscard]] std::string_view to_string(Backoff::Kind kind);
[[nodiscard]] std::optional<Backoff::Kind> parse_backoff(std::string_view text);

/// The delay after the `failures`-th failure (from 1). `random` is uniform in [0, 1).
[[nodiscard]] Millis backoff_delay(const Backoff& backoff, std::uint32_t failures, double random);

struct RetryPolicy {
  std::uint32_t retries = 3;
  Backoff backoff;
  std::uint32_t quarantine_after = 3;
};

/// How an attempt ended, whoever noticed.
struct AttemptEnd {
  enum class Kind : std::uint8_t {
    complete,   ///< `result`
    error,      ///< user code failed or timed out; the policy decides
    rejected,   ///< user code asked not to be retried
    invalid,    ///< the arguments do not fit
    cancelled,  ///< it stopped because somebody asked
    snoozed,    ///< user code asked to come back later, at no cost
    crashed,    ///< its host died while it ran
    returned,   ///< never begun, or interrupted by a drain: goes back
  };
  Kind kind = Kind::complete;
  Bytes result;
  Failure failure;
  std::optional<Millis> after;  ///< error, snoozed: the delay user code asked for
  bool interrupted = false;     ///< returned: user code had begun
};

/// The settlement for `end`; the caller fills in lease, times and worker.
[[nodiscard]] Settlement decide(const RetryPolicy& policy, const Counters& counters, AttemptEnd end, double random);

}  // namespace conduitd::job
