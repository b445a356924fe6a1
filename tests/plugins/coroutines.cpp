// Coroutines as an author writes them, on a host's event loop.
//   coroutines.tick {"count"}   waits that many milliseconds, one at a time, with progress; the result is the count
//   coroutines.wait             waits until it is cancelled
//   coroutines.throws           throws after a wait
//   coroutines.sockets {"mib"}  sends so much through a pair of sockets, reading at the other end; the result is what came
#include <conduit/async.hpp>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <stdexcept>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<int> tick(int count) {
  for (int i = 1; i <= count; ++i) {
    co_await pause(1ms);
    conduit::current_context().set_progress(static_cast<double>(i) / count, "tick");
  }
  co_return count;
}

asio::awaitable<void> wait() { co_await pause(1h); }

asio::awaitable<void> fail_later() {
  co_await pause(1ms);
  throw std::runtime_error("thrown after a wait");
}

using Socket = asio::local::stream_protocol::socket;

asio::awaitable<void> send(Socket& socket, std::size_t size) {
  const std::string block(64 * 1024, 'x');
  for (std::size_t sent = 0; sent < size; sent += block.size()) {
    co_await asio::async_write(socket, asio::buffer(block), asio::use_awaitable);
  }
  socket.shutdown(Socket::shutdown_send);
}

asio::awaitable<std::size_t> receive(Socket& socket) {
  std::string room(16 * 1024, 0);
  std::size_t total = 0;
  for (;;) {
    boost::system::error_code ended;
    total += co_await socket.async_read_some(asio::buffer(room), asio::redirect_error(asio::use_awaitable, ended));
    if (ended) co_return total;
  }
}

asio::awaitable<std::size_t> sockets(int mib) {
  using namespace asio::experimental::awaitable_operators;
  const auto executor = co_await asio::this_coro::executor;
  Socket one(executor);
  Socket other(executor);
  asio::local::connect_pair(one, other);
  co_return co_await (send(one, static_cast<std::size_t>(mib) << 20U) && receive(other));
}

}  // namespace

CONDUIT_PLUGIN("coroutines", "1.0.0", plugin) {
  plugin.task("coroutines.tick", tick).parameters("count");
  plugin.task("coroutines.wait", wait);
  plugin.task("coroutines.throws", fail_later);
  plugin.task("coroutines.sockets", sockets).parameters("mib");
}
