#pragma once
// The one header of a plugin without coroutines (with them: <conduit/async.hpp>, which includes
// this one).
//
//   #include <conduit/plugin.hpp>
//
//   std::string greet(std::string name) { return "Hello, " + name + "!"; }
//
//   CONDUIT_PLUGIN("hello", "1.0.0", plugin) {
//     plugin.task("hello.greet", greet).parameters("name").retries(2).timeout(30s);
//   }
//
// That makes a whole plugin: a shared object that exports one function, conduit_plugin_entry. Build
// it with conduit_add_plugin() from find_package(Conduit); put it into conduitd's plugin directory.

#include <conduit/task.hpp>
#include <conduit/version.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace conduit {

namespace detail {
template <class F>
class AsyncHandler;  // completed by conduit/async.hpp

using HostHook = std::function<void()>;
}  // namespace detail

/// What CONDUIT_PLUGIN's body fills in. It runs once, while the plugin is loaded, in a process that
/// is going to fork: register, and do nothing else. No threads, no connections, no models:
/// on_host_start is the place for those.
class Plugin {
 public:
  explicit Plugin(const conduit_api& api) : api_(api) {}
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  /// Registers `function` as the task `name`, "package.verb": letters, digits, `_`, `.` and `-`.
  /// What may be a function, see conduit/task.hpp. It may run on several threads at once, and is
  /// kept as long as the process lives.
  template <class F>
  Task& task(std::string name, F function) {
    static_assert(detail::HasOneSignature<F>,
                  "a task is a function or object with one signature: no overloads, templates or "
                  "auto parameters");
    return add<F>(std::move(name), std::move(function));
  }

  /// A task that a schedule submits: task(name, function).cron(schedule, how).
  template <class F>
  Task& cron(std::string name, std::string schedule, F function, CronOptions how = {}) {
    return task(std::move(name), std::move(function)).cron(std::move(schedule), std::move(how));
  }

  /// A task that events submit: task(name, function).on(pattern, how). `.debounce()` or `.batch()`
  /// behind it collects them first.
  template <class F>
  Task& on(std::string pattern, std::string name, F function, EventOptions how = {}) {
    return task(std::move(name), std::move(function)).on(std::move(pattern), std::move(how));
  }

  /// Puts middleware around every task of this plugin, whether registered before or after; or, with
  /// .scope = LayerScope::worker, around every task that the worker runs. See conduit/middleware.hpp. `function` is Json(Context&, Next), or the coroutine of that kind.
  template <class F>
  void use(F function, MiddlewareOptions options = {}) {
    detail::add_form(layer(std::move(options)), std::move(function));
  }
  /// Both forms, for a plugin with tasks of both kinds.
  template <class F, class G>
  requires(!std::same_as<G, MiddlewareOptions>) void use(F function, G coroutine,
                                                         MiddlewareOptions options = {}) {
    auto& both = layer(std::move(options));
    detail::add_form(both, std::move(function));
    detail::add_form(both, std::move(coroutine));
  }

  /// Hooks of the worker: as those of a task, for every task that the worker runs, of this plugin
  /// and of all others. They run after the task's own.
  template <class F>
  void on_start(F function) {
    hook(CONDUIT_HOOK_START, std::move(function));
  }
  template <class F>
  void on_success(F function) {
    hook(CONDUIT_HOOK_SUCCESS, std::move(function));
  }
  template <class F>
  void on_retry(F function) {
    hook(CONDUIT_HOOK_RETRY, std::move(function));
  }
  template <class F>
  void on_failure(F function) {
    hook(CONDUIT_HOOK_FAILURE, std::move(function));
  }
  template <class F>
  void on_complete(F function) {
    hook(CONDUIT_HOOK_COMPLETE, std::move(function));
  }

  /// `function()` runs in every host process, after the fork and before its first job, in the order
  /// of registration. Start threads and load models here. If it throws, that host does not start
  /// and the reason is logged.
  void on_host_start(std::function<void()> function) { start_.push_back(std::move(function)); }
  /// `function()` runs when a host ends in good order, after its last job. Stop your threads here.
  void on_host_stop(std::function<void()> function) { stop_.push_back(std::move(function)); }

  /// For the entry point: hands everything to the host. False after a fault was noted.
  bool add_to(const conduit_registry& registry);

 private:
  template <class F>
  Task& add(std::string name, F function);
  detail::Layer& layer(MiddlewareOptions options) {
    auto& made = *layers_.emplace_back(std::make_unique<detail::Layer>());
    made.name = std::move(options.name);
    made.priority = options.priority;
    made.scope = options.scope;
    made.api = &api_;
    return made;
  }
  template <class F>
  void hook(conduit_hook_event event, F function) {
    hooks_.push_back(std::make_unique<detail::Hook>(
        detail::Hook{&api_, event, detail::hook_function(std::move(function))}));
  }

  const conduit_api& api_;
  std::vector<std::unique_ptr<Task>> tasks_;  // by pointer: task() returns references
  std::vector<std::unique_ptr<detail::Layer>> layers_;
  std::vector<std::unique_ptr<detail::Hook>> hooks_;
  std::vector<detail::HostHook> start_;
  std::vector<detail::HostHook> stop_;
};

