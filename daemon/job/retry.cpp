#include "job/retry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"

namespace conduitd::job {
namespace {

constexpr std::size_t kLongestMessage = 16 * 1024;

void fail(Settlement& settlement, FailureReason reason) {
  settlement.kind = Settlement::Kind::fail;
  settlement.reason = reason;
}

/// The delay after the n-th failure, before its bound and its jitter.
double plain_delay(const Backoff& backoff, std::uint32_t n) {
  const auto base = static_cast<double>(backoff.base.count());
  const double times = n;
  switch (backoff.kind) {
    case Backoff::Kind::fixed: return base;
    case Backoff::Kind::linear: return base * times;
    case Backoff::Kind::exponential: return base * std::exp2(std::min(times - 1, 60.0));
    case Backoff::Kind::polynomial: return base * times * times * times * times;
    case Backoff::Kind::list:
      if (backoff.delays.empty()) return base;
      return static_cast<double>(backoff.delays[std::min<std::size_t>(n, backoff.delays.size()) - 1].count());
  }
  return base;
}

const ErrorRule* matching(const std::vector<ErrorRule>& rules, const Failure& failure) {
  const auto found = std::ranges::find_if(rules, [&failure](const ErrorRule& rule) {
    return (rule.type.empty() || rule.type == failure.type) && failure.message.find(rule.text) != std::string::npos;
  });
  return found != rules.end() ? &*found : nullptr;
}

/// An error, or a task that asked not to be tried again: the rules first, then what is usual.
void decide_error(Settlement& settlement, const RetryPolicy& policy, const Counters& counters, const AttemptEnd& end,
                  double random) {
  settlement.charge = Settlement::Charge::failure;
  const auto* rule = settlement.failure ? matching(policy.errors, *settlement.failure) : nullptr;
  const bool rejected = rule != nullptr ? rule->action == ErrorRule::Action::fail : end.kind == AttemptEnd::Kind::rejected;
  if (rejected) return fail(settlement, FailureReason::rejected);
  if (counters.failures >= policy.retries) return fail(settlement, FailureReason::exhausted);
  settlement.kind = Settlement::Kind::retry;
  const auto asked = rule != nullptr && rule->after ? rule->after : end.after;
  settlement.retry_after = asked ? *asked : backoff_delay(policy.backoff, counters.failures + 1, random);
}

/// A job that is handed back too often would be handed back for ever.
void decide_returned(Settlement& settlement, const RetryPolicy& policy, const Counters& counters, bool interrupted) {
  settlement.kind = Settlement::Kind::release;
  if (!interrupted) return;
  settlement.charge = Settlement::Charge::interruption;
  if (policy.interruptions == 0 || counters.interruptions < policy.interruptions) return;
  settlement.failure = Failure{"interrupted", fmt::format("handed back by a drain {} times, {} are allowed",
                                                          counters.interruptions + 1, policy.interruptions), {}};
  fail(settlement, FailureReason::exhausted);
}

}  // namespace

std::string_view to_string(Backoff::Kind kind) { return kBackoffNames[static_cast<std::size_t>(kind)]; }

std::string_view to_string(ErrorRule::Action action) { return kActionNames[static_cast<std::size_t>(action)]; }

std::optional<ErrorRule::Action> parse_action(std::string_view text) {
  for (std::size_t i = 0; i < kActionNames.size(); ++i) {
    if (kActionNames[i] == text) return static_cast<ErrorRule::Action>(i);
  }
  return std::nullopt;
}

std::optional<Backoff::Kind> parse_backoff(std::string_view text) {
  for (std::size_t i = 0; i < kBackoffNames.size(); ++i) {
    if (kBackoffNames[i] == text) return static_cast<Backoff::Kind>(i);
  }
  return std::nullopt;
}

Millis backoff_delay(const Backoff& backoff, std::uint32_t failures, double random) {
  double delay = plain_delay(backoff, std::max<std::uint32_t>(failures, 1));
  if (backoff.kind != Backoff::Kind::list) delay = std::min(delay, static_cast<double>(backoff.max.count()));
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
    case Kind::rejected: decide_error(settlement, policy, counters, end, random); break;
    case Kind::overdue:
      settlement.charge = Settlement::Charge::failure;
      fail(settlement, FailureReason::exhausted);
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
    case Kind::returned: decide_returned(settlement, policy, counters, end.interrupted); break;
  }
  if (settlement.kind == Settlement::Kind::retry && end.remaining && settlement.retry_after >= *end.remaining) {
    fail(settlement, FailureReason::exhausted);
    if (!settlement.failure) settlement.failure = Failure{"deadline", "the task asked to come back", {}};
    settlement.failure->message += "; the job's deadline passes before it could run again";
  }
  return settlement;
}

}  // namespace conduitd::job
