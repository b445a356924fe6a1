#pragma once
// The functions of conduit/testing.hpp. Include that, not this file.

#include <conduit/detail/fake_attempt.hpp>
#include <conduit/detail/own_loop.hpp>
#include <conduit/testing.hpp>

#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>

namespace conduit::testing {
namespace detail {

/// The program's own plugin, loaded once.
class LoadedPlugin {
 public:
  static LoadedPlugin& get() {
    static LoadedPlugin plugin;
    return plugin;
  }

  struct Entry {
    conduit_task
        task{};  // its texts are not valid any more: they are in the TaskInfo of the same place
    Executor executor = Executor::thread;
    std::vector<HookEntry> hooks = {};
  };

  [[nodiscard]] const std::vector<TaskInfo>& infos() const { return infos_; }
  [[nodiscard]] const Entry& find(std::string_view name) const {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      if (infos_[i].name == name) return entries_[i];
      names.emplace_back(infos_[i].name);
    }
    throw std::invalid_argument("the plugin has no task \"" + std::string(name) + '"' +
                                conduit::detail::suggestion(name, names));
  }
  /// Of a task, and then of all.
  [[nodiscard]] std::vector<HookEntry> hooks_of(const Entry& entry) const {
    std::vector<HookEntry> hooks = entry.hooks;
    hooks.insert(hooks.end(), hooks_.begin(), hooks_.end());
    return hooks;
  }
  /// A task with the layers of the worker around it that have the form.
  [[nodiscard]] FakeOnion onion_of(const Entry& entry, bool async) const {
    FakeOnion onion{entry.task};
    for (const auto& layer : layers_) {
      if (async ? layer.start != nullptr : layer.run != nullptr) onion.layers.push_back(layer);
    }
    return onion;
  }
  void start_host() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(started_, true)) return;
    for (const Hook& hook : start_) hook.call("on_host_start");
  }
  void stop_host() {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(started_, false)) return;
    for (const Hook& hook : stop_) hook.call("on_host_stop");
  }

 private:
  struct Hook {
    conduit_host_fn fn;
    void* user;
    void call(const std::string& when) const {
      std::array<char, 1024> error{};
      if (fn(user, error.data(), error.size()) != 0) {
        throw std::runtime_error(when + ": " + error.data());
      }
    }
  };

  LoadedPlugin() {
    conduit_registry registry{};
    registry.size = sizeof registry;
    registry.self = this;
    registry.add_task = [](void* self, const conduit_task* task) { return of(self).add(*task); };
    registry.on_host_start = [](void* self, conduit_host_fn fn, void* user) {
      of(self).start_.push_back({fn, user});
      return 0;
    };
    registry.on_host_stop = [](void* self, conduit_host_fn fn, void* user) {
      of(self).stop_.push_back({fn, user});
      return 0;
    };
    registry.fault = [](void* self, conduit_str message) {
      of(self).faults_ += '\n' + copy(message);
    };
    registry.add_hook = [](void* self, const conduit_hook* hook) { return of(self).add(*hook); };
    registry.add_middleware = [](void* self, const conduit_middleware* layer) {
      if (layer->scope == CONDUIT_SCOPE_WORKER) of(self).layers_.push_back(*layer);
      return 0;
    };
    const int status = conduit_plugin_entry()->load(&FakeAttempt::api(), &registry);
    if (status != 0 || !faults_.empty())
      throw std::runtime_error("the plugin does not load:" + faults_);
    std::stable_sort(layers_.begin(), layers_.end(),
                     [](const auto& a, const auto& b) { return a.priority > b.priority; });
  }
  static LoadedPlugin& of(void* self) { return *static_cast<LoadedPlugin*>(self); }

  int add(const conduit_task& task) {
    TaskInfo info;
    info.name = copy(task.name);
    info.is_async = task.kind == CONDUIT_TASK_ASYNC;
    info.wants_context = task.wants_context != 0;
    info.options = task.options.size > 0 ? Json::parse(from_c(task.options)) : Json::object();
    Entry entry{task, info.is_async ? Executor::async : Executor::thread};
    entry.executor = info.options.value_or("executor", entry.executor);
    infos_.push_back(std::move(info));
    entries_.push_back(entry);
    return 0;
  }

  int add(const conduit_hook& hook) {
    const HookEntry entry{static_cast<conduit_hook_event>(hook.event), hook.fn, hook.user};
    if (hook.task.size == 0) {
      hooks_.push_back(entry);
      return 0;
    }
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      if (infos_[i].name == from_c(hook.task)) entries_[i].hooks.push_back(entry);
    }
    return 0;
  }

  std::vector<HookEntry> hooks_;             // of all tasks
  std::vector<conduit_middleware> layers_;  // of the worker, outermost first
  std::vector<TaskInfo> infos_;
  std::vector<Entry> entries_;
  std::vector<Hook> start_;
  std::vector<Hook> stop_;
  std::string faults_;
  std::mutex mutex_;  // guards started_, and lets one thread at a time start or stop
  bool started_ = false;
};

/// Runs the attempt to its end: a coroutine with layers around it on a loop that they share, all else
/// on this thread.
inline void run_to_end(FakeAttempt& attempt, FakeOnion onion) {
  const bool starts = on_event_loop && onion.task.start != nullptr && !onion.layers.empty();
  if (!starts) {
    if (on_event_loop) onion.layers.clear();
    return attempt.run(onion);
  }
  struct Work {
    FakeAttempt& attempt;
    FakeOnion& onion;
  } work{attempt, onion};
  conduit::detail::run_on_own_loop(
      [](void* user, void* io_context) {
        auto& it = *static_cast<Work*>(user);
        it.onion.io_context = io_context;
        it.attempt.run(it.onion);
      },
      [](void* user) { return static_cast<Work*>(user)->attempt.ended(); }, &work);
}

}  // namespace detail

inline Outcome run_text(std::string_view task, std::string_view args, const Options& options) {
  auto& plugin = detail::LoadedPlugin::get();
  const auto& entry = plugin.find(task);
  plugin.start_host();
  const Executor executor = options.executor.value_or(entry.executor);
  detail::FakeAttempt attempt(std::string(task), std::string(args), to_json(executor).text(),
                              options);
  const bool before = std::exchange(detail::on_event_loop, executor == Executor::async);
  attempt.begin(plugin.hooks_of(entry));
  detail::run_to_end(attempt, plugin.onion_of(entry, executor == Executor::async));
  detail::on_event_loop = before;
  if (!attempt.ended())
    throw std::logic_error("the task returned without having ended its attempt");
  return attempt.wait();
}

inline Outcome run(std::string_view task, const Json& args, const Options& options) {
  return run_text(task, args.is_null() ? "{}" : args.dump(), options);
}

inline const std::vector<TaskInfo>& tasks() { return detail::LoadedPlugin::get().infos(); }

inline void stop_host() { detail::LoadedPlugin::get().stop_host(); }

}  // namespace conduit::testing
