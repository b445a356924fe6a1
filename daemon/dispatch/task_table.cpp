#include "dispatch/task_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/text.h"
#include "channel/task_options.h"

namespace conduitd::dispatch {
namespace {

/// The code's options, then the config's over them.
Result<> apply(Task& task, const channel::TaskManifest& manifest, const TaskOverride& override_) {
  CONDUIT_TRY(const auto options, channel::parse_options(manifest.options));
  task.queue = override_.queue.value_or(options.queue.value_or("default"));
  task.retry.retries = override_.retries.value_or(options.retries.value_or(task.retry.retries));
  task.timeout = override_.timeout ? override_.timeout : options.timeout;
  if (const auto& backoff = override_.backoff ? override_.backoff : options.backoff) task.retry.backoff = *backoff;
  if (const auto& errors = override_.errors ? override_.errors : options.errors) task.retry.errors = *errors;
  task.retry.interruptions = override_.interruptions.value_or(options.interruptions.value_or(0));
  for (const auto& some : {override_.concurrency ? override_.concurrency : options.concurrency,
                           override_.rate_limit ? override_.rate_limit : options.rate_limit}) {
    if (some) task.limits.insert(task.limits.end(), some->begin(), some->end());
  }
  task.weight = override_.weight.value_or(options.weight.value_or(1));
  task.needs = override_.needs ? *override_.needs : options.needs.value_or(job::Needs{});
  CONDUIT_TRY(job::check(task.limits));
  const std::string executor = override_.executor.value_or(manifest.executor);
  const auto parsed = channel::parse_executor(executor);
  if (!parsed) {
    return Error(Errc::invalid_argument,
                 fmt::format("unknown executor '{}': async, thread and process are allowed", executor));
  }
  task.executor = *parsed;
  if (task.executor == channel::Executor::async && !manifest.async) {
    return Error(Errc::invalid_argument,
                 "executor 'async' needs a coroutine, and this task is a plain function: use thread or process");
  }
  return ok();
}

Json errors_json(const std::vector<job::ErrorRule>& rules) {
  Json out{Json::Array{}};
  for (const auto& rule : rules) {
    Json one;
    if (!rule.type.empty()) one.set("type", rule.type);
    if (!rule.text.empty()) one.set("text", rule.text);
    one.set("action", job::to_string(rule.action));
    if (rule.after) one.set("after", format_duration(*rule.after));
    out.push(std::move(one));
  }
  return out;
}

Json options_json(const Task& task) {
  Json backoff;
  backoff.set("kind", job::to_string(task.retry.backoff.kind)).set("base", format_duration(task.retry.backoff.base));
  backoff.set("max", format_duration(task.retry.backoff.max)).set("jitter", task.retry.backoff.jitter);
  if (!task.retry.backoff.delays.empty()) {
    Json delays{Json::Array{}};
    for (const auto delay : task.retry.backoff.delays) delays.push(format_duration(delay));
    backoff.set("delays", std::move(delays));
  }
  Json options;
  options.set("retries", task.retry.retries).set("backoff", std::move(backoff));
  if (!task.retry.errors.empty()) options.set("errors", errors_json(task.retry.errors));
  if (task.retry.interruptions > 0) options.set("interruptions", task.retry.interruptions);
  if (task.timeout) options.set("timeout", format_duration(*task.timeout));
  job::add_to(options, task.limits);
  if (task.weight > 1) options.set("weight", task.weight);
  if (!task.needs.empty()) options.set("needs", job::to_json(task.needs));
  return options;
}

}  // namespace

bool Task::rated() const {
  return std::any_of(limits.begin(), limits.end(), [](const auto& limit) { return limit.kind == job::Limit::Kind::rate; });
}

std::size_t Task::starts_in(Millis time) const {
  auto out = std::numeric_limits<std::size_t>::max();
  for (const auto& limit : limits) {
    if (limit.kind == job::Limit::Kind::rate) out = std::min(out, static_cast<std::size_t>(limit.most * time / limit.period));
  }
  return out;
}

TaskTable::Built TaskTable::build(const std::vector<channel::PluginManifest>& plugins,
                                  const std::map<std::string, TaskOverride>& overrides,
                                  std::uint32_t quarantine_after, const std::vector<ConfiguredSchedule>& schedules,
                                  const std::vector<ConfiguredSubscription>& subscriptions) {
  auto table = std::make_shared<TaskTable>();
  Built built;
  std::set<std::string> left_out;  // registered, with a fault that is told
  for (const auto& plugin : plugins) {
    if (!plugin.fault.empty()) {
      built.faults.push_back(plugin.fault);
      continue;
    }
    for (const auto& manifest : plugin.tasks) {
      Task task;
      task.name = manifest.name;
      // Enough to tell two builds of one version apart, on every record.
      constexpr std::size_t kBuildDigits = 16;
      task.code = {plugin.name, plugin.version, plugin.build_id.substr(0, kBuildDigits)};
      task.retry.quarantine_after = quarantine_after;
      const auto found = overrides.find(manifest.name);
      const auto applied = apply(task, manifest, found != overrides.end() ? found->second : TaskOverride{});
      if (!applied.has_value()) {
        left_out.insert(task.name);
        built.faults.push_back(fmt::format("task '{}' of plugin '{}': {}", task.name, plugin.name, applied.error().message()));
      } else if (const auto [old, added] = table->tasks_.emplace(manifest.name, std::move(task)); !added) {
        built.faults.push_back(fmt::format("task '{}' of plugin '{}' ({}): plugin '{}' has a task of that name already",
                                           manifest.name, plugin.name, plugin.path, old->second.code.plugin));
      } else {
        // The options were read by apply(), so they are good.
        auto options = channel::parse_options(manifest.options).value();
        table->add_schedules(manifest.name, std::move(options.cron), built.faults);
        table->add_subscriptions(manifest.name, std::move(options.on), built.faults);
      }
    }
  }
  std::vector<std::string> names;
  for (const auto& [name, task] : table->tasks_) names.push_back(name);
  for (const auto& [name, unused] : overrides) {
    if (table->tasks_.contains(name) || left_out.contains(name)) continue;
    const auto near = nearest(name, names);
    built.warnings.push_back(fmt::format("the config has options for task '{}', which no plugin registers{}", name,
                                         near ? fmt::format(" (did you mean '{}'?)", *near) : ""));
  }
  table->note_hooks(plugins);
  table->look_at_layers(plugins, built.warnings);
  table->add_schedules(schedules, left_out, built.warnings);
  table->add_subscriptions(subscriptions, left_out, built.warnings);
  built.table = std::move(table);
  return built;
}

void TaskTable::note_hooks(const std::vector<channel::PluginManifest>& plugins) {
  const auto note = [](Task& task, const std::string& event) {
    task.end_hooks.retry |= event == "on_retry";
    task.end_hooks.failure |= event == "on_failure";
    task.end_hooks.complete |= event == "on_complete";
  };
  for (const auto& plugin : plugins) {
    for (const auto& hook : plugin.hooks) {
      for (auto& [name, task] : tasks_) {
        if (hook.task.empty() || hook.task == name) note(task, hook.event);
      }
    }
  }
}

/// Which tasks run without a layer of the worker's, because it has no form for the executor they are in.
void TaskTable::look_at_layers(const std::vector<channel::PluginManifest>& plugins, std::vector<std::string>& warnings) const {
  constexpr std::size_t kMostNamed = 10;
  for (const auto& plugin : plugins) {
    for (const auto& layer : plugin.middleware) {
      if (!layer.worker || (layer.blocking && layer.async)) continue;
      std::vector<std::string> without;
      for (const auto& [name, task] : tasks_) {
        if (!(task.executor == channel::Executor::async ? layer.async : layer.blocking)) without.push_back(name);
      }
      if (without.empty()) continue;
      const auto more = without.size() > kMostNamed ? fmt::format(" and {} more", without.size() - kMostNamed) : "";
      without.resize(std::min(without.size(), kMostNamed));
      warnings.push_back(fmt::format("middleware '{}' of plugin '{}' is {} alone, so these tasks run without it: {}{}; give it both forms, "
                                     "use(function, coroutine)",
                                     layer.name, plugin.name, layer.async ? "a coroutine, for the async executor" :
                                     "a function, for the thread and process executors", fmt::join(without, ", "), more));
    }
  }
}

void TaskTable::add_schedules(const std::string& task, std::vector<job::Schedule> given, std::vector<std::string>& faults) {
  for (auto& schedule : given) {
    if (schedule.name.empty()) schedule.name = task;
    schedule.task = task;
    schedule.queue = tasks_.at(task).queue;
    if (const auto good = job::check(schedule); !good.has_value()) {
      faults.push_back(fmt::format("schedule '{}' of task '{}': {}", schedule.name, task, good.error().message()));
      continue;
    }
    const auto [old, added] = schedules_.emplace(schedule.name, schedule);
    if (!added) {
      faults.push_back(fmt::format("schedule '{}' of task '{}': task '{}' has one of that name already: give each a name of its own",
                                   schedule.name, task, old->second.task));
    }
  }
}

void TaskTable::add_schedules(const std::vector<ConfiguredSchedule>& given, const std::set<std::string>& left_out,
                              std::vector<std::string>& warnings) {
  for (const auto& configured : given) {
    auto schedule = configured.schedule;
    const auto* task = find(schedule.task);
    if (task == nullptr && left_out.contains(schedule.task)) continue;
    if (task == nullptr) {
      warnings.push_back(fmt::format("the config has a schedule '{}' of task '{}', which no plugin registers", schedule.name, schedule.task));
      continue;
    }
    if (!configured.names_queue) schedule.queue = task->queue;
    schedules_[schedule.name] = std::move(schedule);
  }
}

void TaskTable::add_subscriptions(const std::string& task, std::vector<job::Subscription> given, std::vector<std::string>& faults) {
  for (auto& subscription : given) {
    if (subscription.name.empty()) subscription.name = task;
    subscription.task = task;
    subscription.queue = tasks_.at(task).queue;
    if (const auto good = job::check(subscription); !good.has_value()) {
      faults.push_back(fmt::format("subscription '{}' of task '{}': {}", subscription.name, task, good.error().message()));
      continue;
    }
    const auto [old, added] = subscriptions_.emplace(subscription.name, subscription);
    if (!added) {
      faults.push_back(fmt::format("subscription '{}' of task '{}': task '{}' has one of that name already: give each a name of its own",
                                   subscription.name, task, old->second.task));
    }
  }
}

void TaskTable::add_subscriptions(const std::vector<ConfiguredSubscription>& given, const std::set<std::string>& left_out,
                                  std::vector<std::string>& warnings) {
  for (const auto& configured : given) {
    auto subscription = configured.subscription;
    const auto* task = find(subscription.task);
    if (task == nullptr && left_out.contains(subscription.task)) continue;
    if (task == nullptr) {
      warnings.push_back(fmt::format("the config has a subscription '{}' of task '{}', which no plugin registers", subscription.name, subscription.task));
      continue;
    }
    if (!configured.names_queue) subscription.queue = task->queue;
    subscriptions_[subscription.name] = std::move(subscription);
  }
}

std::vector<job::Subscription> TaskTable::subscriptions() const {
  std::vector<job::Subscription> out;
  for (const auto& [name, subscription] : subscriptions_) out.push_back(subscription);
  return out;
}

std::vector<job::Schedule> TaskTable::schedules() const {
  std::vector<job::Schedule> out;
  for (const auto& [name, schedule] : schedules_) out.push_back(schedule);
  return out;
}

bool Task::tells_of(channel::Verdict::Kind end) const {
  using End = channel::Verdict::Kind;
  return end_hooks.complete || (end == End::retry && end_hooks.retry) || (end == End::failed && end_hooks.failure);
}

const Task* TaskTable::find(const std::string& name) const {
  const auto found = tasks_.find(name);
  return found != tasks_.end() ? &found->second : nullptr;
}

bool TaskTable::uses(channel::Executor executor) const {
  return std::any_of(tasks_.begin(), tasks_.end(), [executor](const auto& entry) { return entry.second.executor == executor; });
}

std::vector<broker::TaskInfo> TaskTable::announce() const {
  std::vector<broker::TaskInfo> infos;
  for (const auto& [name, task] : tasks_) {
    broker::TaskInfo info;
    info.name = name;
    info.queue = task.queue;
    info.executor = channel::to_string(task.executor);
    info.plugin = task.code.plugin;
    info.plugin_version = task.code.version;
    info.options = options_json(task).text();
    infos.push_back(std::move(info));
  }
  return infos;
}

}  // namespace conduitd::dispatch
