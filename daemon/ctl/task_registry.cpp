#include "ctl/task_registry.h"

#include <fmt/format.h>

#include "base/text.h"

namespace conduitd::ctl {

TaskRegistry::TaskRegistry(const std::vector<broker::TaskInfo>& tasks, bool allow_unknown) : allow_unknown_(allow_unknown) {
  for (const auto& task : tasks) queues_.emplace(task.name, task.queue.empty() ? "default" : task.queue);
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
  co_return TaskRegistry(tasks, allow_unknown);
}

}  // namespace conduitd::ctl
