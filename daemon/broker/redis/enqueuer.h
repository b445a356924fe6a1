#pragma once
// Accepts jobs: most as one XADD each, pipelined; those with a time, a deadline or a unique key by script.

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "broker/redis/lanes.h"

namespace conduitd::broker::redis {

class Enqueuer {
 public:
  Enqueuer(Server& server, Lanes& lanes) : server_(server), lanes_(lanes) {}
  boost::asio::awaitable<Result<std::vector<Enqueued>>> enqueue(std::vector<job::NewJob> jobs);

 private:
  Server& server_;
  Lanes& lanes_;
};

}  // namespace conduitd::broker::redis
