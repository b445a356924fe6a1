#pragma once
// The tasks a worker can run, each with the options in force: the code's, overridden by the config's.

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/directory.h"
#include "channel/manifest.h"
#include "channel/messages.h"
#include "job/event.h"
#include "job/limit.h"
#include "job/needs.h"
#include "job/retry.h"
#include "job/schedule.h"

namespace conduitd::dispatch {

struct Task {
  std::string name;
  std::string queue = "default";  ///< where jobs go that name no queue
  channel::Executor executor = channel::Executor::thread;
  job::RetryPolicy retry;
  std::optional<Millis> timeout;  ///< per attempt
  std::vector<job::Limit> limits;
  std::uint32_t weight = 1;       ///< of its jobs that have none of their own
  job::Needs needs;               ///< what an attempt holds of the worker's resources
  [[nodiscard]] bool rated() const;
  /// Whether its jobs are for slots that are free now: waiting ahead of one, they would start late for their rate, or hold what others could use.
  [[nodiscard]] bool never_ahead() const { return rated() || !needs.empty(); }
  /// How many its rates let start in such a time.
  [[nodiscard]] std::size_t starts_in(Millis time) const;
  job::Code code;
  /// Hooks that are told of an end: its own, or the worker's.
  struct EndHooks {
    bool retry = false;
    bool failure = false;
    bool complete = false;
    [[nodiscard]] bool any() const { return retry || failure || complete; }
  } end_hooks;
  [[nodiscard]] bool tells_of(channel::Verdict::Kind end) const;
};

/// What a config says of a task; what is not set stays as in the code.
struct TaskOverride {
  std::optional<std::string> queue;
  std::optional<std::string> executor;
  std::optional<std::uint32_t> retries;
  std::optional<job::Backoff> backoff;
  std::optional<std::vector<job::ErrorRule>> errors;
  std::optional<Millis> timeout;
  std::optional<std::uint32_t> interruptions;
  std::optional<std::vector<job::Limit>> concurrency;
  std::optional<std::vector<job::Limit>> rate_limit;
  std::optional<std::uint32_t> weight;
  std::optional<job::Needs> needs;
};

/// A schedule of the config. Its queue is its task's own unless one is named.
struct ConfiguredSchedule {
  job::Schedule schedule;
  bool names_queue = false;
};

/// A subscription of the config. Its queue is its task's own unless one is named.
struct ConfiguredSubscription {
  job::Subscription subscription;
  bool names_queue = false;
};

/// Immutable once built; attempts keep the table they were started with.
class TaskTable {
 public:
  struct Built {
    std::shared_ptr<const TaskTable> table;
    std::vector<std::string> faults;    ///< sentences; tasks they name are left out
    std::vector<std::string> warnings;
  };

  [[nodiscard]] static Built build(const std::vector<channel::PluginManifest>& plugins,
                                   const std::map<std::string, TaskOverride>& overrides,
                                   std::uint32_t quarantine_after, const std::vector<ConfiguredSchedule>& schedules = {},
                                   const std::vector<ConfiguredSubscription>& subscriptions = {});

  [[nodiscard]] const Task* find(const std::string& name) const;
  [[nodiscard]] const std::map<std::string, Task>& all() const { return tasks_; }
  [[nodiscard]] bool uses(channel::Executor executor) const;
  /// The code's, and the config's in place of those with the same name. Each is for a task of this table.
  [[nodiscard]] std::vector<job::Schedule> schedules() const;
  /// The same of subscriptions to events.
  [[nodiscard]] std::vector<job::Subscription> subscriptions() const;
  /// As announced to the broker.
  [[nodiscard]] std::vector<broker::TaskInfo> announce() const;

 private:
  void note_hooks(const std::vector<channel::PluginManifest>& plugins);
  void look_at_layers(const std::vector<channel::PluginManifest>& plugins, std::vector<std::string>& warnings) const;
  void add_schedules(const std::string& task, std::vector<job::Schedule> given, std::vector<std::string>& faults);
  void add_schedules(const std::vector<ConfiguredSchedule>& given, const std::set<std::string>& left_out, std::vector<std::string>& warnings);
  void add_subscriptions(const std::string& task, std::vector<job::Subscription> given, std::vector<std::string>& faults);
  void add_subscriptions(const std::vector<ConfiguredSubscription>& given, const std::set<std::string>& left_out, std::vector<std::string>& warnings);

  std::map<std::string, Task> tasks_;
  std::map<std::string, job::Schedule> schedules_;
  std::map<std::string, job::Subscription> subscriptions_;
};

}  // namespace conduitd::dispatch
