#pragma once
// The queue between a pool of threads and the one thread that serves the pipe.

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

#include "channel/command_sink.h"

namespace conduitd::channel {

/// Many producers, one consumer. Bounded by its producers, who merge and hold while it is congested.
class ThreadQueue final : public CommandSink {
 public:
  /// `wake` is called by the producer whose command is the first of a burst, outside the lock; the consumer then drains.
  explicit ThreadQueue(std::function<void()> wake);

  void push(std::uint32_t handle, FrameType type, std::string_view body) override;
  [[nodiscard]] bool congested() const override { return waiting_.load(std::memory_order_relaxed) > kCongested; }

  /// Everything that came since the last call, as whole frames in order, in the place of what `frames` held.
  void drain(std::string& frames);

 private:
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::string frames_;  // guarded by mutex_
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace conduitd::channel