template <class F>
Task& Plugin::add(std::string name, F function) {
  using Signature = detail::SignatureOf<F>;
  std::unique_ptr<detail::Handler> handler;
  if constexpr (Signature::is_async) {
    static_assert(
        requires { sizeof(detail::AsyncHandler<F>); },
        "a coroutine is an async task: include <conduit/async.hpp>");
    handler = std::make_unique<detail::AsyncHandler<F>>(std::move(function));
  } else {
    handler = std::make_unique<detail::BlockingHandler<F>>(std::move(function));
  }
  handler->api = &api_;
  handler->wants_context = Signature::wants_context;
  handler->is_async = Signature::is_async;
  handler->parameter_count = std::tuple_size_v<typename Signature::Arguments>;
  tasks_.push_back(std::make_unique<Task>(std::move(name), std::move(handler)));
  return *tasks_.back();
}

namespace detail {

/// conduit_host_fn over a hook: an exception becomes a number and a sentence.
inline int run_host_hook(void* user, char* error, std::size_t error_size) noexcept {
  std::string what;
  try {
    (*static_cast<HostHook*>(user))();
    return 0;
  } catch (...) {
    const Failure failure = current_failure(false);
    what = failure.type + ": " + failure.message;
  }
  if (error != nullptr && error_size > 0) error[what.copy(error, error_size - 1)] = '\0';
  return 1;
}

/// What conduit_plugin.load does: runs the author's definition and registers what it said.
inline int load_plugin(const conduit_api* api, const conduit_registry* registry,
                       void (*define)(Plugin&)) noexcept {
  std::string what;
  try {
    // Never freed: the host keeps pointers into it, and attempts may still run while the process
    // exits.
    static auto* const loaded = new std::vector<std::unique_ptr<Plugin>>();
    Plugin& plugin = *loaded->emplace_back(std::make_unique<Plugin>(*api));
    define(plugin);
    return plugin.add_to(*registry) ? 0 : 1;
  } catch (...) {
    const Failure failure = current_failure(false);
    what = "loading threw " + failure.type + ": " + failure.message;
  }
  registry->fault(registry->self, to_c(what));
  return 1;
}

/// Set before load by conduit/async.hpp, in a plugin that has a coroutine among its tasks.
inline constinit bool uses_asio = false;
/// Boost's version as "1.81.0"; from the same place, so that a plugin without coroutines depends on
/// none.
inline constinit const char* boost_version = "";

inline conduit_plugin describe(std::string_view name, std::string_view version,
                               decltype(conduit_plugin::load) load) noexcept {
  conduit_plugin out{};
  out.size = sizeof out;
  out.abi_major = CONDUIT_ABI_MAJOR;
  out.abi_minor = CONDUIT_ABI_MINOR;
  out.name = to_c(name);
  out.version = to_c(version);
  out.sdk_version = to_c(CONDUIT_SDK_VERSION);
  out.compiler = to_c(CONDUIT_COMPILER);
  out.boost = to_c(boost_version);
  out.uses_asio = uses_asio ? 1 : 0;
  out.load = load;
  return out;
}

}  // namespace detail

inline bool Plugin::add_to(const conduit_registry& registry) {
  bool good = true;  // go on after a fault: the author sees all of them at once
  detail::name_layers(layers_);
  detail::Layers outer;
  for (const auto& layer : layers_) {
    if (layer->scope == LayerScope::plugin) outer.push_back(layer.get());
    good = detail::tell_of(registry, *layer, {}) && good;
  }
  for (const auto& task : tasks_) good = task->add_to(registry, outer) && good;
  for (const auto& hook : hooks_) good = detail::add_hook(registry, *hook, {}) && good;
  for (auto& hook : start_) {
    good = registry.on_host_start(registry.self, &detail::run_host_hook, &hook) == 0 && good;
  }
  for (auto& hook : stop_) {
    good = registry.on_host_stop(registry.self, &detail::run_host_hook, &hook) == 0 && good;
  }
  return good;
}

}  // namespace conduit

/// Defines the plugin's one exported function; once in a plugin, at namespace scope, followed by a
/// body in braces. In the body, `plugin` is a conduit::Plugin& by the name given, and durations may
/// be written 30s, 5min, 250ms.
#define CONDUIT_PLUGIN(plugin_name, plugin_version, plugin)                             \
  using namespace ::std::chrono_literals;                                               \
  static void conduit_define_plugin(::conduit::Plugin& plugin);                         \
  extern "C" CONDUIT_EXPORT const conduit_plugin* conduit_plugin_entry(void) {          \
    static const conduit_plugin description = ::conduit::detail::describe(              \
        plugin_name, plugin_version,                                                    \
        [](const conduit_api* api, const conduit_registry* registry) noexcept -> int {  \
          return ::conduit::detail::load_plugin(api, registry, &conduit_define_plugin); \
        });                                                                             \
    return &description;                                                                \
  }                                                                                     \
  static void conduit_define_plugin(::conduit::Plugin& plugin)
