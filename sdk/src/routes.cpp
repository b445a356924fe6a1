#include "routes.h"

#include <algorithm>

namespace conduit::detail {
namespace {

constexpr std::chrono::seconds kOld{10};
// A task nobody knows may just have been announced; and a producer may submit thousands of jobs of it each second.
constexpr std::chrono::seconds kOldForUnknown{1};

}  // namespace

bool Routes::should_ask(const std::vector<conduitd::job::NewJob>& jobs) const {
  const auto age = asked_at_ ? clock_.now() - *asked_at_ : std::chrono::nanoseconds::max();
  return std::any_of(jobs.begin(), jobs.end(), [&](const conduitd::job::NewJob& job) {
    if (!job.queue.empty()) return false;
    return age >= (queues_.count(job.task) != 0 ? kOld : kOldForUnknown);
  });
}

boost::asio::awaitable<void> Routes::name_queues(conduitd::broker::Directory& directory,
                                                 std::vector<conduitd::job::NewJob>& jobs) {
  if (should_ask(jobs)) {
    const auto tasks = co_await directory.tasks();
    asked_at_ = clock_.now();
    if (tasks.has_value()) {
      queues_.clear();
      for (const auto& task : tasks.value()) queues_[task.name] = task.queue;
    }
  }
  for (auto& job : jobs) {
    if (!job.queue.empty()) continue;
    const auto known = queues_.find(job.task);
    job.queue = known == queues_.end() || known->second.empty() ? "default" : known->second;
  }
}

}  // namespace conduit::detail
