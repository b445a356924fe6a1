#include "hosts/host_link.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "channel/crash.h"

namespace asio = boost::asio;

namespace conduitd::hosts {
namespace {

constexpr std::size_t kTailLines = channel::kMostFrames + 8;
constexpr int kLastReads = 16;  // a grandchild may go on writing
constexpr std::size_t kLongestLine = 8 * 1024;

}  // namespace

HostLink::HostLink(asio::any_io_executor executor, std::uint32_t number, std::int64_t pid, UniqueFd channel,
                   UniqueFd output, HostLinkEvents& events)
    : number_(number),
      pid_(pid),
      events_(events),
      channel_(executor, asio::local::stream_protocol(), channel.release()),
      output_(executor, output.release()),
      writable_(executor, asio::steady_timer::time_point::max()),
      tasks_(executor) {}

void HostLink::start() {
  tasks_.spawn("host frames in", read_frames());
  tasks_.spawn("host frames out", write_frames());
  tasks_.spawn("host output", read_output());
}

void HostLink::send(channel::FrameType type, std::uint32_t handle, std::string_view body) {
  if (pending_.empty()) writable_.cancel();
  channel::append_frame(pending_, type, handle, body);
}

asio::awaitable<void> HostLink::stop() {
  co_await tasks_.stop();
  boost::system::error_code ignored;
  channel_.close(ignored);
  output_.close(ignored);
}

asio::awaitable<void> HostLink::read_frames() {
  for (;;) {
    boost::system::error_code error;
    char* room = reader_.prepare(channel::kReadSize);
    const auto size = co_await channel_.async_read_some(asio::buffer(room, channel::kReadSize),
                                                        asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) break;
    reader_.commit(size);
    if (!deliver()) break;
  }
  events_.closed(*this, std::move(fault_));
}

bool HostLink::deliver() {
  for (;;) {
    auto frame = reader_.next();
    if (!frame.has_value()) {
      fault_ = frame.error().message();
      return false;
    }
    if (!frame.value()) return true;
    events_.frame(*this, *frame.value());
  }
}

asio::awaitable<void> HostLink::write_frames() {
  for (;;) {
    boost::system::error_code error;
    while (pending_.empty()) {
      co_await writable_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (tasks_.stopping()) co_return;
    }
    const std::string batch = std::exchange(pending_, {});
    co_await asio::async_write(channel_, asio::buffer(batch), asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;  // the reading side sees the end and reports it
  }
}

asio::awaitable<void> HostLink::read_output() {
  std::array<char, 4096> room{};
  for (;;) {
    boost::system::error_code error;
    const auto size =
        co_await output_.async_read_some(asio::buffer(room), asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) break;
    take_output({room.data(), size});
  }
  if (!partial_line_.empty()) take_output("\n");
}

void HostLink::read_last_output() {
  std::array<char, 4096> room{};
  boost::system::error_code error;
  output_.non_blocking(true, error);
  for (int i = 0; i < kLastReads && !error; ++i) {
    const auto size = output_.read_some(asio::buffer(room), error);
    if (!error) take_output({room.data(), size});
  }
}

void HostLink::take_output(std::string_view bytes) {
  for (const char c : bytes) {
    if (c != '\n') {
      if (partial_line_.size() < kLongestLine) partial_line_ += c;  // the rest of an overlong line is dropped
      continue;
    }
    tail_.push_back(partial_line_);
    if (tail_.size() > kTailLines) tail_.pop_front();
    events_.output_line(*this, std::exchange(partial_line_, {}));
  }
}

}  // namespace conduitd::hosts
