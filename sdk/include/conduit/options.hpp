#pragma once
// What the code says about how a task is to be run. All of it are defaults: the configuration file
// may override each, under [task."NAME"] with the same names and values.

#include <conduit/json.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace conduit {

/// Where a task runs. A coroutine may run in all three (async if nothing is said), a plain function
/// in the last two (thread if nothing is said).
enum class Executor : std::uint8_t {
  async,   ///< on an event loop it shares with thousands of others; must never block
  thread,  ///< on a thread of a pool
  process  ///< alone in a child process: may leak, crash or be killed without harm to others
};
BOOST_DESCRIBE_ENUM(Executor, async, thread, process)
inline constexpr Executor async = Executor::async;
inline constexpr Executor thread = Executor::thread;
inline constexpr Executor process = Executor::process;

enum class BackoffKind : std::uint8_t {
  fixed,        ///< base, every time
  linear,       ///< base, 2 base, 3 base, ...
  exponential,  ///< base, 2 base, 4 base, ...
  polynomial,   ///< base, 16 base, 81 base, ...: the fourth power
  list          ///< as `delays` says; its last one again and again
};
BOOST_DESCRIBE_ENUM(BackoffKind, fixed, linear, exponential, polynomial, list)

/// How long to wait before a retry: .backoff({.kind = conduit::BackoffKind::fixed, .base = 10s}) or
/// .backoff({.kind = conduit::BackoffKind::list, .delays = {1s, 10s, 5min}})
struct Backoff {
  BackoffKind kind = BackoffKind::exponential;
  std::chrono::milliseconds base{1'000};
  std::chrono::milliseconds max{600'000};
  double jitter = 0.2;  ///< share of the delay that is random, 0 to 1
  std::vector<std::chrono::milliseconds> delays = {};  ///< with kind list, and only then
};
BOOST_DESCRIBE_STRUCT(Backoff, (), (kind, base, max, jitter, delays))

enum class ErrorAction : std::uint8_t {
  retry,  ///< while there are retries left, also where the task threw conduit::Fail
  fail    ///< at once, whatever retries are left
};
BOOST_DESCRIBE_ENUM(ErrorAction, retry, fail)

/// What to do with errors that match; both `type` and `text` must, where given, and one is needed:
///   .on_error({.type = "std::invalid_argument", .action = conduit::ErrorAction::fail})
///   .on_error({.text = "try again later", .after = 30s})
struct ErrorRule {
  std::string type = {};  ///< the failure's whole type: "std::runtime_error", "timeout", "oom", ...
  std::string text = {};  ///< a part of its message
  ErrorAction action = ErrorAction::retry;
  std::optional<std::chrono::milliseconds> after =
      {};  ///< with retry: instead of the backoff's delay
};
BOOST_DESCRIBE_STRUCT(ErrorRule, (), (type, text, action, after))

enum class Missed : std::uint8_t {
  skip,    ///< times at which no worker was there are left out
  latest,  ///< the last of them is made up for
  all      ///< each of the last 100 of them is
};
BOOST_DESCRIBE_ENUM(Missed, skip, latest, all)

enum class Overlap : std::uint8_t {
  skip,   ///< no job is submitted while the one before has not ended
  queue,  ///< it is submitted when that one has ended
  allow   ///< both may run
};
BOOST_DESCRIBE_ENUM(Overlap, skip, queue, allow)

enum class Scope : std::uint8_t {
  global,  ///< over all workers
  worker   ///< each worker alone
};
BOOST_DESCRIBE_ENUM(Scope, global, worker)

/// How a limit counts: .concurrency(2, {.key = "tenant"}), .rate_limit("100/m", {.burst = 10}).
struct LimitOptions {
  Scope scope = Scope::global;
  /// The name of a member of the arguments, or a JSON pointer into them: each value found there counts
  /// alone. Jobs without it share one value. All limits of a task have the same.
  std::optional<std::string> key = {};
  /// Of a rate: so many may start at once after a pause, on top of the rate. Not set: never more than
  /// the rate in any window of its length.
  std::optional<std::uint32_t> burst = {};
};

/// How a schedule is kept: .cron("0 3 * * *", {.timezone = "Europe/Berlin"}).
struct CronOptions {
  std::string name = {};      ///< of its own in the namespace; empty: the task's name
  std::string timezone = {};  ///< IANA name; empty: UTC
  Missed missed = Missed::latest;
  Overlap overlap = Overlap::skip;
  std::chrono::milliseconds jitter{0};  ///< each time is put off by up to so much
  Json args = Json::object();           ///< what the jobs are given
};

/// What the job of an event is given.
enum class EventArgs : std::uint8_t {
  payload,  ///< an object or array: the arguments; null: none; anything else: the one argument
  event     ///< {"event": {"id", "name", "time", "payload"}}
};
BOOST_DESCRIBE_ENUM(EventArgs, payload, event)

/// How a subscription is kept: .on("order.*", {.args = conduit::EventArgs::event}).
struct EventOptions {
  std::string name = {};  ///< of its own in the namespace; empty: the task's name
  EventArgs args = EventArgs::payload;
};

/// For .debounce() and .batch(): each value of this member of the payload, or of this JSON pointer,
/// counts alone; empty: all events alike.
struct CollectOptions {
  std::string key = {};
};

namespace detail {
/// A subscription as a plugin reports it, with the keys of [[subscription]].
struct On {
  std::string event;
  std::string name;
  std::chrono::milliseconds debounce{0};
  std::chrono::milliseconds debounce_max{0};
  std::uint32_t batch = 0;
  std::chrono::milliseconds batch_within{0};
  std::string key = {};
  EventArgs args = EventArgs::payload;
};
BOOST_DESCRIBE_STRUCT(On, (),
                      (event, name, debounce, debounce_max, batch, batch_within, key, args))

/// A schedule as a plugin reports it, with the keys of [[cron]].
struct Cron {
  std::string schedule;
  std::string name;
  std::string timezone;
  Missed missed;
  Overlap overlap;
  std::chrono::milliseconds jitter;
  Json args;
};
BOOST_DESCRIBE_STRUCT(Cron, (), (schedule, name, timezone, missed, overlap, jitter, args))

struct Concurrency {
  std::uint32_t limit;
  Scope scope;
  std::optional<std::string> key;
};
BOOST_DESCRIBE_STRUCT(Concurrency, (), (limit, scope, key))

struct Rate {
  std::string rate;
  Scope scope;
  std::optional<std::string> key;
  std::optional<std::uint32_t> burst;
};
BOOST_DESCRIBE_STRUCT(Rate, (), (rate, scope, key, burst))

/// The options as a plugin reports them, in JSON with the keys of the configuration file; null is
/// not reported.
struct TaskOptions {
  std::optional<Executor> executor;
  std::optional<std::string> queue;
  std::optional<std::uint32_t> retries;
  std::optional<Backoff> backoff;
  std::optional<std::vector<ErrorRule>> errors;
  std::optional<std::chrono::milliseconds> timeout;
  std::optional<std::uint32_t> interruptions;
  std::optional<std::vector<Cron>> cron;
  std::optional<std::vector<On>> on;
  std::optional<std::vector<Concurrency>> concurrency;
  std::optional<std::vector<Rate>> rate_limit;
  std::optional<std::uint32_t> weight;
  std::optional<Json> needs;
};
BOOST_DESCRIBE_STRUCT(TaskOptions, (),
                      (executor, queue, retries, backoff, errors, timeout, interruptions, cron,
                       on, concurrency, rate_limit, weight, needs))
}  // namespace detail

}  // namespace conduit
