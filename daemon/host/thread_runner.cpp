#include <list>
#include <mutex>
#include <system_error>
#include <thread>

#include "channel/thread_queue.h"
#include "host/crash_handler.h"
#include "host/intake.h"
#include "host/running.h"

namespace conduitd::host {
namespace {

/// `width` threads run attempts, and one more for each attempt that waits for other jobs: these may need a thread to run on.
class ThreadRunner final : public Intake {
 public:
  explicit ThreadRunner(const RunnerSetup& setup)
      : Intake(setup, channel::Executor::thread), queue_([this] { loop_.wake(); }), width_(std::max(setup.width, 1u)) {}

  void run() override {
    {
      const std::lock_guard lock(mutex_);
      add_threads();
    }
    serve_pipe();
    on_wake();
    staged_.close();
    // What ends now adds no more.
    std::list<PoolThread> last;
    {
      const std::lock_guard lock(mutex_);
      last.swap(pool_);
    }
  }

 private:
  struct PoolThread {
    bool over = false;  // guarded by mutex_
    std::jthread thread;
  };

  /// With mutex_ held.
  void add_threads() {
    pool_.remove_if([](const PoolThread& one) { return one.over; });
    while (running_ < width_ + waiting_) {
      auto& added = pool_.emplace_back();
      try {
        added.thread = std::jthread([this, &added] { work(added); });
      } catch (const std::system_error&) {
        pool_.pop_back();  // the system has no more threads: those that run go on, and make room sooner or later
        return;
      }
      ++running_;
    }
  }

  void work(PoolThread& self) {
    use_signal_stack();
    while (!is_surplus(self)) {
      const auto work = staged_.next();
      if (!work) return;
      set_running_attempt(work->attempt->handle());
      begin(*work);
      work->attempt->run();
      work->attempt->returned();
      set_running_attempt(0);
    }
  }

  bool is_surplus(PoolThread& self) {
    const std::lock_guard lock(mutex_);
    if (running_ <= width_ + waiting_) return false;
    --running_;
    self.over = true;
    return true;
  }

  void wait_begins() override {
    const std::lock_guard lock(mutex_);
    ++waiting_;
    add_threads();
  }

  void wait_ends() override {
    const std::lock_guard lock(mutex_);
    --waiting_;
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
  const std::size_t width_;
  std::mutex mutex_;
  std::list<PoolThread> pool_;  // guarded by mutex_, as are the two below
  std::size_t running_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace

std::unique_ptr<Runner> make_thread_runner(const RunnerSetup& setup) { return std::make_unique<ThreadRunner>(setup); }

}  // namespace conduitd::host
