#pragma once
// Renews the leases of everything a worker holds, each third of their time.

#include <functional>
#include <vector>

#include "base/clock.h"
#include "base/task_group.h"
#include "broker/broker.h"

namespace conduitd::dispatch {

/// Owned by the dispatcher; core loop only.
class LeaseKeeper {
 public:
  struct Hooks {
    /// Leases last renewed before `before`.
    std::function<std::vector<job::Lease>(SteadyTime before)> due;
    /// What the broker said of one; `sent_at` is when it was asked.
    std::function<void(const job::Lease&, broker::LeaseState, SteadyTime sent_at)> state;
    std::function<void(const std::string& fault)> broker_state;
  };

  LeaseKeeper(boost::asio::any_io_executor executor, Clock& clock, broker::Broker& broker, Millis lease, Hooks hooks);
  void start();
  boost::asio::awaitable<void> stop();

 private:
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<bool> renew_once();

  Clock& clock_;
  broker::Broker& broker_;
  Millis lease_;
  Hooks hooks_;
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::dispatch
