#include "dispatch/attempt_end.h"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>

#include "base/text.h"

namespace conduitd::dispatch {
namespace {

using Kind = job::AttemptEnd::Kind;
using Reason = channel::Cancel::Reason;

job::AttemptEnd ended(Kind kind, std::string type = {}, std::string message = {}) {
  job::AttemptEnd end;
  end.kind = kind;
  end.failure.type = std::move(type);
  end.failure.message = std::move(message);
  return end;
}

job::AttemptEnd returned(bool interrupted) {
  auto end = ended(Kind::returned);
  end.interrupted = interrupted;
  return end;
}

job::AttemptEnd timed_out(const Attempt& attempt) {
  const auto limit = attempt.claim.timeout ? attempt.claim.timeout : attempt.task->timeout;
  return ended(Kind::error, "timeout", fmt::format("the attempt ran longer than its timeout of {}",
                                                   format_duration(limit.value_or(Millis{0}))));
}

/// What a stop that was asked for makes of an attempt that did not complete.
std::optional<job::AttemptEnd> end_by_stop(const Attempt& attempt) {
  if (!attempt.stop) return std::nullopt;
  switch (*attempt.stop) {
    case Reason::requested: return ended(Kind::cancelled, "cancelled", "cancelled on request");
    case Reason::timeout: return timed_out(attempt);
    case Reason::shutdown:
    case Reason::lease_lost: return returned(attempt.begun);
  }
  return std::nullopt;
}

Kind kind_of(channel::Outcome::Kind kind) {
  switch (kind) {
    case channel::Outcome::Kind::complete: return Kind::complete;
    case channel::Outcome::Kind::retry: return Kind::error;
    case channel::Outcome::Kind::fail: return Kind::rejected;
    case channel::Outcome::Kind::invalid: return Kind::invalid;
    case channel::Outcome::Kind::cancelled: return Kind::cancelled;
    case channel::Outcome::Kind::snooze: return Kind::snoozed;
  }
  return Kind::error;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal);
}

}  // namespace

job::AttemptEnd end_by_outcome(const Attempt& attempt, channel::Outcome outcome) {
  const auto kind = kind_of(outcome.kind);
  if (kind != Kind::complete && kind != Kind::invalid) {
    if (auto stopped = end_by_stop(attempt)) return std::move(*stopped);
  }
  if (kind == Kind::cancelled && !attempt.begun) return returned(false);
  auto end = ended(kind, std::move(outcome.error_type), std::move(outcome.error_message));
  if (kind == Kind::complete) {
    end.result = std::move(outcome.payload);
  } else {
    end.failure.detail = std::move(outcome.payload);
  }
  if (outcome.after_ms >= 0) end.after = Millis{outcome.after_ms};
  return end;
}

job::AttemptEnd end_by_death(const Attempt& attempt, bool had_begun, const hosts::HostDeath& death) {
  if (!had_begun) return returned(false);
  if (auto stopped = end_by_stop(attempt)) return std::move(*stopped);

  const bool alone = attempt.task->executor == channel::Executor::process;
  Json detail;
  detail.set("pid", death.pid);
  job::AttemptEnd end;
  if (!death.fault.empty()) {
    end = ended(Kind::crashed, "host", fmt::format("the host was ended: {}", death.fault));
  } else if (death.signal != 0) {
    const auto name = signal_name(death.signal);
    end = ended(Kind::crashed, "signal",
                fmt::format("the {} was killed by {}", alone ? "child" : "host this attempt ran in", name));
    detail.set("signal", name);
  } else {
    // In a host of its own only this attempt can have called exit.
    end = ended(alone ? Kind::error : Kind::crashed, "exit",
                fmt::format("the {} exited with code {} and without a result", alone ? "child" : "host", death.exit_code));
    detail.set("exit_code", death.exit_code);
  }
  if (!death.output.empty()) {
    Json lines{Json::Array{}};
    for (const auto& line : death.output) lines.push(is_utf8(line) ? line : escape_control(line));
    detail.set("output", std::move(lines));
  }
  end.failure.detail = detail.text();
  return end;
}

job::AttemptEnd end_by_giving_up(const Attempt& attempt, Millis grace) {
  auto end = end_by_stop(attempt).value_or(ended(Kind::cancelled, "cancelled", "cancelled"));
  if (end.kind == Kind::cancelled || end.kind == Kind::error) {
    end.failure.message += fmt::format(", and did not stop within {}", format_duration(grace));
  }
  return end;
}

}  // namespace conduitd::dispatch
