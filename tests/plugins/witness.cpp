// Tasks that write down themselves when they begin and end, for conduit-check (docs/check.md): whatever a daemon says, here
// is what ran. With CONDUIT_HISTORY=DIR in the environment the lines go to DIR/task-PID.jsonl.
//
// Each exists in every executor, as witness.quick_async, witness.quick_thread, witness.quick_process:
//   quick {"ref", "n"}    works for n ms
//   long {"ref", "n"}     the same, and stops when it is asked to
//   deaf {"ref", "n"}     the same, and does not hear
//   flaky {"ref", "n"}    fails n times, which it counts in its checkpoint, then succeeds
//   crash {"ref", "n"}   works for n ms, then crashes
//   talker {"ref", "n"}   says n times how far it is, with metadata and a log line
//   chain {"ref", "n"}    submits one like it with n - 1 and waits for it, down to 0; the result is how deep it went
//   parent {"ref", "n"}   submits n quick jobs of its executor and waits for them; their own refs come from its one
// `ref` is the producer's own number for the job.
#include <conduit/async.hpp>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

double clock_ms(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

/// One line, in one write, to the file of this process.
void write_line(const char* event, const conduit::Context& context, std::int64_t ref, const char* outcome) {
  const char* directory = std::getenv("CONDUIT_HISTORY");
  if (directory == nullptr) return;
  const std::string path = std::string(directory) + "/task-" + std::to_string(::getpid()) + ".jsonl";
  char line[1024];
  const int size = std::snprintf(
      line, sizeof line,
      R"({"t":%.0f,"m":%.3f,"src":"task","pid":%d,"ev":"%s","job":"%s","att":%u,"task":"%s","ref":%lld%s%s%s})" "\n",
      clock_ms(CLOCK_REALTIME), clock_ms(CLOCK_MONOTONIC), ::getpid(), event, context.job_id().c_str(), context.attempt(),
      context.task().c_str(), static_cast<long long>(ref), *outcome != '\0' ? R"(,"outcome":")" : "", outcome,
      *outcome != '\0' ? "\"" : "");
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  [[maybe_unused]] const auto written = ::write(file, line, static_cast<std::size_t>(size));
  ::close(file);
}

/// The numbers of a parent's children: beyond those of any producer, and the same in each of its attempts.
std::int64_t child_ref(std::int64_t ref, std::int64_t number) { return 1'000'000'000 + ref * 100 + number; }

/// What a producer writes of a job, and what a parent writes when it goes on.
void write_more(const char* event, std::int64_t ref, const std::string& more) {
  const char* directory = std::getenv("CONDUIT_HISTORY");
  if (directory == nullptr) return;
  const std::string path = std::string(directory) + "/task-" + std::to_string(::getpid()) + ".jsonl";
  char head[256];
  std::snprintf(head, sizeof head, R"({"t":%.0f,"m":%.3f,"src":"task","pid":%d,"ev":"%s","ref":%lld)", clock_ms(CLOCK_REALTIME),
                clock_ms(CLOCK_MONOTONIC), ::getpid(), event, static_cast<long long>(ref));
  const std::string line = head + more + "}\n";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  [[maybe_unused]] const auto written = ::write(file, line.data(), line.size());
  ::close(file);
}

struct Brood {
  std::string task;
  std::vector<conduit::Job> jobs;
};

/// The children of an attempt, written down before they are submitted: whoever dies then has submitted them or not.
Brood brood_of(std::int64_t ref, std::int64_t n, const conduit::Context& context) {
  Brood out;
  out.task = "witness.quick_" + context.executor();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto own = child_ref(ref, i);
    conduit::SubmitOptions options;
    options.idempotency_key = "child-" + std::to_string(own);
    out.jobs.push_back({out.task, {{"ref", own}, {"n", i % 5}}, std::move(options)});
    write_more("submit", own, R"(,"task":")" + out.task + '"');
    write_more("submit_unknown", own, "");
  }
  return out;
}

