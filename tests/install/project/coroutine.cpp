#include <conduit/async.hpp>

using namespace std::chrono_literals;

static boost::asio::awaitable<std::string> nap(std::chrono::milliseconds time) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
  co_await timer.async_wait(boost::asio::use_awaitable);
  co_return conduit::current_context().job_id();
}

CONDUIT_PLUGIN("coroutine", "1.0.0", plugin) { plugin.task("coroutine.nap", nap).parameters("time"); }
