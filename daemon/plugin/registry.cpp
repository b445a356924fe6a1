#include "plugin/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <functional>

#include "base/text.h"
#include "plugin/abi_check.h"

namespace conduitd::plugin {
namespace {

std::string taken(std::string_view task, std::string_view by) {
  return fmt::format("task '{}' is registered by plugin '{}' already: rename one of them", task, by);
}

/// A task as it came over the boundary, checked; the error is the sentence that refuses the plugin.
Result<TaskHandler> to_handler(const conduit_task& task, std::string plugin) {
  const auto refuse = [](std::string what) { return Error(Errc::invalid_argument, std::move(what)); };
  if (task.size < sizeof(conduit_task)) {
    return refuse(fmt::format("a task's description has {} bytes, {} are needed: rebuild it with the SDK of this daemon",
                              task.size, sizeof(conduit_task)));
  }
  TaskHandler handler;
  handler.name = view(task.name);
  if (!is_valid_name(handler.name)) {
    return refuse(fmt::format("the task name '{}' is not allowed: 1 to 100 of A-Z a-z 0-9 _ . - are",
                              escape_control(truncate(handler.name, 120))));
  }
  if (task.kind > CONDUIT_TASK_ASYNC) return refuse(fmt::format("task '{}' is of unknown kind {}", handler.name, task.kind));
  handler.plugin = std::move(plugin);
  handler.async = task.kind == CONDUIT_TASK_ASYNC;
  handler.wants_context = task.wants_context != 0;
  handler.user = task.user;
  handler.run = task.run;
  handler.start = handler.async ? task.start : nullptr;
  if (task.run == nullptr) return refuse(fmt::format("task '{}' has no run function", handler.name));
  if (handler.async && task.start == nullptr) return refuse(fmt::format("task '{}' has no start function", handler.name));
  handler.options = view(task.options);
  auto options = channel::parse_options(handler.options);
  if (!options.has_value()) return options.error().within(fmt::format("task '{}'", handler.name));
  handler.parsed = std::move(options.value());
  handler.executor = handler.parsed.executor.value_or(handler.async ? "async" : "thread");
  if (handler.executor == "async" && !handler.async) {
    return refuse(fmt::format("task '{}' asks for the async executor and is no coroutine: choose thread or process",
                              handler.name));
  }
  return handler;
}

constexpr std::array<std::string_view, 5> kHookNames{"on_start", "on_success", "on_retry", "on_failure", "on_complete"};

/// What one plugin registers, until it is known to be good. The functions are called by the plugin: none may throw.
struct Loading {
  const Registry& registry;
  std::string plugin;
  std::map<std::string, TaskHandler, std::less<>> tasks = {};
  std::vector<channel::MiddlewareManifest> middleware = {};
  std::vector<Layer> layers = {};  // of the worker
  std::vector<Hook> hooks = {};
  std::vector<HostHook> start_hooks = {};
  std::vector<HostHook> stop_hooks = {};
  std::string fault = {};  // all of them: an author mends them in one go

  int refuse(const std::string& sentence) {
    constexpr std::size_t kEnough = 8 * 1024;
    if (fault.size() < kEnough) fault += (fault.empty() ? "" : "; ") + sentence;
    return -1;
  }

  static int add_task(void* self, const conduit_task* task) noexcept {
    auto& loading = *static_cast<Loading*>(self);
    if (task == nullptr) return loading.refuse("it registered a task without a description");
    auto handler = to_handler(*task, loading.plugin);
    if (!handler.has_value()) return loading.refuse(handler.error().message());
    const std::string& name = handler.value().name;
    if (loading.tasks.contains(name)) return loading.refuse(fmt::format("it registers task '{}' twice", name));
    if (const auto* other = loading.registry.find(name)) return loading.refuse(taken(name, other->plugin));
    loading.tasks.emplace(name, std::move(handler.value()));
    return 0;
  }

