#pragma once
// What follows from how an attempt ended: pure, takes the policy, the counters and a random number.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/job.h"

namespace conduitd::job {

/// How the delay before the next attempt grows with the failures so far.
struct Backoff {
  enum class Kind : std::uint8_t {
    fixed,        ///< base, every time
    linear,       ///< base, 2 base, 3 base, ...
    exponential,  ///< base, 2 base, 4 base, ...
    polynomial,   ///< base, 16 base, 81 base, ...: the fourth power
    list,         ///< as `delays` says; its last one again and again
  };
  Kind kind = Kind::exponential;
  Millis base{1'000};
  Millis max{600'000};         ///< of all kinds but list
  double jitter = 0.2;         ///< share of the delay that is random, 0 to 1
  std::vector<Millis> delays = {};  ///< of kind list: not empty
  bool operator==(const Backoff&) const = default;
};
inline constexpr std::array<std::string_view, 5> kBackoffNames{"fixed", "linear", "exponential", "polynomial", "list"};

[[nodiscard]] std::string_view to_string(Backoff::Kind kind);
[[nodiscard]] std::optional<Backoff::Kind> parse_backoff(std::string_view text);

/// The delay after the `failures`-th failure (from 1). `random` is uniform in [0, 1).
[[nodiscard]] Millis backoff_delay(const Backoff& backoff, std::uint32_t failures, double random);

/// What to do with errors that match: all that is given here must be the failure's.
struct ErrorRule {
  enum class Action : std::uint8_t {
    retry,  ///< while there are retries left, also where the task said not to
    fail,   ///< at once, whatever retries are left
  };
  std::string type = {};         ///< the whole type; empty: any
  std::string text = {};         ///< a part of the message; empty: any
  Action action = Action::retry;
  std::optional<Millis> after = {};  ///< retry: this delay instead of the backoff's
  bool operator==(const ErrorRule&) const = default;
};
inline constexpr std::array<std::string_view, 2> kActionNames{"retry", "fail"};
[[nodiscard]] std::string_view to_string(ErrorRule::Action action);
[[nodiscard]] std::optional<ErrorRule::Action> parse_action(std::string_view text);

struct RetryPolicy {
  std::uint32_t retries = 3;
  Backoff backoff;
  std::vector<ErrorRule> errors = {};    ///< the first that matches counts
  std::uint32_t quarantine_after = 3;    ///< crashes that make the job poison
  std::uint32_t interruptions = 0;       ///< it fails when handed back more often than this; 0: never
};

/// How an attempt ended, whoever noticed.
struct AttemptEnd {
  enum class Kind : std::uint8_t {
    complete,   ///< `result`
    error,      ///< user code failed or timed out; the policy decides
    rejected,   ///< user code asked not to be retried
    invalid,    ///< the arguments do not fit
    overdue,    ///< the job's deadline passed
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
  std::optional<Millis> remaining;  ///< until the job's deadline, if it has one
};

/// The settlement for `end`; the caller fills in lease, times and worker.
[[nodiscard]] Settlement decide(const RetryPolicy& policy, const Counters& counters, AttemptEnd end, double random);

}  // namespace conduitd::job
