// Tasks of both kinds with layers of the worker around them, for layers_test.cpp.
#include <conduit/async.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <stdexcept>
#include <string>

namespace layered {

namespace asio = boost::asio;
using conduit::Context;
using conduit::Json;

void note(const std::string& what) {
  conduit::current_context().send_log(conduit::LogLevel::debug, what);
}

std::string describe(const conduit::TaskError& error) {
  return std::to_string(static_cast<int>(error.kind())) + ' ' + error.type() + ' ' + error.what() + ' ' +
         error.detail() + ' ' + (error.after() ? std::to_string(error.after()->count()) : "-");
}

std::string wish(Context& context) { return context.args().value_or("layer", "pass"); }

Json outer(Context& context, conduit::Next next) {
  note("> outer");
  context.submit_and_forget("audit.note");
  Json result;
  try {
    result = next();
  } catch (const conduit::TaskError& error) {
    note(describe(error));
    if (wish(context) == "translate") throw conduit::Fail("translated");
    if (wish(context) != "again") throw;
    result = next();
  }
  note("< outer");
  return wish(context) == "replace" ? Json{{"was", result}} : result;
}

asio::awaitable<Json> outer_async(Context& context, conduit::AsyncNext next) {
  note("> outer");
  context.submit_and_forget("audit.note");
  co_await asio::post(asio::use_awaitable);
  Json result;
  bool again = false;
  try {
    result = co_await next();
  } catch (const conduit::TaskError& error) {
    note(describe(error));
    if (wish(context) == "translate") throw conduit::Fail("translated");
    if (wish(context) != "again") throw;
    again = true;
  }
  if (again) result = co_await next();
  note("< outer");
  if (wish(context) == "replace") co_return Json{{"was", result}};
  co_return result;
}

Json inner(Context&, conduit::Next next) {
  note("> inner");
  return next();
}
asio::awaitable<Json> inner_async(Context&, conduit::AsyncNext next) {
  note("> inner");
  return next();
}

Json own(Context&, conduit::Next next) {
  note("> own");
  return next();
}
asio::awaitable<Json> own_async(Context&, conduit::AsyncNext next) {
  note("> own");
  return next();
}

asio::awaitable<Json> only_async(Context&, conduit::AsyncNext next) {
  note("> only_async");
  return next();
}

struct Args {
  std::string layer = "pass";
  std::string throws = "nothing";
};
BOOST_DESCRIBE_STRUCT(Args, (), (layer, throws))

Json run(const Args& args) {
  note("task");
  static int runs = 0;
  if (args.throws == "once" && ++runs % 2 == 1) throw std::runtime_error("the first time");
  if (args.throws == "error") throw std::runtime_error("broken");
  if (args.throws == "fail") throw conduit::Fail("for good");
  if (args.throws == "invalid") throw conduit::InvalidArguments("too wide", "/width");
  if (args.throws == "retry") throw conduit::Retry(std::chrono::milliseconds(9), "busy");
  if (args.throws == "snooze") throw conduit::Snooze(std::chrono::milliseconds(7), "later");
  return "done";
}

asio::awaitable<Json> run_async(const Args& args, Context& context) {
  co_await asio::post(asio::use_awaitable);
  if (args.throws == "waits") {
    context.set_progress(0.5);
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return run(args);
}

}  // namespace layered

CONDUIT_PLUGIN("layered", "1.0.0", plugin) {
  using namespace layered;
  constexpr auto kWorker = conduit::LayerScope::worker;
  plugin.use(inner, inner_async, {.priority = -1, .scope = kWorker});
  plugin.use(own, own_async, {.priority = 100});
  plugin.use(only_async, {.priority = 5, .scope = kWorker});
  plugin.use(outer, outer_async, {.priority = 5, .name = "outer", .scope = kWorker});
  plugin.task("layered.blocking", run);
  plugin.task("layered.async", run_async);
}
