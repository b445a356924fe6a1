#pragma once
// What every worker does for all: moves due jobs into their queues, takes jobs back from dead workers, mends what nothing
// else would move, and says that it is alive itself.

#include <functional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/task_group.h"
#include "base/wakeup.h"
#include "broker/broker.h"
#include "broker/directory.h"
#include "dispatch/broker_health.h"

namespace conduitd::dispatch {

/// Owned by the dispatcher; core loop only. Any number of workers may do this at once.
class Upkeep {
 public:
  struct Options {
    Millis lease{15'000};
    std::uint32_t quarantine_after = 3;
    Millis heartbeat{5'000};
    Millis reconcile{30'000};
  };
  struct Hooks {
    std::function<std::pair<broker::WorkerInfo, std::vector<broker::TaskInfo>>()> announce;
    std::function<void(BrokerUse use, const std::string& fault)> broker_state;
    /// A job of a dead worker has failed: nobody else sees to its children.
    std::function<void(const std::string& job_id)> ended_in_vain;
    /// A job of a dead worker was taken back: nobody else runs the hooks of its attempt's end.
    std::function<void(const broker::Reclaimed::Entry& entry)> taken_back;
  };

  Upkeep(boost::asio::any_io_executor executor, Clock& clock, broker::Broker& broker, broker::Directory& directory,
         Options options, Hooks hooks);
  void start();
  /// Announces shortly: the tasks, the slots or the state have changed.
  void announce_soon();
  boost::asio::awaitable<void> stop();

 private:
  boost::asio::awaitable<void> promote();
  boost::asio::awaitable<void> reclaim();
  boost::asio::awaitable<void> reconcile();
  boost::asio::awaitable<void> announce();
  boost::asio::awaitable<bool> announce_once();

  Clock& clock_;
  broker::Broker& broker_;
  broker::Directory& directory_;
  Options options_;
  Hooks hooks_;
  Wakeup changed_;
  bool soon_ = false;
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::dispatch
