#pragma once
// Announces this worker's subscriptions to events, and takes back those it no longer has. What is collected for them is made into
// jobs by Broker::promote_due.

#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task_group.h"
#include "base/wakeup.h"
#include "broker/events.h"

namespace conduitd::events {

/// Owned by app; core loop only. `set` before `start`, and at each reload; `stop` before destruction.
/// A broker that is away is asked again; what it keeps of an earlier announcement counts meanwhile.
class Announcer {
 public:
  Announcer(boost::asio::any_io_executor executor, Clock& clock, broker::Events& events);

  /// The subscriptions that this worker has from now on.
  void set(std::vector<job::Subscription> own);
  void start();
  boost::asio::awaitable<void> stop();

  /// Announces this worker's own, then withdraws those that it had and has no more.
  boost::asio::awaitable<Result<>> announce();

 private:
  boost::asio::awaitable<void> keep_announcing();

  Clock& clock_;
  broker::Events& events_;
  std::vector<job::Subscription> own_;
  std::set<std::string> dropped_;
  Wakeup changed_;
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::events
