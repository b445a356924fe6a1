#include "host/intake.h"

#include <fmt/format.h>

#include "host/exit.h"

namespace conduitd::host {
namespace {

channel::Outcome failed(std::string type, std::string message, channel::Outcome::Kind kind) {
  channel::Outcome outcome;
  outcome.kind = kind;
  outcome.error_type = std::move(type);
  outcome.error_message = std::move(message);
  return outcome;
}

channel::Outcome unknown(const Attempt& attempt) {
  return failed("unknown_task", fmt::format("no plugin of this host has the task '{}'", attempt.task()), channel::Outcome::Kind::retry);
}

}  // namespace

Intake::Intake(const RunnerSetup& setup, channel::Executor executor)
    : setup_(setup),
      loop_(setup.fd, *this, [](SteadyTime now) { return attempts().tick(now); }),
      executor_(executor) {}

/// Without a token if the supervisor makes no sense.
Intake::Entered Intake::enter(std::uint32_t handle, channel::Start start) {
  Entered entered;
  entered.attempt = std::make_shared<Attempt>(handle, std::move(start), executor_, sink_for(handle), *this);
  entered.token = attempts().size() < kMostAttempts ? attempts().add(entered.attempt) : nullptr;
  if (entered.token == nullptr) broken_ = true;  // a handle in use, or attempts without end: not the supervisor we know
  return entered;
}

void Intake::on_hooks(std::uint32_t handle, channel::LateHooks hooks) {
  const auto* handler = setup_.registry.find(hooks.start.task);
  const auto [attempt, token] = enter(handle, std::move(hooks.start));
  if (token == nullptr) return;
  if (handler == nullptr) return attempt->end_with(unknown(*attempt));
  attempt->watch(Hooks(*handler, setup_.registry), token);
  attempt->only_hooks(std::move(hooks.verdict), hooks.duration_us);
  arrived_.push_back({attempt});
}

void Intake::on_forget(std::uint32_t handle) {
  if (const auto attempt = attempts().find(handle)) attempt->forget_hooks();
}

void Intake::on_start(std::uint32_t handle, channel::Start start) {
  const auto* handler = setup_.registry.find(start.task);
  const auto [attempt, token] = enter(handle, std::move(start));
  if (token == nullptr) return;
  if (handler == nullptr) {
    attempt->end_with(unknown(*attempt));
  } else if (executor_ == channel::Executor::async && handler->start == nullptr) {
    attempt->end_with(failed("wrong_executor",
                             fmt::format("task '{}' is no coroutine: it cannot run in the async executor", attempt->task()),
                             channel::Outcome::Kind::fail));
  } else {
    if (const Hooks hooks(*handler, setup_.registry); !hooks.empty()) attempt->watch(hooks, token);
    attempt->surround(Layers(*handler, setup_.registry, executor_), token);
    arrived_.push_back({attempt});
  }
}

void Intake::on_read_done() {
  if (!arrived_.empty()) take(arrived_);
  // An outcome of our own making is followed by nothing that would send it.
  setup_.pipe.flush();
}

void Intake::begin(const Work& work) {
  setup_.pipe.push(work.attempt->handle(), channel::FrameType::began, {});
  work.attempt->begin();
}

channel::Outcome Intake::cancelled_before_it_began() {
  return failed("cancelled", "cancelled before it began", channel::Outcome::Kind::cancelled);
}

void Intake::serve_pipe() {
  const auto end = loop_.run();
  if (end != PipeLoop::End::done || broken_) end_with_group(end == PipeLoop::End::closed ? 0 : kExitProtocol);
}

void Intake::on_cancel(std::uint32_t handle) {
  // One that has ended meanwhile is not found: its outcome is on the way.
  const auto attempt = attempts().find(handle);
  if (!attempt) return;
  attempt->mark_cancelled();
  // It may have come with the same read, and stand nowhere yet.
  if (!arrived_.empty()) take(arrived_);
  if (withdraw(*attempt)) {
    attempt->never_began(cancelled_before_it_began());
  } else {
    tell_cancelled(attempt);
  }
}

void Intake::on_reply(std::uint32_t handle, const channel::Reply& reply) {
  const auto attempt = attempts().find(handle);
  if (attempt) attempt->reply(reply);
}

void Intake::on_stop() { stopping_ = true; }

bool Intake::alive() { return !broken_ && !(stopping_ && attempts().size() == 0); }

void Intake::ended(Attempt& attempt) {
  attempts().remove(attempt);
  if (stopping_) loop_.wake();
}

}  // namespace conduitd::host
