// Ends that no host is left for. late.thread, late.process and late.async {"end"} are the same task:
//   "crash"   SIGSEGV; "first": in its first attempt alone   "deaf"   ignores its timeout for two seconds
//   "hang"    never ends, in its first attempt alone
// Their hooks submit late.note with what they were told. {"bad": "crash"} asks the last of them to crash after that.
#include <conduit/async.hpp>

#include <boost/asio/post.hpp>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

using conduit::Context;
using conduit::Json;

void crash() { *static_cast<volatile int*>(nullptr) = 1; }

void run(Json args, Context& context) {
  const auto end = args.value_or("end", "");
  context.set_progress(0.5);
  if (end == "crash" || (end == "first" && context.attempt() == 1)) crash();
  if (end == "deaf") {
    const auto until = std::chrono::steady_clock::now() + 2s;
    while (std::chrono::steady_clock::now() < until) ::poll(nullptr, 0, 10);
  }
  while (end == "hang" && context.attempt() == 1) ::pause();
}

asio::awaitable<void> run_async(Json args, Context& context) {
  co_await asio::post(asio::use_awaitable);
  run(args, context);
}

void add_hooks(conduit::Task& task) {
  const auto note = [](const std::string& hook) {
    return [hook](Context& context, const conduit::End& end) {
      const Json told = {{"hook", hook},         {"about", context.job_id()}, {"attempt", context.attempt()},
                         {"type", end.error_type}, {"kind", conduit::to_json(end.kind)}};
      context.submit_and_forget("late.note", told);
    };
  };
  task.backoff({.kind = conduit::BackoffKind::fixed, .base = 1ms, .jitter = 0.0});
  task.on_retry(note("on_retry")).on_failure(note("on_failure")).on_complete(note("on_complete"));
  task.on_complete([](Context& context, const conduit::End&) {
    if (context.args().value_or("bad", "no") == "crash") crash();
  });
}

}  // namespace

CONDUIT_PLUGIN("late", "1.0.0", plugin) {
  add_hooks(plugin.task("late.thread", run).executor(conduit::thread));
  add_hooks(plugin.task("late.process", run).executor(conduit::process));
  add_hooks(plugin.task("late.async", run_async));
  plugin.task("late.note", [](Json args) { return args; });
}
