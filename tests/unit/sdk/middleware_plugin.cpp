// Tasks of both kinds with layers and hooks around them, for middleware_test.cpp.
#include <conduit/async.hpp>

#include <boost/asio/post.hpp>
#include <stdexcept>
#include <string>


namespace onion {

namespace asio = boost::asio;
using conduit::Context;
using conduit::Json;

void note(const std::string& what) {
  conduit::current_context().send_log(conduit::LogLevel::debug, what);
}

/// A layer of both kinds that says when it is entered and left.
auto noting(std::string name) {
  return [name](Context&, conduit::Next next) {
    note("> " + name);
    Json result = next();
    note("< " + name);
    return result;
  };
}

asio::awaitable<Json> noting_async(std::string name, conduit::AsyncNext next) {
  note("> " + name);
  co_await asio::post(asio::use_awaitable);
  Json result = co_await next();
  co_await asio::post(asio::use_awaitable);
  note("< " + name);
  co_return result;
}

auto noting_coroutine(std::string name) {
  return [name](Context&, conduit::AsyncNext next) { return noting_async(name, next); };
}

Json blocking_inner(Context& context, conduit::Next next) {
  if (context.args().value_or("skip", false)) return "skipped";
  if (context.args().value_or("twice", false)) return Json::array({next(), next()});
  try {
    return next();
  } catch (const std::out_of_range& error) {
    throw conduit::Fail(std::string("translated: ") + error.what());
  }
}

asio::awaitable<Json> async_inner(Context& context, conduit::AsyncNext next) {
  if (context.args().value_or("skip", false)) co_return "skipped";
  if (context.args().value_or("twice", false)) {
    Json first = co_await next();
    Json second = co_await next();
    co_return Json::array({std::move(first), std::move(second)});
  }
  std::string caught;
  try {
    co_return co_await next();
  } catch (const std::out_of_range& error) {
    caught = error.what();
  }
  throw conduit::Fail("translated: " + caught);
}

struct Args {
  bool skip = false;
  bool twice = false;
  std::string throws = "nothing";
};
BOOST_DESCRIBE_STRUCT(Args, (), (skip, twice, throws))

std::string run(const Args& args) {
  note("task");
  if (args.throws == "range") throw std::out_of_range("too far");
  if (args.throws == "error") throw std::runtime_error("broken");
  if (args.throws == "fail") throw conduit::Fail("for good");
  if (args.throws == "snooze") throw conduit::Snooze(std::chrono::minutes(1));
  return "done";
}

asio::awaitable<std::string> run_async(const Args& args) {
  co_await asio::post(asio::use_awaitable);
  co_return run(args);
}

void tell(const std::string& hook, Context& context, const conduit::End& end) {
  const Json fields = {{"kind", conduit::to_json(end.kind)}, {"result", end.result}, {"error", end.error}};
  context.send_log(conduit::LogLevel::info, hook, fields);
}

}  // namespace onion

CONDUIT_PLUGIN("onion", "1.0.0", plugin) {
  using namespace onion;
  plugin.use(noting("first-5"), noting_coroutine("first-5"), {.priority = 5});
  plugin.use(noting("outer"), noting_coroutine("outer"), {.priority = 10, .name = "outer"});
  plugin.use(noting("second-5"), noting_coroutine("second-5"), {.priority = 5});
  auto& blocking = plugin.task("onion.blocking", run).use(blocking_inner, {.priority = 5});
  auto& async = plugin.task("onion.async", run_async).use(async_inner, {.priority = 5});
  for (auto* task : {&blocking, &async}) {
    task->on_start([](Context& context) { context.send_log(conduit::LogLevel::info, "on_start"); })
        .on_success([](Context& c, const conduit::End& end) { tell("on_success", c, end); })
        .on_retry([](Context& c, const conduit::End& end) { tell("on_retry", c, end); })
        .on_failure([](Context& c, const conduit::End& end) { tell("on_failure", c, end); })
        .on_complete([](Context& c, const conduit::End& end) { tell("on_complete", c, end); });
  }
  plugin.on_complete([] { note("worker's on_complete"); });
  plugin.task("onion.plain", [] { note("task"); });
  plugin.task("onion.bad_hooks", [] { return 1; })
      .on_start([] { throw std::runtime_error("no such channel"); })
      .on_success([] { throw 3; })
      .on_success([](Context& context) { context.submit_and_forget("mail.send", {{"to", "a"}}); });
}
