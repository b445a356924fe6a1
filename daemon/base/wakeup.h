#pragma once
// A coroutine's wait that somebody else can end: for loops that sleep until there is work or until a time has come.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"

namespace conduitd {

/// One waiter at a time. Everything on the executor's one thread. A notify() while nobody waits is not remembered: the
/// waiter looks at its condition first, then waits.
class Wakeup {
 public:
  Wakeup(boost::asio::any_io_executor executor, Clock& clock) : clock_(clock), timer_(std::move(executor)) {}

  /// Ends the wait, if there is one.
  void notify() { timer_.cancel(); }
  /// Returns at notify(), at `when`, or when the coroutine is cancelled.
  boost::asio::awaitable<void> wait_until(SteadyTime when);
  boost::asio::awaitable<void> wait() { return wait_until(SteadyTime::max()); }

 private:
  Clock& clock_;
  boost::asio::steady_timer timer_;
};

}  // namespace conduitd