void note_brood(const Brood& brood, std::int64_t ref, const std::vector<std::string>& ids) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    write_more("submit_ok", child_ref(ref, static_cast<std::int64_t>(i)),
               R"(,"job":")" + ids[i] + R"(","task":")" + brood.task + R"(","created":true,"retries":5)");
  }
}

void note_resume(std::int64_t ref, const conduit::Context& context, const std::vector<std::string>& ids) {
  write_more("parent_resume", ref, R"(,"job":")" + context.job_id() + R"(","att":)" + std::to_string(context.attempt()) + R"(,"children":)" +
                                       conduit::to_json(ids).dump());
}

conduit::WaitOptions collecting() { return {.on_failure = conduit::OnChildFailure::collect}; }

/// Writes the begin, and the end however the task comes to it.
class Witness {
 public:
  Witness(const conduit::Context& context, std::int64_t ref) : context_(context), ref_(ref) {
    write_line("task_start", context_, ref_, "");
  }
  ~Witness() { write_line("task_end", context_, ref_, outcome_); }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  void completed() { outcome_ = "complete"; }
  void failed() { outcome_ = "error"; }

 private:
  const conduit::Context& context_;
  std::int64_t ref_;
  const char* outcome_ = "stopped";
};

constexpr milliseconds kStep{5};

/// Counts a failure in the checkpoint. True if there is to be one.
bool fails_again(conduit::Context& context, std::int64_t times) {
  const auto before = context.last_checkpoint();
  const auto failed = before.is_null() ? 0 : before.value_or("failed", std::int64_t{0});
  if (failed >= times) return false;
  context.checkpoint({{"failed", failed + 1}});
  return true;
}

void talk(conduit::Context& context, std::int64_t step, std::int64_t steps) {
  context.set_progress(static_cast<double>(step) / static_cast<double>(steps), "step");
  context.set_metadata("step", step);
  if (step == steps) context.send_log(conduit::LogLevel::info, "the last step");
}

std::int64_t sleep_for(std::int64_t ref, std::int64_t n, conduit::Context& context, bool hears) {
  Witness witness(context, ref);
  const auto end = std::chrono::steady_clock::now() + milliseconds(n);
  while (std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(kStep, end - std::chrono::steady_clock::now()));
    if (hears) context.throw_if_cancelled();
  }
  witness.completed();
  return ref;
}

std::int64_t quick(std::int64_t ref, std::int64_t n, conduit::Context& context) { return sleep_for(ref, n, context, false); }
std::int64_t listening(std::int64_t ref, std::int64_t n, conduit::Context& context) { return sleep_for(ref, n, context, true); }

std::int64_t crash(std::int64_t ref, std::int64_t n, conduit::Context& context) {
  const auto result = sleep_for(ref, n, context, false);
  ::raise(SIGSEGV);
  return result;
}

std::int64_t flaky(std::int64_t ref, std::int64_t n, conduit::Context& context) {
  Witness witness(context, ref);
  if (fails_again(context, n)) {
    witness.failed();
    throw std::runtime_error("as asked");
  }
  witness.completed();
  return ref;
}

std::int64_t talker(std::int64_t ref, std::int64_t n, conduit::Context& context) {
  Witness witness(context, ref);
  for (std::int64_t step = 1; step <= n; ++step) {
    talk(context, step, n);
    std::this_thread::sleep_for(milliseconds(1));
  }
  witness.completed();
  return ref;
}

std::int64_t chain(std::int64_t ref, std::int64_t n, conduit::Context& context) {
  if (n == 0) return 0;
  const auto next = context.submit(context.task(), {{"ref", ref}, {"n", n - 1}});
  return context.wait(next).value().get<std::int64_t>() + 1;
}

asio::awaitable<std::int64_t> chain_async(std::int64_t ref, std::int64_t n) {
  auto& context = conduit::current_context();
  if (n == 0) co_return 0;
  conduit::Json arguments = {{"ref", ref}, {"n", n - 1}};
  auto next = co_await context.async_submit(context.task(), std::move(arguments));
  const auto end = co_await context.async_wait(std::move(next));
  co_return end.value().get<std::int64_t>() + 1;
}

