#include "job/retry.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"

namespace conduitd::job {
namespace {

constexpr std::array<std::string_view, 3> kBackoffNames{"fixed", "linear", "exponential"};
constexpr std::size_t kLongestMessage = 16 * 1024;

void fail(Settlement& settlement, FailureReason reason) {
  settlement.kind = Settlement::Kind::fail;
  settlement.reason = reason;
}

}  // namespace

std::string_view to_string(Backoff::Kind kind) { return kBackoffNames[static_cast<std::size_t>(kind)]; }

std::optional<Backoff::Kind> parse_backoff(std::string_view text) {
  for (std::size_t i = 0; i < kBackoffNames.size(); ++i) {
    if (kBackoffNames[i] == text) return static_cast<Backoff::Kind>(i);
  }
  return std::nullopt;
}

Millis backoff_delay(const Backoff& backoff, std::uint32_t failures, double random) {
  const auto base = static_cast<double>(backoff.base.count());
  const double n = std::max<std::uint32_t>(failures, 1);
  double delay = base;
  if (backoff.kind == Backoff::Kind::linear) delay = base * n;
  if (backoff.kind == Backoff::Kind::exponential) delay = base * std::exp2(std::min(n - 1, 60.0));
  delay = std::min(delay, static_cast<double>(backoff.max.count()));
  // Spread around the delay, so that the mean stays what was asked for.
  delay *= 1 + backoff.jitter * (random - 0.5);
  return Millis{std::llround(delay)};
}

Settlement decide(const RetryPolicy& policy, const Counters& counters, AttemptEnd end, double random) {
  using Kind = AttemptEnd::Kind;
  Settlement settlement;
  if (end.kind != Kind::complete && end.kind != Kind::returned && end.kind != Kind::snoozed) {
    end.failure.message = truncate(end.failure.message, kLongestMessage);
    settlement.failure = std::move(end.failure);
  }
  switch (end.kind) {
    case Kind::complete:
      settlement.kind = Settlement::Kind::complete;
      settlement.result = std::move(end.result);
      break;
    case Kind::error:
      settlement.charge = Settlement::Charge::failure;
      if (counters.failures >= policy.retries) {
        fail(settlement, FailureReason::exhausted);
      } else {
        settlement.kind = Settlement::Kind::retry;
        settlement.retry_after = end.after.value_or(backoff_delay(policy.backoff, counters.failures + 1, random));
      }
      break;
    case Kind::rejected:
      settlement.charge = Settlement::Charge::failure;
      fail(settlement, FailureReason::rejected);
      break;
    case Kind::invalid:
      settlement.charge = Settlement::Charge::failure;
      fail(settlement, FailureReason::invalid);
      break;
    case Kind::cancelled:
      settlement.kind = Settlement::Kind::cancel;
      break;
    case Kind::snoozed:
      settlement.kind = Settlement::Kind::retry;
      settlement.retry_after = end.after.value_or(policy.backoff.base);
      break;
    case Kind::crashed:
      settlement.charge = Settlement::Charge::crash;
      if (counters.crashes + 1 >= policy.quarantine_after) {
        fail(settlement, FailureReason::poison);
      } else {
        settlement.kind = Settlement::Kind::retry;  // at once: a crash is rarely cured by waiting
      }
      break;
    case Kind::returned:
      settlement.kind = Settlement::Kind::release;
      settlement.charge = end.interrupted ? Settlement::Charge::interruption : Settlement::Charge::nothing;
      break;
  }
  return settlement;
}

}  // namespace conduitd::job
