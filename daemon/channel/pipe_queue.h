#pragma once
// The last leg of every host: whole frames, written to the supervisor by any thread.

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "channel/command_sink.h"

namespace conduitd::channel {

/// Thread: any. The descriptor is non-blocking and belongs to the caller; a write waits for room with poll(2), for at most
/// `patience`, while others who write wait with it. If the peer is gone or reads nothing for so long, the pipe is broken:
/// it is shut down, so that the reader of this host sees its end, and later commands are dropped.
class PipeQueue final : public CommandSink {
 public:
  explicit PipeQueue(int fd, Millis patience = Millis{60'000});

  /// Written at once, except `end` and `outcome`: they wait for the next command or flush(), so that a child with a
  /// staged attempt sends one's outcome and the next one's `began` in one write.
  void push(std::uint32_t handle, FrameType type, std::string_view body) override;
  /// Writing waits instead of gathering.
  [[nodiscard]] bool congested() const override { return false; }

  /// Writes whole frames that were gathered elsewhere.
  void push_frames(std::string_view frames);
  void flush();
  [[nodiscard]] bool broken() const { return broken_.load(std::memory_order_relaxed); }

 private:
  void write_all();
  bool wait_for_room(SteadyTime deadline);

  const int fd_;
  const Millis patience_;
  std::mutex mutex_;
  std::string buffer_;  // guarded by mutex_
  std::atomic<bool> broken_{false};
};

}  // namespace conduitd::channel
