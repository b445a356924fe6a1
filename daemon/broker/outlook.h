#pragma once
// What a claim would find, asked without taking anything: for a worker that saves resources up for a large job.

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "base/result.h"
#include "broker/broker.h"

namespace conduitd::broker {

/// Thread, failure and ownership as for Broker, which the same object implements.
class Outlook {
 public:
  virtual ~Outlook() = default;

  /// Of each source of the request, in the order of its groups: whether a job waits there that a claim would be given, had the worker
  /// room and resources for it. Not if its queue or task is paused, or a limit admits none now; of limits by a key, whose values
  /// each count alone, nothing is said. Cheap, but meant to be asked about once in a second.
  virtual boost::asio::awaitable<Result<std::vector<bool>>> would_give(ClaimRequest request) = 0;
};

}  // namespace conduitd::broker
