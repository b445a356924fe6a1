#pragma once
// What any worker does now and then for all: due jobs to their queues, jobs of dead workers back, old index entries out.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "broker/redis/followers.h"
#include "broker/redis/lanes.h"
#include "broker/redis/settler.h"
#include "broker/redis/waiting.h"

namespace conduitd::broker::redis {

class Upkeep {
 public:
  Upkeep(Server& server, Lanes& lanes, Settler& settler, Followers& followers)
      : server_(server), lanes_(lanes), settler_(settler), followers_(followers) {}

  boost::asio::awaitable<Result<Promotion>> promote_due(std::size_t most);
  boost::asio::awaitable<Result<Reclaimed>> reclaim_expired(ReclaimRequest request);

 private:
  boost::asio::awaitable<Result<std::size_t>> promote(std::string queue, std::vector<std::string> members);
  boost::asio::awaitable<Result<std::size_t>> expire(std::string queue, std::vector<std::string> members);
  boost::asio::awaitable<Result<>> find_ties(const std::string& queue, std::vector<Waiting>& jobs);
  boost::asio::awaitable<Result<std::vector<Ending>>> find_expired(ReclaimRequest request);

  Server& server_;
  Lanes& lanes_;
  Settler& settler_;
  Followers& followers_;
};

}  // namespace conduitd::broker::redis
