#pragma once
// Routes: which queue a job goes to whose producer names none.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "broker/directory.h"

namespace conduit::detail {

/// Remembers what workers have announced of their tasks. Used on the client's loop.
class Routes {
 public:
  explicit Routes(conduitd::Clock& clock) : clock_(clock) {}

  /// Gives each job without a queue its task's, or "default" if no worker has announced the task yet. Asks the broker
  /// when what it knows is old; if the broker does not say, the old is as good as it gets.
  boost::asio::awaitable<void> name_queues(conduitd::broker::Directory& directory,
                                           std::vector<conduitd::job::NewJob>& jobs);

 private:
  [[nodiscard]] bool should_ask(const std::vector<conduitd::job::NewJob>& jobs) const;

  conduitd::Clock& clock_;
  std::unordered_map<std::string, std::string> queues_;  // of tasks
  std::optional<conduitd::SteadyTime> asked_at_;
};

}  // namespace conduit::detail
