#pragma once
// What workers have announced of their tasks, asked once, to find a job's queue and to catch a misspelt task.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <string>

#include "broker/directory.h"

namespace conduitd::ctl {

class TaskRegistry {
 public:
  /// A registry that knows no task refuses none. With `allow_unknown` no other does.
  TaskRegistry(const std::vector<broker::TaskInfo>& tasks, bool allow_unknown, const std::vector<broker::WorkerInfo>& workers = {});

  [[nodiscard]] bool empty() const { return queues_.empty(); }
  /// The queue of a task's jobs where the producer names none; Errc::not_found, with the nearest name, for a task
  /// that no worker has announced.
  [[nodiscard]] Result<std::string> queue_of(const std::string& task) const;
  /// What whoever submits a job of this task should know: that no live worker has what it needs. Empty if nothing, and after
  /// the first time.
  [[nodiscard]] std::string take_warning(const std::string& task);

 private:
  std::map<std::string, std::string> queues_;
  std::map<std::string, std::string> warnings_;
  bool allow_unknown_;
};

/// Asks the broker.
boost::asio::awaitable<Result<TaskRegistry>> load_registry(broker::Directory& directory, bool allow_unknown);

}  // namespace conduitd::ctl
