#pragma once
// Runs the attempts that the supervisor sends to one host. Three forms, one for each executor.

#include <memory>

#include "channel/messages.h"
#include "channel/pipe_queue.h"
#include "plugin/registry.h"

namespace conduitd::host {

/// What every runner needs; all of it outlives the runner, since the process ends first.
struct RunnerSetup {
  int fd = -1;  ///< the channel
  channel::PipeQueue& pipe;
  const plugin::Registry& registry;
  std::uint32_t width = 1;
  std::uint64_t cpu_seconds = 0;    ///< as in channel::Spawn
  std::uint64_t recycle_bytes = 0;  ///< as in channel::Spawn
};

/// More attempts than this in one host is a mistake of the supervisor's, and its pipe is dropped.
inline constexpr std::size_t kMostAttempts = 100'000;

class Runner {
 public:
  virtual ~Runner() = default;
  /// Serves the pipe until the supervisor has said `stop` and every attempt has ended and every command is written.
  /// If the supervisor is gone or makes no sense, it ends the process instead, whatever user code does meanwhile.
  virtual void run() = 0;
};

/// `width` event loops, each on a thread of its own; every attempt stays on one loop.
[[nodiscard]] std::unique_ptr<Runner> make_async_runner(const RunnerSetup& setup);
/// A pool of `width` threads.
[[nodiscard]] std::unique_ptr<Runner> make_thread_runner(const RunnerSetup& setup);
/// One attempt at a time on the calling thread, the next ones staged; a thread beside it serves the pipe.
[[nodiscard]] std::unique_ptr<Runner> make_process_runner(const RunnerSetup& setup);

}  // namespace conduitd::host
