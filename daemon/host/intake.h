#pragma once
// What the three runners have in common: frames become attempts in the table, and attempts that end leave it.

#include <atomic>

#include "channel/messages.h"
#include "host/attempt_context.h"
#include "host/pipe_loop.h"
#include "host/runner.h"
#include "host/staging.h"

namespace conduitd::host {

/// The part of a runner between its pipe and its executor.
class Intake : public Runner, public PipeEvents, public AttemptOwner {
 protected:
  Intake(const RunnerSetup& setup, channel::Executor executor);

  /// Runs `arrived`, or stages it, and leaves it empty. Called once for each read that brought any.
  virtual void take(std::vector<Work>& arrived) = 0;
  /// Takes an attempt back that has not begun; false if it has.
  [[nodiscard]] virtual bool withdraw(const Attempt& attempt) = 0;
  /// Where the commands of attempt `handle` go.
  virtual channel::CommandSink& sink_for(std::uint32_t handle) = 0;

  /// Says that `work` begins; the caller then calls user code. `began` has reached the kernel when this returns, so a
  /// crash of that code is charged to it and to no staged one.
  void begin(const Work& work);
  /// How an attempt ends that was asked to stop and never began.
  [[nodiscard]] static channel::Outcome cancelled_before_it_began();
  /// Serves the pipe. Returns when all is done; if the pipe has ended before, it ends the process.
  void serve_pipe();
  /// Calls the task's callback for an attempt that was asked to stop.
  virtual void tell_cancelled(const std::shared_ptr<Attempt>& attempt) { attempt->run_cancel_callback(); }

  void on_start(std::uint32_t handle, channel::Start start) final;
  void on_hooks(std::uint32_t handle, channel::LateHooks hooks) final;
  void on_forget(std::uint32_t handle) final;
  void on_cancel(std::uint32_t handle) final;
  void on_reply(std::uint32_t handle, const channel::Reply& reply) override;
  void on_stop() final;
  void on_read_done() final;
  [[nodiscard]] bool alive() final;

  void ended(Attempt& attempt) final;
  void measure(Attempt&, channel::Outcome&) override {}
  void send_now(Attempt& attempt, channel::FrameType type, std::string_view body) final {
    setup_.pipe.push(attempt.handle(), type, body);
  }
  void held_back() final { loop_.hold_back(); }

  const RunnerSetup setup_;
  PipeLoop loop_;

 private:
  struct Entered {
    std::shared_ptr<Attempt> attempt;
    conduit_attempt* token = nullptr;
  };
  [[nodiscard]] Entered enter(std::uint32_t handle, channel::Start start);

  const channel::Executor executor_;
  std::vector<Work> arrived_;  // the pipe's thread only, as is broken_
  bool broken_ = false;
  std::atomic<bool> stopping_{false};
};

}  // namespace conduitd::host
