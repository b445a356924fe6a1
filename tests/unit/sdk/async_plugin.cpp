// Coroutines for async_test.cpp.
#include "unit/sdk/async_plugin.h"

#include <conduit/async.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace async_sample {

namespace asio = boost::asio;
using namespace std::chrono_literals;

std::promise<bool> left_behind_found_context;

void expect_context(const conduit::Context& context) {
  if (&conduit::current_context() != &context) throw std::logic_error("another attempt's context");
}

asio::awaitable<void> child(conduit::Context& context, int steps) {
  for (int step = 0; step < steps; ++step) {
    co_await asio::post(asio::use_awaitable);
    expect_context(context);
  }
}

struct Interleave {
  int steps = 0;
};
BOOST_DESCRIBE_STRUCT(Interleave, (), (steps))

/// Gives the others a turn in every way there is, and looks at the context after each.
asio::awaitable<std::string> interleave(const Interleave& args, conduit::Context& context) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (int step = 0; step < args.steps; ++step) {
    co_await asio::post(asio::use_awaitable);
    expect_context(context);
    timer.expires_after(std::chrono::microseconds(step % 7 * 50));
    co_await timer.async_wait(asio::use_awaitable);
    expect_context(context);
    auto spawned = child(context, 2);
    co_await asio::co_spawn(timer.get_executor(), std::move(spawned), asio::use_awaitable);
    expect_context(context);
  }
  co_return conduit::current_context().job_id();
}

asio::awaitable<void> wait(conduit::Context& context) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
  context.set_progress(0.5, "waiting");
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<std::string> submit(std::string name, conduit::Context& context) {
  conduit::Json args = {{"name", name}};
  context.set_progress(0.1, "submitting");
  co_return co_await context.async_submit("mail.send", args);
}

asio::awaitable<int> forget(conduit::Context& context) {
  context.submit_and_forget("mail.later");
  co_return 1;
}

/// Waits for an operation that drops its handler.
asio::awaitable<void> stuck() {
  auto drop = [](auto) {};
  auto never =
      asio::async_initiate<const asio::use_awaitable_t<>&, void()>(drop, asio::use_awaitable);
  co_await std::move(never);
}

asio::awaitable<void> outlive() {
  co_await asio::post(asio::use_awaitable);
  while (true) {
    try {
      static_cast<void>(conduit::current_context());
    } catch (const std::logic_error&) {
      left_behind_found_context.set_value(false);
      co_return;
    }
    co_await asio::post(asio::use_awaitable);
  }
}

asio::awaitable<void> leave_behind() {
  auto left = outlive();
  asio::co_spawn(co_await asio::this_coro::executor, std::move(left),
                 [](const std::exception_ptr&) {});
}

asio::awaitable<void> fail() { throw conduit::Fail("no"); }

}  // namespace async_sample

CONDUIT_PLUGIN("async_sample", "1.0.0", plugin) {
  plugin.task("async.interleave", async_sample::interleave);
  plugin.task("async.wait", async_sample::wait);
  plugin.task("async.submit", async_sample::submit).parameters("name");
  plugin.task("async.forget", async_sample::forget);
  plugin.task("async.stuck", async_sample::stuck);
  plugin.task("async.leave_behind", async_sample::leave_behind);
  plugin.task("async.fail", async_sample::fail);
}
