#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "base/unique_fd.h"
#include "host/crash_handler.h"
#include "host/intake.h"

namespace conduitd::host {
namespace {

struct Usage {
  std::int64_t cpu_us = 0;
  std::int64_t peak_rss_kib = 0;

  static Usage now() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto micros = [](const timeval& time) { return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec; };
    return {micros(usage.ru_utime) + micros(usage.ru_stime), usage.ru_maxrss};
  }
};

class ProcessRunner final : public Intake {
 public:
  explicit ProcessRunner(const RunnerSetup& setup) : Intake(setup, channel::Executor::process) {}

  void run() override {
    const std::jthread reader([this] {
      use_signal_stack();
      serve_pipe();
      staged_.close();
    });
    while (const auto work = staged_.next()) {
      run_one(*work);
      // With more staged, the outcome goes out together with the next one's `began`.
      if (staged_.empty()) setup_.pipe.flush();
    }
  }

 private:
  void run_one(const Work& work) {
    reset_peak();
    before_ = Usage::now();
    begin(work);
    work.handler->run(work.handler->user, work.token);
    work.attempt->returned();
  }

  // Memory used by an earlier attempt is not this one's: writing 5 sets the high-water mark back to what is in use.
  void reset_peak() const {
    const UniqueFd refs(::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC));
    if (refs.valid()) (void)!::write(refs.get(), "5", 1);
  }

  void measure(Attempt&, channel::Outcome& outcome) override {
    const auto usage = Usage::now();
    outcome.cpu_us = usage.cpu_us - before_.cpu_us;
    outcome.peak_rss_kib = usage.peak_rss_kib;
  }

  channel::CommandSink& sink_for(std::uint32_t) override { return setup_.pipe; }

  void take(std::vector<Work>& arrived) override { staged_.put(arrived); }
  bool withdraw(const Attempt& attempt) override { return staged_.withdraw(attempt); }

  Usage before_;  // of the attempt that runs; the main thread's
  Staging staged_;
};

}  // namespace

std::unique_ptr<Runner> make_process_runner(const RunnerSetup& setup) { return std::make_unique<ProcessRunner>(setup); }

}  // namespace conduitd::host
