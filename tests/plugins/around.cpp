// Middleware and hooks in all three executors. around.thread, around.process and around.async {"end"} are the same task:
//   ""        the result tells what the layers and the task saw
//   "error"   throws std::runtime_error("broken")       "fail"   throws conduit::Fail
//   "snooze"  once; then as ""                          "heed"   waits until it is asked to stop
//   "child"   submits around.note; the result is its id      "once"   throws as "error", unless it did so before
// Their hooks say in the job's log what they were told, and on_failure submits around.note. {"bad"} asks one of them to "throw",
// "crash" or "exit" at the end of the attempt.
// Hooks of the worker say "worker: on_start" and "worker: on_complete" for every task of every plugin.
#include <conduit/async.hpp>

#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

using conduit::Context;
using conduit::Json;

struct Args {
  std::string end = "done";
  std::string bad = "no";
  std::string layer = "pass";  // for layers.cpp
};
BOOST_DESCRIBE_STRUCT(Args, (), (end, bad, layer))

void say(Context& context, const std::string& what, const Json& fields = {}) {
  context.send_log(conduit::LogLevel::info, what, fields);
}

Json wrapped(Json result, const std::string& by) { return {{"by", by}, {"inside", std::move(result)}}; }

Json outer(Context& context, conduit::Next next) {
  say(context, "> outer");
  auto result = wrapped(next(), "outer");
  say(context, "< outer");
  return result;
}
asio::awaitable<Json> outer_async(Context& context, conduit::AsyncNext next) {
  say(context, "> outer");
  asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
  co_await timer.async_wait(asio::use_awaitable);
  auto result = co_await next();
  say(context, "< outer");
  co_return wrapped(std::move(result), "outer");
}
Json inner(Context&, conduit::Next next) { return wrapped(next(), "inner"); }
asio::awaitable<Json> inner_async(Context&, conduit::AsyncNext next) {
  auto result = co_await next();
  co_return wrapped(std::move(result), "inner");
}

Json told(Context& context) {
  return {{"executor", context.executor()}, {"traceparent", context.traceparent()}, {"args", context.args()}};
}

bool was_here(const std::string& job) {
  static std::mutex mutex;
  static std::set<std::string> jobs;
  const std::lock_guard lock(mutex);
  return !jobs.insert(job).second;
}

bool throws(const Args& args, Context& context) {
  if (args.end == "once" && !was_here(context.job_id())) throw std::runtime_error("the first time");
  if (args.end == "error") throw std::runtime_error("broken");
  if (args.end == "fail") throw conduit::Fail("for good");
  if (args.end == "snooze" && context.attempt() == 1) throw conduit::Snooze(1ms);
  return false;
}

Json run(const Args& args, Context& context) {
  throws(args, context);
  while (args.end == "heed") {
    context.throw_if_cancelled();
    std::this_thread::sleep_for(1ms);  // the work between two looks at whether it is to stop: no test waits by it
  }
  if (args.end == "child") return context.submit("around.note");
  return told(context);
}

asio::awaitable<Json> run_async(const Args& args, Context& context) {
  throws(args, context);
  while (args.end == "heed") {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    co_await timer.async_wait(asio::use_awaitable);
  }
  if (args.end == "child") co_return co_await context.async_submit("around.note");
  co_return told(context);
}

void tell(const std::string& hook, Context& context, const conduit::End& end) {
  const std::int64_t after = end.retry_after ? end.retry_after->count() : -1;
  const Json fields = {{"kind", conduit::to_json(end.kind)}, {"result", end.result},     {"type", end.error_type},
                       {"error", end.error},                 {"after", after}, {"job", context.job_id()},
                       {"current", &conduit::current_context() == &context}};
  say(context, hook, fields);
}

void misbehave(Context& context) {
  const auto args = context.args();
  const auto bad = args.value_or("bad", "no");
  if (bad == "throw") throw std::runtime_error("no such channel");
  if (bad == "crash") *static_cast<volatile int*>(nullptr) = 1;
  if (bad == "exit") std::_Exit(3);
}

void add_hooks(conduit::Task& task) {
  task.on_start([](Context& context) { say(context, "on_start"); })
      .on_success([](Context& context, const conduit::End& end) { tell("on_success", context, end); })
      .on_retry([](Context& context, const conduit::End& end) { tell("on_retry", context, end); })
      .on_failure([](Context& context, const conduit::End& end) {
        tell("on_failure", context, end);
        context.submit_and_forget("around.note", {{"about", context.job_id()}});
      })
      .on_complete(misbehave)
      .on_complete([](Context& context, const conduit::End& end) { tell("on_complete", context, end); });
}

}  // namespace

CONDUIT_PLUGIN("around", "1.0.0", plugin) {
  add_hooks(plugin.task("around.thread", run).executor(conduit::thread));
  add_hooks(plugin.task("around.process", run).executor(conduit::process));
  add_hooks(plugin.task("around.async", run_async));
  plugin.task("around.note", [](Json args) { return args; });
  plugin.use(inner, inner_async, {.priority = 1, .name = "inner"});
  plugin.use(outer, outer_async, {.priority = 10, .name = "outer"});
  plugin.on_start([](Context& context) { say(context, "worker: on_start"); });
  plugin.on_complete([](Context& context) { say(context, "worker: on_complete"); });
}
