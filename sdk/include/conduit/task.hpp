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
#include <conduit/middleware.hpp>
#include <conduit/options.hpp>

#include <algorithm>
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
  /// How many units of its limits, and of its queue's, a job takes that was submitted without a
  /// weight of its own; 1, if not called.
  Task& weight(std::uint32_t value) { return set(options_.weight, value); }
  /// What an attempt holds of the worker's resources ([resources] in its configuration), from its
  /// start to its end: .needs("gpu", 1), .needs("memory", "4GiB"). A worker takes a job only when it
  /// has that free; one that has not so much takes none. May be called several times.
  Task& needs(const std::string& resource, std::int64_t units) { return need(resource, units); }
  Task& needs(const std::string& resource, std::string size) { return need(resource, std::move(size)); }
  /// Submits a job of this task by a schedule: a cron expression of five fields, or six with seconds,
  /// or "@hourly" and its like (docs/schedules.md). May be called several times, then with names.
  Task& cron(std::string schedule, CronOptions how = {}) {
    if (!options_.cron) options_.cron.emplace();
    options_.cron->push_back({std::move(schedule), std::move(how.name), std::move(how.timezone),
                              how.missed, how.overlap, how.jitter, std::move(how.args)});
    return *this;
  }
  /// Makes a job of this task of each event whose name fits `pattern`: segments joined by dots, with
  /// `*` for any one of them and `**` for any number (docs/events.md). May be called several times,
  /// then with names.
  Task& on(std::string pattern, EventOptions how = {}) {
    if (!options_.on) options_.on.emplace();
    detail::On one;
    one.event = std::move(pattern);
    one.name = std::move(how.name);
    one.args = how.args;
    options_.on->push_back(std::move(one));
    return *this;
  }
  /// Of the last on(): one job for a burst of events, of the last of them, once none has come for
  /// `quiet`; and no later than `most` after the first, if that is not zero.
  Task& debounce(std::chrono::milliseconds quiet, std::chrono::milliseconds most = {},
                 CollectOptions how = {}) {
    detail::On& last = last_on("debounce");
    last.debounce = quiet;
    last.debounce_max = most;
    last.key = std::move(how.key);
    return *this;
  }
  /// Of the last on(): one job of up to `most` events, the first of which waits no longer than
  /// `within`. It is given {"events": [{"id", "name", "time", "payload"}...]}.
  Task& batch(std::uint32_t most, std::chrono::milliseconds within, CollectOptions how = {}) {
    detail::On& last = last_on("batch");
    last.batch = most;
    last.batch_within = within;
    last.key = std::move(how.key);
    return *this;
  }
  /// Names the parameters, in order, Context not counted, so that arguments may be given as an
  /// object.
  template <std::convertible_to<std::string>... Names>
  Task& parameters(Names&&... names) {
    handler_->parameters = {std::string(std::forward<Names>(names))...};
    return *this;
  }

  /// Puts middleware around this task alone, inside of the plugin's; see conduit/middleware.hpp.
  template <class F>
  Task& use(F function, MiddlewareOptions options = {}) {
    auto& layer = layers_.emplace_back(std::make_unique<detail::Layer>());
    layer->name = std::move(options.name);
    layer->priority = options.priority;
    layer->scope = options.scope;
    detail::add_form(*layer, std::move(function));
    return *this;
  }

  /// Hooks: `function` is void(Context&, const End&), void(Context&) or void(), and runs where the
  /// attempt runs. on_start: an attempt begins, its middleware still before it.
  template <class F>
  Task& on_start(F function) {
    return hook(CONDUIT_HOOK_START, std::move(function));
  }
  /// An attempt completed.
  template <class F>
  Task& on_success(F function) {
    return hook(CONDUIT_HOOK_SUCCESS, std::move(function));
  }
  /// An attempt failed, and there will be another.
  template <class F>
  Task& on_retry(F function) {
    return hook(CONDUIT_HOOK_RETRY, std::move(function));
  }
  /// An attempt failed, and with it the job.
  template <class F>
  Task& on_failure(F function) {
    return hook(CONDUIT_HOOK_FAILURE, std::move(function));
  }
  /// An attempt ended, in whatever way: last, once for every on_start.
  template <class F>
  Task& on_complete(F function) {
    return hook(CONDUIT_HOOK_COMPLETE, std::move(function));
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  /// For Plugin: `handler` calls the task's function.
  Task(std::string name, std::unique_ptr<detail::Handler> handler)
      : name_(std::move(name)), handler_(std::move(handler)) {}
  /// For Plugin: hands the task, with what is around it, to the host. `outer` is the plugin's
  /// middleware. False after the host, or this, has noted a fault.
  bool add_to(const conduit_registry& registry, const detail::Layers& outer) const;

 private:
  template <class F>
  Task& hook(conduit_hook_event event, F function) {
    hooks_.push_back(std::make_unique<detail::Hook>(
        detail::Hook{handler_->api, event, detail::hook_function(std::move(function))}));
    return *this;
  }
  template <class Units>
  Task& need(const std::string& resource, Units units) {
    if (!options_.needs) options_.needs = Json::object();
    (*options_.needs)[resource] = Json(std::move(units));
    return *this;
  }
  template <class Option, class Value>
  Task& set(Option& option, Value&& value) {
    option = std::forward<Value>(value);
    return *this;
  }
  detail::On& last_on(const char* setter) {
    if (options_.on) return options_.on->back();
    throw std::logic_error("task " + name_ + ": " + setter + "() goes with on(), before it");
  }
  [[nodiscard]] std::string options_text() const;
  /// What is wrong with the definition, or nothing.
  [[nodiscard]] std::string fault() const;

  std::string name_;
  detail::TaskOptions options_;
  std::vector<std::unique_ptr<detail::Layer>> layers_;
  std::vector<std::unique_ptr<detail::Hook>> hooks_;
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
  for (const auto& layer : layers_) {
    if (layer->scope == LayerScope::worker) {
      return "middleware " + layer->name +
             " has the scope of the worker, which is for plugin.use(): a task's own is around that "
             "task alone";
    }
  }
  for (const auto* layer : handler_->layers) {
    if (handler_->is_async && layer->async == nullptr) {
      return "it is a coroutine, and middleware " + layer->name +
             " is a plain function: give both forms, use(function, coroutine), or use it with tasks "
             "of its kind alone, task(...).use(function)";
    }
    if (!handler_->is_async && !layer->blocking) {
      return "it is a plain function, and middleware " + layer->name +
             " is a coroutine: give both forms, use(function, coroutine), or use it with tasks of "
             "its kind alone, task(...).use(coroutine)";
    }
  }
  return {};
}

