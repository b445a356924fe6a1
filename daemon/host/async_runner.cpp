#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <algorithm>
#include <thread>

#include "channel/loop_queue.h"
#include "host/crash_handler.h"
#include "host/intake.h"
#include "host/loop_watch.h"

namespace asio = boost::asio;

namespace conduitd::host {
namespace {

/// One event loop on a thread of its own. A coroutine never moves to another, so tasks need no strands.
struct EventLoop {
  explicit EventLoop(channel::PipeQueue& pipe) : queue(io, pipe) {}

  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> open{io.get_executor()};
  channel::LoopQueue queue;
  LoopWatch watch{io};
  std::vector<Work> arrived;  // the pipe's thread only
};

class AsyncRunner final : public Intake {
 public:
  explicit AsyncRunner(const RunnerSetup& setup) : Intake(setup, channel::Executor::async) {
    for (std::uint32_t i = 0; i < std::max(setup.width, 1u); ++i) loops_.push_back(std::make_unique<EventLoop>(setup.pipe));
  }

  void run() override {
    std::vector<std::jthread> threads;
    for (auto& loop : loops_) {
      threads.emplace_back([&loop = *loop] {
        use_signal_stack();
        enter_event_loop();
        loop.watch.enter();
        loop.io.run();
      });
    }
    serve_pipe();
    for (auto& loop : loops_) asio::post(loop->io, [&loop = *loop] { end_when_written(loop); });
  }

 private:
  EventLoop& loop_of(std::uint32_t handle) { return *loops_[handle % loops_.size()]; }

  channel::CommandSink& sink_for(std::uint32_t handle) override { return loop_of(handle).queue; }

  // Nothing is staged: a coroutine begins as soon as its loop turns.
  bool withdraw(const Attempt&) override { return false; }

  void take(std::vector<Work>& arrived) override {
    for (auto& work : arrived) loop_of(work.attempt->handle()).arrived.push_back(std::move(work));
    arrived.clear();
    for (auto& loop : loops_) {
      if (loop->arrived.empty()) continue;
      asio::post(loop->io, [this, &io = loop->io, batch = std::exchange(loop->arrived, {})] {
        for (const auto& work : batch) start(work, io);
      });
    }
  }

  void start(const Work& work, asio::io_context& io) {
    // It was taken back while the loop was busy with another.
    if (work.attempt->cancelled()) return work.attempt->never_began(cancelled_before_it_began());
    begin(work);
    work.attempt->start(&io);
  }

  void on_probe(std::uint32_t handle) override {
    auto& loop = loop_of(handle);
    asio::post(loop.io, [&loop, handle] { loop.queue.push(handle, channel::FrameType::turning, {}); });
  }

  // The thread that serves the pipe is not stopped by what stops a loop.
  void on_interval(SteadyTime now) override {
    const bool busy = attempts().size() > 0;
    for (auto& loop : loops_) {
      const auto stall = loop->watch.look(now, busy);
      if (stall) setup_.pipe.push(stall->attempt, channel::FrameType::blocked, channel::encode(channel::Blocked{stall->lasted.count(), stall->over}));
    }
  }
  [[nodiscard]] bool calls_returned() const override { return false; }

  // Callbacks and replies run where the coroutine does.
  void tell_cancelled(const std::shared_ptr<Attempt>& attempt) override {
    asio::post(loop_of(attempt->handle()).io, [attempt] { attempt->run_cancel_callback(); });
  }

  void on_reply(std::uint32_t handle, const channel::Reply& reply) override {
    const auto attempt = attempts().find(handle);
    if (attempt) asio::post(loop_of(handle).io, [attempt, reply] { attempt->reply(reply); });
  }

  /// All attempts have ended; what the plugins left on the loop is not waited for.
  static void end_when_written(EventLoop& loop) {
    if (loop.queue.empty()) {
      loop.io.stop();  // allow io_context_stop: timers and coroutines of user code have no owner to end them
    } else {
      asio::post(loop.io, [&loop] { end_when_written(loop); });
    }
  }

  std::vector<std::unique_ptr<EventLoop>> loops_;
};

}  // namespace

std::unique_ptr<Runner> make_async_runner(const RunnerSetup& setup) { return std::make_unique<AsyncRunner>(setup); }

}  // namespace conduitd::host
