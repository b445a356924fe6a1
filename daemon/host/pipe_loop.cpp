#include "host/pipe_loop.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "host/command_pacer.h"

namespace conduitd::host {
namespace {

using channel::FrameType;

constexpr std::size_t kReadSize = 64 * 1024;

}  // namespace

PipeLoop::PipeLoop(int fd, PipeEvents& events, std::function<bool(SteadyTime)> tick)
    : fd_(fd), events_(events), tick_(std::move(tick)) {}

void PipeLoop::hold_back() {
  // The first one to hold back starts the ticking; until it stops nobody needs to wake the loop.
  if (!ticking_.exchange(true)) wake_.wake();
}

PipeLoop::End PipeLoop::run() {
  while (events_.alive()) {
    pollfd watched[2] = {{fd_, POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    const int timeout = ticking_ ? static_cast<int>(CommandPacer::kInterval.count()) : static_cast<int>(kInterval.count());
    if (::poll(watched, 2, timeout) < 0 && errno != EINTR) return End::broken;
    if (watched[1].revents != 0) {
      wake_.clear();
      events_.on_wake();
    }
    keep_time(SystemClock().now());
    if (watched[0].revents == 0) continue;
    if ((watched[0].revents & POLLNVAL) != 0) return End::closed;  // user code closed it
    const auto more = read();
    if (!more.has_value()) return End::broken;
    if (!more.value()) return End::closed;
  }
  return End::done;
}

void PipeLoop::keep_time(SteadyTime now) {
  if (ticking_) {
    // Cleared first: who holds back meanwhile sets it again.
    ticking_ = false;
    if (tick_(now)) ticking_ = true;
  }
  if (now - last_interval_ < kInterval) return;
  last_interval_ = now;
  events_.on_interval(now);
}

/// One read and all that it brought. False at the end of the stream.
Result<bool> PipeLoop::read() {
  const ssize_t got = ::recv(fd_, reader_.prepare(kReadSize), kReadSize, MSG_DONTWAIT);
  if (got == 0) return false;
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  reader_.commit(static_cast<std::size_t>(got));
  while (true) {
    CONDUIT_TRY(const auto frame, reader_.next());
    if (!frame) break;
    CONDUIT_TRY(dispatch(*frame));
  }
  events_.on_read_done();
  return true;
}

Result<> PipeLoop::dispatch(const channel::FrameReader::Frame& frame) {
  switch (frame.type) {
    case FrameType::start: {
      CONDUIT_TRY(auto start, channel::decode<channel::Start>(frame.body));
      events_.on_start(frame.handle, std::move(start));
      return ok();
    }
    case FrameType::cancel: {
      CONDUIT_TRY(channel::decode<channel::Cancel>(frame.body));
      events_.on_cancel(frame.handle);
      return ok();
    }
    case FrameType::reply: {
      CONDUIT_TRY(const auto reply, channel::decode<channel::Reply>(frame.body));
      events_.on_reply(frame.handle, reply);
      return ok();
    }
    case FrameType::hooks: {
      CONDUIT_TRY(auto hooks, channel::decode<channel::LateHooks>(frame.body));
      events_.on_hooks(frame.handle, std::move(hooks));
      return ok();
    }
    case FrameType::forget: events_.on_forget(frame.handle); return ok();
    case FrameType::stop: events_.on_stop(); return ok();
    case FrameType::probe: events_.on_probe(frame.handle); return ok();
    default: return Error(Errc::protocol, "a host is not sent frames of this type");
  }
}

}  // namespace conduitd::host
