#pragma once
// The supervisor's end of one host: frames out, frames in, and what it prints.

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <string>

#include "base/task_group.h"
#include "base/unique_fd.h"
#include "channel/frame.h"

namespace conduitd::hosts {

class HostLink;

/// Who is told what a host says. Called on the core loop, never from inside a call to the link.
class HostLinkEvents {
 public:
  virtual ~HostLinkEvents() = default;
  virtual void frame(HostLink& link, const channel::FrameReader::Frame& frame) = 0;
  virtual void output_line(HostLink& link, std::string line) = 0;
  /// No more frames will come; `fault` is empty at an ordinary end of file. Called at most once.
  virtual void closed(HostLink& link, std::string fault) = 0;
};

/// Moves bytes between the core loop and one host process.
///
/// Owned by a HostPool. Runs on the core loop. Nothing here blocks: a host that does not read its pipe lets `send`
/// gather at most what the dispatcher has started there. `stop()` ends its coroutines and must be awaited before
/// destruction; it does not end the process.
class HostLink {
 public:
  HostLink(boost::asio::any_io_executor executor, std::uint32_t number, std::int64_t pid, UniqueFd channel,
           UniqueFd output, HostLinkEvents& events);

  void start();
  /// Queues a frame. Frames of one turn of the loop leave in one write.
  void send(channel::FrameType type, std::uint32_t handle, std::string_view body);
  boost::asio::awaitable<void> stop();

  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] std::int64_t pid() const { return pid_; }
  /// Takes what a host that has ended had printed and nobody has read yet: never waits.
  void read_last_output();
  /// The last lines it printed, oldest first.
  [[nodiscard]] const std::deque<std::string>& output_tail() const { return tail_; }

 private:
  boost::asio::awaitable<void> read_frames();
  boost::asio::awaitable<void> read_output();
  boost::asio::awaitable<void> write_frames();
  bool deliver();
  void take_output(std::string_view bytes);

  const std::uint32_t number_;
  const std::int64_t pid_;
  HostLinkEvents& events_;
  boost::asio::local::stream_protocol::socket channel_;
  boost::asio::posix::stream_descriptor output_;
  boost::asio::steady_timer writable_;  // cancelled when there is something to write
  channel::FrameReader reader_;
  std::string pending_;
  std::string partial_line_;
  std::deque<std::string> tail_;
  std::string fault_;
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::hosts