std::int64_t parent(std::int64_t ref, std::int64_t n, conduit::Context& context) {
  Witness witness(context, ref);
  const auto brood = brood_of(ref, n, context);
  const auto ids = context.submit_all(brood.jobs);
  note_brood(brood, ref, ids);
  context.when_all(ids, collecting());
  note_resume(ref, context, ids);
  witness.completed();
  return ref;
}

asio::awaitable<std::int64_t> parent_async(std::int64_t ref, std::int64_t n) {
  auto& context = conduit::current_context();
  Witness witness(context, ref);
  const auto brood = brood_of(ref, n, context);
  auto jobs = brood.jobs;
  const auto ids = co_await context.async_submit_all(std::move(jobs));
  note_brood(brood, ref, ids);
  auto options = collecting();
  co_await context.async_when_all(ids, options);
  note_resume(ref, context, ids);
  witness.completed();
  co_return ref;
}

asio::awaitable<void> pause(milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<std::int64_t> quick_async(std::int64_t ref, std::int64_t n) {
  Witness witness(conduit::current_context(), ref);
  co_await pause(milliseconds(n));
  witness.completed();
  co_return ref;
}

asio::awaitable<std::int64_t> crash_async(std::int64_t ref, std::int64_t n) {
  const auto result = co_await quick_async(ref, n);
  ::raise(SIGSEGV);
  co_return result;
}

/// A cancel ends the wait, and this coroutine goes on waiting.
asio::awaitable<std::int64_t> deaf_async(std::int64_t ref, std::int64_t n) {
  Witness witness(conduit::current_context(), ref);
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await pause(milliseconds(n));
  witness.completed();
  co_return ref;
}

asio::awaitable<std::int64_t> flaky_async(std::int64_t ref, std::int64_t n) {
  auto& context = conduit::current_context();
  Witness witness(context, ref);
  co_await pause(milliseconds(1));
  if (fails_again(context, n)) {
    witness.failed();
    throw std::runtime_error("as asked");
  }
  witness.completed();
  co_return ref;
}

asio::awaitable<std::int64_t> talker_async(std::int64_t ref, std::int64_t n) {
  auto& context = conduit::current_context();
  Witness witness(context, ref);
  for (std::int64_t step = 1; step <= n; ++step) {
    talk(context, step, n);
    co_await pause(milliseconds(1));
  }
  witness.completed();
  co_return ref;
}

}  // namespace

CONDUIT_PLUGIN("witness", "1.0.0", plugin) {
  const auto add = [&plugin](const char* name, auto function, conduit::Executor executor, const char* suffix) {
    plugin.task(std::string("witness.") + name + suffix, function).parameters("ref", "n").executor(executor).retries(5)
        .backoff({.kind = conduit::BackoffKind::fixed, .base = 100ms, .jitter = 0});
  };
  for (const auto& [executor, suffix] : {std::pair(conduit::thread, "_thread"), std::pair(conduit::process, "_process")}) {
    add("quick", quick, executor, suffix);
    add("long", listening, executor, suffix);
    add("deaf", quick, executor, suffix);
    add("crash", crash, executor, suffix);
    add("flaky", flaky, executor, suffix);
    add("talker", talker, executor, suffix);
    add("parent", parent, executor, suffix);
    add("chain", chain, executor, suffix);
  }
  add("quick", quick_async, conduit::async, "_async");
  add("long", quick_async, conduit::async, "_async");
  add("deaf", deaf_async, conduit::async, "_async");
  add("crash", crash_async, conduit::async, "_async");
  add("flaky", flaky_async, conduit::async, "_async");
  add("talker", talker_async, conduit::async, "_async");
  add("parent", parent_async, conduit::async, "_async");
  add("chain", chain_async, conduit::async, "_async");
}
