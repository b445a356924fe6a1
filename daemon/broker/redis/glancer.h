#pragma once
// How many jobs stand, at one look.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "broker/flows.h"
#include "broker/redis/finder.h"

namespace conduitd::broker::redis {

class Glancer {
 public:
  Glancer(Server& server, Finder& finder) : server_(server), finder_(finder) {}

  boost::asio::awaitable<Result<std::vector<Glance>>> look(std::vector<std::string> ids, bool with_results);
  boost::asio::awaitable<Result<ChildPage>> children(std::vector<std::string> queues, std::string parent, std::string cursor, std::size_t limit);

 private:
  Server& server_;
  Finder& finder_;
};

}  // namespace conduitd::broker::redis
