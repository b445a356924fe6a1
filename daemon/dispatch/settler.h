#pragma once
// Writes to the broker what attempts said and how they ended, in batches that grow with load: while one batch is on its
// way the next one gathers. Keeps what the broker has not confirmed, and tries again until it has.

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task_group.h"
#include "base/wakeup.h"
#include "broker/broker.h"

namespace conduitd::dispatch {

/// Owned by the dispatcher; core loop only. `stop()` gives up what could not be written.
class Settler {
 public:
  struct Hooks {
    /// Gathers what running attempts said since the last time, at most `most` of them.
    std::function<std::vector<job::Report>(std::size_t most)> collect;
    /// The broker's word on a lease, from a report.
    std::function<void(const job::Lease&, broker::LeaseState)> lease_state;
    /// A settlement is confirmed or was refused.
    std::function<void(const job::Settlement&, broker::Settled)> settled;
    /// The broker answered (empty), or did not and why.
    std::function<void(const std::string& fault)> broker_state;
  };

  Settler(boost::asio::any_io_executor executor, Clock& clock, broker::Broker& broker, Hooks hooks);

  void start();
  /// Running attempts have something to say.
  void reports_pending();
  /// An attempt has ended: `report` is its last one and is written first. Empty reports are dropped.
  void settle(job::Report report, job::Settlement settlement);
  /// Leases of attempts that have ended and are not confirmed: they must be kept alive too.
  [[nodiscard]] std::vector<job::Lease> unconfirmed() const;
  [[nodiscard]] std::size_t backlog() const { return settlements_.size() + in_flight_.size(); }
  /// Completes when all is written, or at `deadline`. True: all is written.
  boost::asio::awaitable<bool> drain(SteadyTime deadline);
  boost::asio::awaitable<void> stop();

 private:
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<void> flush_reports();
  boost::asio::awaitable<void> flush_settlements();
  boost::asio::awaitable<void> wait_for_work();
  boost::asio::awaitable<void> back_off(const Error& error, const char* what);

  Clock& clock_;
  broker::Broker& broker_;
  Hooks hooks_;
  std::vector<job::Report> last_reports_;         // of ended attempts
  std::vector<job::Settlement> settlements_;
  std::vector<job::Settlement> in_flight_;
  Wakeup work_;                                   // there is something to write
  SteadyTime next_live_reports_{};
  bool live_reports_ = false;
  unsigned faults_ = 0;                           // in a row
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::dispatch
