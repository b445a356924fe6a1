#pragma once
// Which ended jobs are forgotten: those whose time is over, failed ones that are too many, and those an operator removes.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "broker/redis/record.h"
#include "broker/redis/server.h"

namespace conduitd::broker::redis {

/// An ended job and its record, or the head of it.
struct Ended {
  std::string ulid;
  FinalRecord record;
};
/// Forgets ended jobs of one queue and one status whose records are still these; the number of them.
boost::asio::awaitable<Result<std::size_t>> forget(Server& server, std::string queue, std::vector<Ended> jobs);

/// Takes expired records out of the indexes, and failed ones beyond Options::failed_max out of the store.
boost::asio::awaitable<Result<>> prune(Server& server, std::vector<std::string> queues, WallTime now);

}  // namespace conduitd::broker::redis
