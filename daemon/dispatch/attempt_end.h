#pragma once
// From what a host reports to how the attempt ended: pure.

#include <optional>

#include "dispatch/attempt.h"
#include "hosts/hosts.h"
#include "job/retry.h"

namespace conduitd::dispatch {

/// The end that an outcome means, given what the attempt had been asked.
[[nodiscard]] job::AttemptEnd end_by_outcome(const Attempt& attempt, channel::Outcome outcome);
/// What hooks are told of the settlement for an attempt that ended as `kind`.
[[nodiscard]] channel::Verdict verdict_of(const job::Settlement& settlement, job::AttemptEnd::Kind kind);
/// The end of an attempt whose host died.
[[nodiscard]] job::AttemptEnd end_by_death(const Attempt& attempt, bool had_begun, const hosts::HostDeath& death);
/// The end of an attempt that was asked to stop and did not within `grace`.
[[nodiscard]] job::AttemptEnd end_by_giving_up(const Attempt& attempt, Millis grace);

}  // namespace conduitd::dispatch