  static int add_hook(void* self, const conduit_hook* hook) noexcept {
    auto& loading = *static_cast<Loading*>(self);
    if (hook == nullptr || hook->size < sizeof(conduit_hook) || hook->fn == nullptr) {
      return loading.refuse("it registered a hook that is not filled in");
    }
    if (hook->event >= kHookNames.size()) return loading.refuse(fmt::format("it registered a hook of unknown event {}", hook->event));
    const auto event = static_cast<conduit_hook_event>(hook->event);
    const auto task = view(hook->task);
    const auto found = loading.tasks.find(task);
    if (!task.empty() && found == loading.tasks.end()) {
      return loading.refuse(fmt::format("it registers {} for task '{}', which it has not registered", name_of(event),
                                        escape_control(truncate(task, 120))));
    }
    auto& hooks = task.empty() ? loading.hooks : found->second.hooks;
    hooks.push_back({loading.plugin, event, hook->fn, hook->user});
    return 0;
  }

  static int add_middleware(void* self, const conduit_middleware* layer) noexcept {
    auto& loading = *static_cast<Loading*>(self);
    constexpr auto kFirstSize = offsetof(conduit_middleware, user);  // as before minor version 4
    if (layer == nullptr || layer->size < kFirstSize) return loading.refuse("it registered middleware that is not filled in");
    conduit_middleware given{};
    std::memcpy(&given, layer, layer->size < sizeof given ? kFirstSize : sizeof given);
    if (layer->size < sizeof given) given.scope = CONDUIT_SCOPE_PLUGIN;
    const auto name = view(given.name);
    if (!is_valid_name(name)) {
      return loading.refuse(fmt::format("the name of middleware '{}' is not allowed: 1 to 100 of A-Z a-z 0-9 _ . - are",
                                        escape_control(truncate(name, 120))));
    }
    if (given.scope > CONDUIT_SCOPE_WORKER) return loading.refuse(fmt::format("middleware '{}' is of unknown scope {}", name, given.scope));
    const bool worker = given.scope == CONDUIT_SCOPE_WORKER;
    if (worker) {
      given.kinds = (given.run != nullptr ? 1U << CONDUIT_TASK_BLOCKING : 0U) | (given.start != nullptr ? 1U << CONDUIT_TASK_ASYNC : 0U);
    }
    if (given.kinds == 0) return loading.refuse(fmt::format("middleware '{}' is for no kind of task: it has no function", name));
    if (worker && given.task.size > 0) {
      return loading.refuse(fmt::format("middleware '{}' is of the worker's scope and for one task: it can be one of the two", name));
    }
    if (worker) loading.layers.push_back({loading.plugin, std::string(name), given.priority, given.user, given.run, given.start});
    loading.middleware.push_back({std::string(name), given.priority, (given.kinds & 1U << CONDUIT_TASK_BLOCKING) != 0,
                                  (given.kinds & 1U << CONDUIT_TASK_ASYNC) != 0, std::string(view(given.task)), worker});
    return 0;
  }

  static int add_host_hook(Loading& loading, std::vector<HostHook>& hooks, conduit_host_fn fn, void* user) {
    if (fn == nullptr) return loading.refuse("it registered a host function that is null");
    hooks.push_back({loading.plugin, fn, user});
    return 0;
  }

  static int on_host_start(void* self, conduit_host_fn fn, void* user) noexcept {
    auto& loading = *static_cast<Loading*>(self);
    return add_host_hook(loading, loading.start_hooks, fn, user);
  }

  static int on_host_stop(void* self, conduit_host_fn fn, void* user) noexcept {
    auto& loading = *static_cast<Loading*>(self);
    return add_host_hook(loading, loading.stop_hooks, fn, user);
  }