namespace detail {

inline bool tell_of(const conduit_registry& registry, const Layer& layer, std::string_view task) {
  conduit_middleware out{};
  out.size = sizeof out;
  out.priority = layer.priority;
  out.kinds = (layer.blocking ? 1U << CONDUIT_TASK_BLOCKING : 0U) |
              (layer.async != nullptr ? 1U << CONDUIT_TASK_ASYNC : 0U);
  out.name = to_c(layer.name);
  out.task = to_c(task);
  if (layer.scope == LayerScope::worker) {
    out.scope = CONDUIT_SCOPE_WORKER;
    out.user = const_cast<Layer*>(&layer);
    if (layer.blocking) out.run = &run_layer;
    out.start = layer.start;
  }
  return registry.add_middleware(registry.self, &out) == 0;
}

inline bool add_hook(const conduit_registry& registry, Hook& hook, std::string_view task) {
  conduit_hook out{};
  out.size = sizeof out;
  out.event = static_cast<std::uint32_t>(hook.event);
  out.task = to_c(task);
  out.user = &hook;
  out.fn = &run_hook;
  return registry.add_hook(registry.self, &out) == 0;
}

/// Names for layers that have none: "middleware-1", after the order of registration.
inline void name_layers(const std::vector<std::unique_ptr<Layer>>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i]->name.empty()) layers[i]->name = "middleware-" + std::to_string(i + 1);
  }
}

}  // namespace detail

inline bool Task::add_to(const conduit_registry& registry, const detail::Layers& outer) const {
  detail::name_layers(layers_);
  auto& layers = handler_->layers;
  layers = outer;
  for (const auto& layer : layers_) layers.push_back(layer.get());
  std::stable_sort(layers.begin(), layers.end(),
                   [](const auto* a, const auto* b) { return a->priority > b->priority; });
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
  if (registry.add_task(registry.self, &task) != 0) return false;
  bool good = true;
  for (const auto& layer : layers_) good = detail::tell_of(registry, *layer, name_) && good;
  for (const auto& hook : hooks_) good = detail::add_hook(registry, *hook, name_) && good;
  return good;
}

}  // namespace conduit
