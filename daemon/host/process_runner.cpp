#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "base/unique_fd.h"
#include "host/crash_handler.h"
#include "host/intake.h"
#include "host/usage.h"

namespace conduitd::host {
namespace {

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
    limit_cpu();
    begin(work);
    work.attempt->run();
    work.attempt->returned();
  }

  // Memory used by an earlier attempt is not this one's: writing 5 sets the high-water mark back to what is in use.
  void reset_peak() const {
    const UniqueFd refs(::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC));
    if (refs.valid()) (void)!::write(refs.get(), "5", 1);
  }

  // The limit is on what the process has used in its life: it moves on with each attempt. Past it comes SIGXCPU.
  void limit_cpu() const {
    if (setup_.cpu_seconds == 0) return;
    rlimit limits{};
    ::getrlimit(RLIMIT_CPU, &limits);
    const auto used = static_cast<rlim_t>((before_.cpu_us + 999'999) / 1'000'000);
    limits.rlim_cur = std::min<rlim_t>(used + setup_.cpu_seconds, limits.rlim_max);
    ::setrlimit(RLIMIT_CPU, &limits);
  }

  void measure(Attempt&, channel::Outcome& outcome) override {
    const auto usage = Usage::now();
    outcome.cpu_us = usage.cpu_us - before_.cpu_us;
    outcome.peak_rss_kib = usage.peak_rss_kib;
    outcome.worn = setup_.recycle_bytes > 0 && resident_bytes() > setup_.recycle_bytes;
  }

  static std::uint64_t resident_bytes() {
    std::uint64_t total = 0;
    std::uint64_t resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
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
