#pragma once
// conduit::Task: one task of a plugin while it is being registered, and how its function is called.
//
// A task is any function or callable object with one signature. Its parameters are filled from the
// job's arguments:
//
//   void f(const Resize& args)          a described struct, from an object by name; from an array,
//   its members in order void f(std::string url, int width)  plain parameters: from an array in
//   order; from an object by name, if
//                                       .parameters("url", "width") gives the names
//   void f(conduit::Json args)          all arguments as they are
//   void f(std::string_view json)       all arguments as JSON text, not parsed; valid until f
//   returns void f()                            none: an empty object or array, or nothing
//
// Each parameter is taken by value or const&; a std::optional at the end of a list may be left out.
// conduit::Context& may stand anywhere among them, or not at all: which it is is found when the
// task is registered, not when it runs.
//
// The result is void (null), any type that convert.hpp lists, or a boost::asio::awaitable of those:
// a coroutine is an async task, for which a plugin includes <conduit/async.hpp>.

#include <conduit/abi.h>
#include <conduit/context.hpp>
#include <conduit/options.hpp>

#include <concepts>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <conduit/detail/handler.hpp>

namespace conduit {

/// Made by Plugin::task, which owns it; registered with the host when the plugin's definition has
/// ended. Each setter returns the task itself. All but parameters() are defaults for the
/// configuration file to override.
class Task {
 public:
  /// Where it runs. Refused at load: conduit::async for a function that is no coroutine.
  Task& executor(Executor value) { return set(options_.executor, value); }
  /// The queue for jobs that name none; else "default".
  Task& queue(std::string value) { return set(options_.queue, std::move(value)); }
  /// How often a failed job is tried again.
  Task& retries(std::uint32_t value) { return set(options_.retries, value); }
  /// How long to wait before a retry.
  Task& backoff(Backoff value) { return set(options_.backoff, value); }
  /// What to do with certain errors. May be called several times: the first rule that matches counts.
  Task& on_error(ErrorRule rule) {
    if (!options_.errors) options_.errors.emplace();
    options_.errors->push_back(std::move(rule));
    return *this;
  }
  /// How often a drain or deploy may interrupt a job before it fails; 0, as if not called: never.
  Task& interruptions(std::uint32_t value) { return set(options_.interruptions, value); }
  /// How long one attempt may take.
  Task& timeout(std::chrono::milliseconds value) { return set(options_.timeout, value); }
  /// At most so many attempts at once; those beyond wait in their queue and hold up no other task. May
  /// be called several times: all limits hold.
  Task& concurrency(std::uint32_t limit, LimitOptions how = {}) {
    if (!options_.concurrency) options_.concurrency.emplace();
    options_.concurrency->push_back({limit, how.scope, std::move(how.key)});
    return *this;
  }
  /// At most so many starts in a time: "100/m", "10/s", "5/10s", "1000/day". May be called several
  /// times: all limits hold.
  Task& rate_limit(std::string rate, LimitOptions how = {}) {
    if (!options_.rate_limit) options_.rate_limit.emplace();
    options_.rate_limit->push_back({std::move(rate), how.scope, std::move(how.key), how.burst});
    return *this;
  }
  /// Submits a job of this task by a schedule: a cron expression of five fields, or six with seconds,
  /// or "@hourly" and its like (docs/schedules.md). May be called several times, then with names.
  Task& cron(std::string schedule, CronOptions how = {}) {
    if (!options_.cron) options_.cron.emplace();
    options_.cron->push_back({std::move(schedule), std::move(how.name), std::move(how.timezone),
                              how.missed, how.overlap, how.jitter, std::move(how.args)});
    return *this;
  }
  /// Names the parameters, in order, Context not counted, so that arguments may be given as an
  /// object.
  template <std::convertible_to<std::string>... Names>
  Task& parameters(Names&&... names) {
    handler_->parameters = {std::string(std::forward<Names>(names))...};
    return *this;
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// For Plugin: `handler` calls the task's function.
  Task(std::string name, std::unique_ptr<detail::Handler> handler)
      : name_(std::move(name)), handler_(std::move(handler)) {}
  /// For Plugin: hands the task to the host. False after the host, or this, has noted a fault.
  bool add_to(const conduit_registry& registry) const;

 private:
  template <class Option, class Value>
  Task& set(Option& option, Value&& value) {
    option = std::forward<Value>(value);
    return *this;
  }
  [[nodiscard]] std::string options_text() const;
  /// What is wrong with the definition, or nothing.
  [[nodiscard]] std::string fault() const;

  std::string name_;
  detail::TaskOptions options_;
  std::unique_ptr<detail::Handler>
      handler_;  // what the host's `user` points to: lives as long as the process
};

inline std::string Task::options_text() const {
  Json::Object given;
  const Json options = to_json(options_);
  for (const auto& [key, value] : options.members()) {
    if (!value.is_null()) given.emplace_back(key, value);
  }
  return Json(std::move(given)).dump();
}

inline std::string Task::fault() const {
  if (options_.executor == Executor::async && !handler_->is_async) {
    return "only a coroutine, a function that returns boost::asio::awaitable, can run in the async "
           "executor";
  }
  const std::size_t named = handler_->parameters.size();
  if (named != 0 && named != handler_->parameter_count) {
    return "parameters() names " + std::to_string(named) + " parameters, but the function takes " +
           std::to_string(handler_->parameter_count) + " besides the context";
  }
  return {};
}

inline bool Task::add_to(const conduit_registry& registry) const {
  if (const std::string what = fault(); !what.empty()) {
    const std::string message = "task " + name_ + ": " + what;
    registry.fault(registry.self, detail::to_c(message));
    return false;
  }
  const std::string options = options_text();
  conduit_task task{};
  task.size = sizeof task;
  task.kind = handler_->is_async ? CONDUIT_TASK_ASYNC : CONDUIT_TASK_BLOCKING;
  task.wants_context = handler_->wants_context ? 1 : 0;
  task.name = detail::to_c(name_);
  task.options = detail::to_c(options);
  task.user = handler_.get();
  task.run = &detail::Handler::run_task;
  task.start = handler_->is_async ? &detail::Handler::start_task : nullptr;
  return registry.add_task(registry.self, &task) == 0;
}

}  // namespace conduit
