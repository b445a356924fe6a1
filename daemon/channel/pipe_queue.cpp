#include "channel/pipe_queue.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace conduitd::channel {

PipeQueue::PipeQueue(int fd, Millis patience) : fd_(fd), patience_(patience) {}

void PipeQueue::push(std::uint32_t handle, FrameType type, std::string_view body) {
  const std::lock_guard lock(mutex_);
  append_frame(buffer_, type, handle, body);
  if (type != FrameType::end && type != FrameType::outcome) write_all();
}

void PipeQueue::push_frames(std::string_view frames) {
  const std::lock_guard lock(mutex_);
  buffer_ += frames;
  write_all();
}

void PipeQueue::flush() {
  const std::lock_guard lock(mutex_);
  write_all();
}

void PipeQueue::write_all() {
  std::string_view left = broken() ? std::string_view() : buffer_;
  SteadyTime deadline{};
  while (!left.empty()) {
    const ssize_t sent = ::send(fd_, left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      left.remove_prefix(static_cast<std::size_t>(sent));
      deadline = SteadyTime{};
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    const bool full = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    // The clock is asked only when there is something to wait for.
    if (full && deadline == SteadyTime{}) deadline = SystemClock().now() + patience_;
    if (!full || !wait_for_room(deadline)) {
      broken_ = true;
      ::shutdown(fd_, SHUT_RDWR);
      break;
    }
  }
  buffer_.clear();
  if (buffer_.capacity() > kCongested) buffer_.shrink_to_fit();
}

bool PipeQueue::wait_for_room(SteadyTime deadline) {
  while (true) {
    const auto left = std::chrono::ceil<Millis>(deadline - SystemClock().now());
    if (left <= Millis{0}) return false;
    pollfd watched{fd_, POLLOUT, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready > 0) return (watched.revents & POLLNVAL) == 0;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace conduitd::channel
