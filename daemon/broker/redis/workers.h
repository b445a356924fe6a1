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
  /// Errc::unsupported for a server that drops keys when its memory is full, if this is a worker and that is not allowed.
  boost::asio::awaitable<Result<>> check_eviction();
  /// Whether what is kept here is of a version that this program knows. A worker that finds nothing writes its own.
  boost::asio::awaitable<Result<>> check_store();

 private:
  /// What is wrong with the server's maxmemory-policy, by its INFO memory; empty if nothing.
  [[nodiscard]] std::string eviction_fault(std::string_view server, std::string_view memory) const;

  Server& server_;
  Lanes& lanes_;
};

}  // namespace conduitd::broker::redis
