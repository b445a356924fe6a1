#include "channel/thread_queue.h"

namespace conduitd::channel {

ThreadQueue::ThreadQueue(std::function<void()> wake) : wake_(std::move(wake)) {}

void ThreadQueue::push(std::uint32_t handle, FrameType type, std::string_view body) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = frames_.empty();
    append_frame(frames_, type, handle, body);
    waiting_.store(frames_.size(), std::memory_order_relaxed);
  }
  if (first) wake_();
}

void ThreadQueue::drain(std::string& frames) {
  // Both strings keep their memory: after a while neither side allocates.
  frames.clear();
  if (frames.capacity() > kCongested) frames.shrink_to_fit();
  const std::lock_guard lock(mutex_);
  frames_.swap(frames);
  waiting_.store(0, std::memory_order_relaxed);
}

}  // namespace conduitd::channel
