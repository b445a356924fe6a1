// Coroutines as an author writes them, on a host's event loop.
//   coroutines.tick {"count"}   waits that many milliseconds, one at a time, with progress; the result is the count
//   coroutines.wait             waits until it is cancelled
//   coroutines.throws           throws after a wait
#include <conduit/async.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <stdexcept>

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

}  // namespace

CONDUIT_PLUGIN("coroutines", "1.0.0", plugin) {
  plugin.task("coroutines.tick", tick).parameters("count");
  plugin.task("coroutines.wait", wait);
  plugin.task("coroutines.throws", fail_later);
}
