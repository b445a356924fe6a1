#include <thread>

#include "channel/thread_queue.h"
#include "host/crash_handler.h"
#include "host/intake.h"
#include "host/running.h"

namespace conduitd::host {
namespace {

class ThreadRunner final : public Intake {
 public:
  explicit ThreadRunner(const RunnerSetup& setup)
      : Intake(setup, channel::Executor::thread), queue_([this] { loop_.wake(); }) {}

  void run() override {
    std::vector<std::jthread> pool;
    for (std::uint32_t i = 0; i < std::max(setup_.width, 1u); ++i) pool.emplace_back([this] { work(); });
    serve_pipe();
    on_wake();
    staged_.close();
  }

 private:
  void work() {
    use_signal_stack();
    while (const auto work = staged_.next()) {
      set_running_attempt(work->attempt->handle());
      begin(*work);
      work->handler->run(work->handler->user, work->token);
      work->attempt->returned();
      set_running_attempt(0);
    }
  }

  channel::CommandSink& sink_for(std::uint32_t) override { return queue_; }
  void take(std::vector<Work>& arrived) override { staged_.put(arrived); }
  bool withdraw(const Attempt& attempt) override { return staged_.withdraw(attempt); }

  void on_wake() override {
    queue_.drain(frames_);
    if (!frames_.empty()) setup_.pipe.push_frames(frames_);
  }

  channel::ThreadQueue queue_;
  std::string frames_;  // the pipe's thread only
  Staging staged_;
};

}  // namespace

std::unique_ptr<Runner> make_thread_runner(const RunnerSetup& setup) { return std::make_unique<ThreadRunner>(setup); }

}  // namespace conduitd::host
