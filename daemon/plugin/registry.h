#pragma once
// The tasks that plugins registered: name -> the functions to call.

#include <conduit/abi.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "channel/manifest.h"
#include "channel/task_options.h"

namespace conduitd::plugin {

/// A function that is told how attempts go.
struct Hook {
  std::string plugin;
  conduit_hook_event event = CONDUIT_HOOK_START;
  conduit_hook_fn fn = nullptr;
  void* user = nullptr;
};
/// "on_failure".
[[nodiscard]] std::string_view name_of(conduit_hook_event event);

/// A layer around every task of the worker, in one of its forms.
struct Layer {
  std::string plugin;
  std::string name;
  std::int64_t priority = 0;
  void* user = nullptr;
  void (*run)(void* user, conduit_attempt* attempt, conduit_next* next) = nullptr;
  void (*start)(void* user, conduit_attempt* attempt, void* io_context, conduit_next* next) = nullptr;
};

/// A registered task. Everything that can be found out once was found out when it was registered.
struct TaskHandler {
  std::string name;
  std::string plugin;
  bool async = false;
  bool wants_context = false;
  std::string executor;    ///< where it runs by default: as its options say, else by its kind
  std::string options;     ///< JSON text
  channel::TaskOptions parsed;
  void* user = nullptr;
  void (*run)(void* user, conduit_attempt* attempt) = nullptr;
  void (*start)(void* user, conduit_attempt* attempt, void* io_context) = nullptr;
  std::vector<Hook> hooks = {};
};

/// A plugin's on_host_start or on_host_stop.
struct HostHook {
  std::string plugin;
  conduit_host_fn fn = nullptr;
  void* user = nullptr;
};

/// Filled while plugins load, by one thread; only read afterwards, by any.
class Registry {
 public:
  /// Checks the description, calls the plugin's load() and takes what it registered: all of it, or, with an Error whose
  /// sentence says why, nothing. `api` is kept by the plugin: it must live as long as the process.
  Result<> load(const conduit_plugin& plugin, const conduit_api& api);

  /// Keeps the names of a plugin that is loaded later, so that no other takes them.
  void reserve(const channel::PluginManifest& manifest);

  [[nodiscard]] const TaskHandler* find(std::string_view task) const;
  [[nodiscard]] const std::map<std::string, TaskHandler, std::less<>>& tasks() const { return tasks_; }
  /// The hooks of every task.
  [[nodiscard]] const std::vector<Hook>& worker_hooks() const { return worker_hooks_; }
  /// The layers around every task that has the same form, outermost first: all have a start, or all have a run.
  [[nodiscard]] const std::vector<Layer>& worker_layers(bool async) const { return async ? async_layers_ : blocking_layers_; }
  [[nodiscard]] const std::vector<HostHook>& start_hooks() const { return start_hooks_; }
  [[nodiscard]] const std::vector<HostHook>& stop_hooks() const { return stop_hooks_; }

  /// What `plugin` says of itself and what it registered here. `path`, `build_id` and `starts_threads` are the caller's.
  [[nodiscard]] channel::PluginManifest describe(const conduit_plugin& plugin) const;
  /// The sentence for the first of `manifest`'s tasks whose name is taken; empty if none is.
  [[nodiscard]] std::string conflict(const channel::PluginManifest& manifest) const;

 private:
  std::map<std::string, TaskHandler, std::less<>> tasks_;
  std::map<std::string, std::string, std::less<>> reserved_;  // task -> plugin
  std::map<std::string, std::vector<channel::MiddlewareManifest>, std::less<>> middleware_;  // by plugin
  std::vector<Hook> worker_hooks_;
  std::vector<Layer> blocking_layers_;
  std::vector<Layer> async_layers_;
  std::vector<HostHook> start_hooks_;
  std::vector<HostHook> stop_hooks_;
};

}  // namespace conduitd::plugin
