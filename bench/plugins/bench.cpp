// Tasks for the benchmarks, beside noop/ of the tests: what features cost that a job need not use, and when a job began.
//
//   bench.plain            nothing, in C++
//   bench.logged           one log line
//   bench.layered          nothing, inside a layer of middleware
//   bench.hooked           nothing, with a hook at its start and one at its end
//   bench.silent, told     a coroutine of ten steps of 10 ms; told says at each how far it is
//   bench.stamp            the result is when it began, in nanoseconds of CLOCK_MONOTONIC
//   bench.hold {"file"}    adds a line to the file with that time and its process, and then waits until it is asked to stop
#include <conduit/async.hpp>

#include <poll.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

namespace asio = boost::asio;

namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void plain(std::string_view) {}

void logged(std::string_view, conduit::Context& context) { context.send_log(conduit::LogLevel::info, "one line of a job's log"); }

conduit::Json layer(conduit::Context&, conduit::Next next) { return next(); }

void hook(conduit::Context&) {}

asio::awaitable<void> steps(bool tells) {
  constexpr int kSteps = 10;
  auto& context = conduit::current_context();
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int step = 1; step <= kSteps; ++step) {
    timer.expires_after(std::chrono::milliseconds(10));
    co_await timer.async_wait(asio::use_awaitable);
    if (tells) context.set_progress(static_cast<double>(step) / kSteps, "a step");
  }
}

asio::awaitable<void> silent(std::string_view) { return steps(false); }
asio::awaitable<void> told(std::string_view) { return steps(true); }

std::int64_t stamp(std::string_view) { return now_ns(); }

struct Hold {
  std::string file;
};
BOOST_DESCRIBE_STRUCT(Hold, (), (file))

void hold(const Hold& args, conduit::Context& context) {
  std::ofstream(args.file, std::ios::app) << now_ns() << ' ' << ::getpid() << std::endl;
  while (!context.cancelled()) ::poll(nullptr, 0, 20);
}

}  // namespace

CONDUIT_PLUGIN("bench", "1.0.0", plugin) {
  plugin.task("bench.plain", plain);
  plugin.task("bench.logged", logged);
  plugin.task("bench.layered", plain).use(layer, {.name = "layer"});
  plugin.task("bench.hooked", plain).on_start(hook).on_complete(hook);
  plugin.task("bench.silent", silent);
  plugin.task("bench.told", told);
  plugin.task("bench.stamp", stamp);
  plugin.task("bench.hold", hold);
}
