#include "dispatch/attempt_end.h"

#include <fmt/format.h>
#include <signal.h>

#include "base/text.h"
#include "base/words.h"
#include "channel/crash.h"

namespace conduitd::dispatch {
namespace {

using Kind = job::AttemptEnd::Kind;
using Reason = channel::Cancel::Reason;

// What the standard library throws when an allocation fails, as under a limit of memory.
constexpr std::string_view kOutOfMemory = "std::bad_alloc";

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
  if (attempt.overdue) return ended(Kind::overdue, "deadline", "the job's deadline passed while it ran");
  const auto limit = attempt.claim.timeout ? attempt.claim.timeout : attempt.task->timeout;
  return ended(Kind::error, "timeout", fmt::format("the attempt ran longer than its timeout of {}",
                                                   format_duration(limit.value_or(Millis{0}))));
}

/// What a stop that was asked for makes of an attempt that did not complete.
std::optional<job::AttemptEnd> end_by_stop(const Attempt& attempt) {
  if (!attempt.stop) return std::nullopt;
  switch (*attempt.stop) {
    case Reason::requested: return ended(Kind::cancelled, "cancelled", "it was asked to stop");
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

/// Why a host of `alone` one attempt, or of several, came to its end.
job::AttemptEnd end_of_host(bool alone, const hosts::HostDeath& death, Json& detail) {
  const std::string_view host = alone ? "child" : "host this attempt ran in";
  detail.set("pid", death.pid);
  if (!death.fault.empty()) return ended(Kind::crashed, "host", fmt::format("the host was ended: {}", death.fault));
  if (death.signal == 0) {
    detail.set("exit_code", death.exit_code);
    // In a host of its own only this attempt can have called exit.
    return ended(alone ? Kind::error : Kind::crashed, "exit",
                 fmt::format("the {} exited with code {} and without a result", host, death.exit_code));
  }
  const auto name = signal_name(death.signal);
  detail.set("signal", name);
  if (death.oom) return ended(Kind::crashed, "oom", fmt::format("the {} was killed because memory had run out", host));
  if (death.signal == SIGXCPU) {
    return ended(Kind::error, "cpu_limit", "the attempt used more CPU time than executors.process.cpu allows");
  }
  return ended(Kind::crashed, "signal", fmt::format("the {} was killed by {}", host, name));
}

void add_lines(Json& detail, const char* name, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  Json list{Json::Array{}};
  for (const auto& line : lines) list.push(is_utf8(line) ? line : escape_control(line));
  detail.set(name, std::move(list));
}

}  // namespace

job::AttemptEnd end_by_outcome(const Attempt& attempt, channel::Outcome outcome) {
  const auto kind = kind_of(outcome.kind);
  if (kind != Kind::complete && kind != Kind::invalid) {
    if (auto stopped = end_by_stop(attempt)) return std::move(*stopped);
  }
  if (kind == Kind::cancelled && !attempt.begun) return returned(false);
  if (kind == Kind::error && outcome.error_type == kOutOfMemory) {
    outcome.error_type = "oom";
    outcome.error_message = "memory had run out (" + outcome.error_message + "); executors.process.memory is a child's limit";
  }
  auto end = ended(kind, std::move(outcome.error_type), std::move(outcome.error_message));
  if (kind == Kind::complete) {
    end.result = std::move(outcome.payload);
  } else {
    end.failure.detail = std::move(outcome.payload);
  }
  if (outcome.after_ms >= 0) end.after = Millis{outcome.after_ms};
  return end;
}

channel::Verdict verdict_of(const job::Settlement& settlement, job::AttemptEnd::Kind kind) {
  using Settled = job::Settlement::Kind;
  using Told = channel::Verdict::Kind;
  channel::Verdict verdict;
  switch (settlement.kind) {
    case Settled::complete: verdict.kind = Told::complete; break;
    case Settled::retry: verdict.kind = kind == Kind::snoozed ? Told::snoozed : Told::retry; break;
    case Settled::fail: verdict.kind = Told::failed; break;
    case Settled::release: verdict.kind = Told::returned; break;
    case Settled::cancel: verdict.kind = Told::cancelled; break;
  }
  if (settlement.kind == Settled::retry) verdict.retry_after_ms = settlement.retry_after.count();
  if (settlement.failure) {
    verdict.error_type = settlement.failure->type;
    verdict.error_message = settlement.failure->message;
    verdict.detail = settlement.failure->detail;
  }
  return verdict;
}

job::AttemptEnd end_by_death(const Attempt& attempt, bool had_begun, const hosts::HostDeath& death) {
  if (!had_begun) return returned(false);
  if (auto stopped = end_by_stop(attempt)) return std::move(*stopped);
  if (death.innocent) return returned(true);

  Json detail;
  auto end = end_of_host(attempt.task->executor == channel::Executor::process, death, detail);
  const auto report = channel::read_crash(death.output);
  if (!report.crash.empty()) detail.set("crash", report.crash);
  add_lines(detail, "backtrace", report.backtrace);
  add_lines(detail, "output", report.output);
  end.failure.detail = detail.text();
  return end;
}

job::AttemptEnd end_by_giving_up(const Attempt& attempt, Millis grace) {
  auto end = end_by_stop(attempt).value_or(ended(Kind::cancelled, "cancelled", "cancelled"));
  if (end.kind == Kind::cancelled || end.kind == Kind::error || end.kind == Kind::overdue) {
    end.failure.message += fmt::format(", and did not stop within {}", format_duration(grace));
  }
  return end;
}

}  // namespace conduitd::dispatch
