#include "channel/loop_queue.h"

#include <boost/asio/post.hpp>

#include "channel/pipe_queue.h"

namespace conduitd::channel {

LoopQueue::LoopQueue(boost::asio::io_context& loop, PipeQueue& pipe) : loop_(loop), pipe_(pipe) {}

void LoopQueue::push(std::uint32_t handle, FrameType type, std::string_view body) {
  waiting_.fetch_add(kHeaderSize + body.size(), std::memory_order_relaxed);
  if (loop_.get_executor().running_in_this_thread() && on_their_way_.load() == 0) {
    append_frame(frames_, type, handle, body);
    gather();
    return;
  }
  ++on_their_way_;
  std::string frame;
  append_frame(frame, type, handle, body);
  boost::asio::post(loop_, [this, frame = std::move(frame)] {
    --on_their_way_;
    frames_ += frame;
    gather();
  });
}

void LoopQueue::gather() {
  if (write_scheduled_) return;
  write_scheduled_ = true;
  // Behind everything that is ready now: the whole turn's commands go in one write.
  boost::asio::post(loop_, [this] { write(); });
}

void LoopQueue::write() {
  write_scheduled_ = false;
  pipe_.push_frames(frames_);
  waiting_.fetch_sub(frames_.size());
  frames_.clear();
  if (frames_.capacity() > kCongested) frames_.shrink_to_fit();
}

}  // namespace conduitd::channel
