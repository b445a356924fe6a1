#pragma once
// Who is there: workers, the tasks they have, and what an operator must know of the server.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "broker/directory.h"
#include "broker/redis/lanes.h"

namespace conduitd::broker::redis {

class Workers {
 public:
  Workers(Server& server, Lanes& lanes) : server_(server), lanes_(lanes) {}

  boost::asio::awaitable<Result<>> heartbeat(WorkerInfo worker, std::vector<TaskInfo> tasks, Millis interval);
  boost::asio::awaitable<Result<>> farewell(std::string worker);
  boost::asio::awaitable<Result<std::vector<TaskInfo>>> tasks();
  boost::asio::awaitable<Result<std::vector<WorkerInfo>>> workers();
  boost::asio::awaitable<Result<std::vector<std::string>>> warnings();
  /// Errc::unsupported for a server that is too old.
  boost::asio::awaitable<Result<>> check_version();
  /// Whether what is kept here is of a version that this program knows. A worker that finds nothing writes its own.
  boost::asio::awaitable<Result<>> check_store();

 private:
  Server& server_;
  Lanes& lanes_;
};

}  // namespace conduitd::broker::redis
