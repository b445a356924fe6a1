#include "ctl/task_registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "ctl/worker_resources.h"

namespace conduitd::ctl {

TaskRegistry::TaskRegistry(const std::vector<broker::TaskInfo>& tasks, bool allow_unknown, const std::vector<broker::WorkerInfo>& workers)
    : allow_unknown_(allow_unknown) {
  for (const auto& task : tasks) {
    queues_.emplace(task.name, task.queue.empty() ? "default" : task.queue);
    const auto needs = needs_of(task);
    if (needs.empty()) continue;
    std::vector<const broker::WorkerInfo*> with_task;
    for (const auto& worker : workers) {
      if (std::find(worker.tasks.begin(), worker.tasks.end(), task.name) != worker.tasks.end()) with_task.push_back(&worker);
    }
    // If nobody has the task now, one of those that are there may yet load it.
    if (with_task.empty()) std::transform(workers.begin(), workers.end(), std::back_inserter(with_task), [](const auto& worker) { return &worker; });
    const auto lack = able_to_give(with_task, needs).lack;
    if (lack.empty()) continue;
    warnings_.emplace(task.name, fmt::format("task {} needs {}, and {}: the job waits until one does; see conduitctl worker list", task.name,
                                             job::describe(needs), lack));
  }
}

std::string TaskRegistry::take_warning(const std::string& task) {
  const auto found = warnings_.find(task);
  if (found == warnings_.end()) return {};
  auto out = std::move(found->second);
  warnings_.erase(found);
  return out;
}

Result<std::string> TaskRegistry::queue_of(const std::string& task) const {
  if (const auto known = queues_.find(task); known != queues_.end()) return known->second;
  if (queues_.empty() || allow_unknown_) return "default";
  std::vector<std::string> names;
  for (const auto& [name, queue] : queues_) names.push_back(name);
  const auto near = nearest(task, names);
  return Error(Errc::not_found,
               fmt::format("no worker has announced a task '{}'; {}see conduitctl task list, or give --allow-unknown", task,
                           near ? fmt::format("did you mean '{}'? ", *near) : ""));
}

boost::asio::awaitable<Result<TaskRegistry>> load_registry(broker::Directory& directory, bool allow_unknown) {
  CONDUIT_CO_TRY(const auto tasks, co_await directory.tasks());
  const bool needs_something = std::any_of(tasks.begin(), tasks.end(), [](const auto& task) { return !needs_of(task).empty(); });
  if (!needs_something) co_return TaskRegistry(tasks, allow_unknown);
  CONDUIT_CO_TRY(const auto workers, co_await directory.workers());
  co_return TaskRegistry(tasks, allow_unknown, workers);
}

}  // namespace conduitd::ctl