  static void note_fault(void* self, conduit_str message) noexcept {
    static_cast<Loading*>(self)->refuse(escape_control(truncate(view(message), 4'000)));
  }
};

template <class T>
void append(std::vector<T>& to, std::vector<T>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

std::string_view name_of(conduit_hook_event event) { return kHookNames[static_cast<std::size_t>(event)]; }

Result<> Registry::load(const conduit_plugin& plugin, const conduit_api& api) {
  CONDUIT_TRY(check_abi(plugin));
  Loading loading{*this, std::string(view(plugin.name))};
  const conduit_registry registry{sizeof(conduit_registry),   0,
                                  &loading,                   &Loading::add_task,
                                  &Loading::on_host_start,    &Loading::on_host_stop,
                                  &Loading::note_fault,       &Loading::add_hook,
                                  &Loading::add_middleware};
  const int returned = plugin.load(&api, &registry);
  if (loading.fault.empty() && returned != 0) {
    loading.fault = fmt::format("its load function returned {} and noted no fault", returned);
  }
  if (loading.fault.empty() && loading.tasks.empty() && loading.layers.empty() && loading.hooks.empty()) {
    loading.fault = "it registers no task, and nothing for the tasks of others";
  }
  if (!loading.fault.empty()) return Error(Errc::invalid_argument, std::move(loading.fault));
  tasks_.merge(loading.tasks);
  // As they stand around a task: the worker's first; the plugin's own before the task's where their priority is the same.
  std::ranges::stable_sort(loading.middleware, [](const auto& a, const auto& b) {
    if (a.worker != b.worker) return a.worker;
    return a.priority != b.priority ? a.priority > b.priority : a.task.empty() && !b.task.empty();
  });
  for (const auto& layer : loading.layers) {
    if (layer.run != nullptr) blocking_layers_.push_back(layer);
    if (layer.start != nullptr) async_layers_.push_back(layer);
  }
  for (auto* layers : {&blocking_layers_, &async_layers_}) std::ranges::stable_sort(*layers, std::ranges::greater(), &Layer::priority);
  middleware_[loading.plugin] = std::move(loading.middleware);
  append(worker_hooks_, loading.hooks);
  append(start_hooks_, loading.start_hooks);
  append(stop_hooks_, loading.stop_hooks);
  return ok();
}

void Registry::reserve(const channel::PluginManifest& manifest) {
  for (const auto& task : manifest.tasks) reserved_.emplace(task.name, manifest.name);
}

const TaskHandler* Registry::find(std::string_view task) const {
  const auto found = tasks_.find(task);
  return found == tasks_.end() ? nullptr : &found->second;
}

channel::PluginManifest Registry::describe(const conduit_plugin& plugin) const {
  channel::PluginManifest manifest;
  manifest.name = view(plugin.name);
  manifest.version = view(plugin.version);
  manifest.sdk_version = view(plugin.sdk_version);
  manifest.compiler = view(plugin.compiler);
  manifest.boost = view(plugin.boost);
  manifest.uses_asio = plugin.uses_asio != 0;
  for (const auto& [name, handler] : tasks_) {
    if (handler.plugin != manifest.name) continue;
    manifest.tasks.push_back({name, handler.async, handler.wants_context, handler.executor, handler.options});
    for (const auto& warning : handler.parsed.warnings) {
      manifest.warnings.push_back(fmt::format("task '{}': {}", name, warning));
    }
    for (const auto& hook : handler.hooks) manifest.hooks.push_back({std::string(name_of(hook.event)), name});
  }
  for (const auto& hook : worker_hooks_) {
    if (hook.plugin == manifest.name) manifest.hooks.push_back({std::string(name_of(hook.event)), {}});
  }
  if (const auto layers = middleware_.find(manifest.name); layers != middleware_.end()) manifest.middleware = layers->second;
  return manifest;
}

std::string Registry::conflict(const channel::PluginManifest& manifest) const {
  for (const auto& task : manifest.tasks) {
    if (const auto* other = find(task.name)) return taken(task.name, other->plugin);
    const auto kept = reserved_.find(task.name);
    if (kept != reserved_.end()) return taken(task.name, kept->second);
  }
  return {};
}

}  // namespace conduitd::plugin
