// Coroutines as an author writes them, on a host's event loop. Where misbehave.c has a task of the same name, this one does
// the same, so that one test can ask it of every executor.
//   coroutines.tick {"count"}   waits that many milliseconds, one at a time, with progress; the result is the count
//   coroutines.wait             waits until it is cancelled
//   coroutines.throws           throws after a wait
//   coroutines.sockets {"mib"}  sends so much through a pair of sockets, reading at the other end; the result is what came
//   coroutines.noop, echo, progress, checkpoint, crash, exit, submit, garbage, close_all: as misbehave's
//   coroutines.sleep {"ms"}     says with a progress that it began, and waits; cancelled where it waits
//   coroutines.heed {"ms"}      the same, but lets no cancellation in and looks at cancelled() instead
//   coroutines.deaf {"ms"}      the same, but does not look either; the loop goes on
//   coroutines.hang             says with a progress that it began, and blocks the loop for ever
//   coroutines.block {"ms"}     waits, and then blocks the loop for so long
//   coroutines.story            says all that can be said in two attempts; the second goes on from the first's checkpoint
#include <conduit/async.hpp>

#include <poll.h>
#include <unistd.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

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

asio::awaitable<void> noop() { co_return; }

asio::awaitable<conduit::Json> echo(conduit::Json args) {
  co_await pause(1ms);
  co_return args;
}

asio::awaitable<int> progress(int count, conduit::Context& context) {
  for (int i = 1; i <= count; ++i) {
    context.set_progress(static_cast<double>(i) / count, "step " + std::to_string(i));
    co_await pause(1ms);
  }
  context.send_log(conduit::LogLevel::info, "counted", {{"by", 1}});
  context.set_metadata("count", count);
  co_return count;
}

asio::awaitable<conduit::Json> checkpoint(conduit::Context& context) {
  co_await pause(1ms);
  if (!context.last_checkpoint().is_null()) co_return context.last_checkpoint();
  context.checkpoint({{"n", 1}});
  context.set_metadata("seen", true);
  throw conduit::Retry(0ms, "the first attempt fails");
}

// A sanitizer would report it and exit; here it is to crash.
__attribute__((no_sanitize("undefined"))) asio::awaitable<void> crash() {
  co_await pause(1ms);
  int* volatile nowhere = nullptr;
  *nowhere = 1;
}

asio::awaitable<void> leave(int code) {
  co_await pause(1ms);
  std::exit(code);
}

asio::awaitable<conduit::Json> submit(std::string task, conduit::Json args, conduit::Context& context) {
  const std::string id = co_await context.async_submit(task, args);
  co_return conduit::Json::array({id});
}

asio::awaitable<void> garbage() {
  constexpr std::string_view kText = "this is not a frame, is it?";
  for (int fd = 3; fd < 64; ++fd) {
    if (::write(fd, kText.data(), kText.size()) < 0) continue;
  }
  co_await pause(1ms);
}

asio::awaitable<void> hang(conduit::Context& context) {
  context.set_progress(0, "began");
  co_await pause(1ms);  // on a loop that is blocked nothing is sent any more
  while (true) ::pause();
}

asio::awaitable<void> close_all() {
  co_await pause(1ms);
  for (int fd = 3; fd < 1024; ++fd) ::close(fd);
  while (true) ::pause();
}

asio::awaitable<std::string> rest(int ms, conduit::Context& context) {
  context.set_progress(0, "began");
  co_await pause(std::chrono::milliseconds(ms));
  co_return "slept";
}

asio::awaitable<std::string> heed(int ms, conduit::Context& context) {
  context.set_progress(0, "began");
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  for (int i = 0; i < ms; ++i) {
    context.throw_if_cancelled();
    co_await pause(1ms);
  }
  co_return "slept";
}

asio::awaitable<std::string> deaf(int ms, conduit::Context& context) {
  context.set_progress(0, "began");
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await pause(std::chrono::milliseconds(ms));
  co_return "heard nothing";
}

asio::awaitable<void> block(int ms) {
  co_await pause(1ms);
  ::poll(nullptr, 0, ms);
}

asio::awaitable<conduit::Json> story(std::string name, conduit::Context& context) {
  const conduit::Json before = context.last_checkpoint();
  const int stage = before.value_or("stage", 0) + 1;
  context.send_log(conduit::LogLevel::info, "stage " + std::to_string(stage), {{"name", name}, {"before", before}});
  context.send_log(conduit::LogLevel::warning, "a second line: \"quoted\", \xc3\xa4\xe2\x82\xac");
  context.set_metadata("stage" + std::to_string(stage), {{"attempt", context.attempt()}});
  context.set_metadata("name", name);
  co_await pause(1ms);
  context.set_progress(stage * 0.5, "stage " + std::to_string(stage) + " done");
  context.checkpoint({{"stage", stage}, {"name", name}});
  if (stage == 1) throw conduit::Retry(0ms, "once more");
  co_return conduit::Json{{"name", name}, {"stages", stage}, {"seen", context.metadata("stage1")}, {"half", 0.5}};
}

}  // namespace

CONDUIT_PLUGIN("coroutines", "1.0.0", plugin) {
  plugin.task("coroutines.tick", tick).parameters("count");
  plugin.task("coroutines.wait", wait);
  plugin.task("coroutines.throws", fail_later);
  plugin.task("coroutines.sockets", sockets).parameters("mib");
  plugin.task("coroutines.noop", noop);
  plugin.task("coroutines.echo", echo);
  plugin.task("coroutines.progress", progress).parameters("count");
  plugin.task("coroutines.checkpoint", checkpoint);
  plugin.task("coroutines.crash", crash);
  plugin.task("coroutines.exit", leave).parameters("code");
  plugin.task("coroutines.submit", submit).parameters("task", "args");
  plugin.task("coroutines.garbage", garbage);
  plugin.task("coroutines.hang", hang);
  plugin.task("coroutines.close_all", close_all);
  plugin.task("coroutines.sleep", rest).parameters("ms");
  plugin.task("coroutines.heed", heed).parameters("ms");
  plugin.task("coroutines.deaf", deaf).parameters("ms");
  plugin.task("coroutines.block", block).parameters("ms");
  plugin.task("coroutines.story", story).parameters("name");
}
