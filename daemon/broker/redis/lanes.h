#pragma once
// Which streams a queue has. Kept in Redis, remembered here, written again when the server has lost it.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/redis/server.h"

namespace conduitd::broker::redis {

/// Owned by the broker. Thread: the executor's.
class Lanes {
 public:
  explicit Lanes(Server& server) : server_(server) {}

  /// What is remembered: lanes in order of name.
  [[nodiscard]] const std::set<LaneName>& known(const std::string& queue) const;
  /// The lanes of one task, in the order they are to be read.
  [[nodiscard]] std::vector<Lane> of_task(const std::string& queue, const std::string& task) const;
  [[nodiscard]] bool has_queue(const std::string& queue) const { return queues_.contains(queue); }

  [[nodiscard]] const std::map<std::string, std::set<LaneName>>& all() const { return queues_; }
  /// How many queues the namespace had when refresh_all() looked.
  [[nodiscard]] std::size_t registered() const { return registered_; }
  /// Reads the registries of all queues of the namespace anew.
  boost::asio::awaitable<Result<>> refresh_all();

  /// Reads these queues' registries anew.
  boost::asio::awaitable<Result<>> refresh(std::vector<std::string> queues);
  /// Names of all queues of the namespace.
  boost::asio::awaitable<Result<std::vector<std::string>>> all_queues();
  /// Makes sure that the registry has these lanes, before a job stands in one; tells workers of new ones.
  boost::asio::awaitable<Result<>> ensure(std::string queue, std::set<LaneName> lanes);
  /// The server counts fewer lanes than we know, so it has lost its data: registers all we know again.
  boost::asio::awaitable<Result<>> restore(std::string queue);

 private:
  boost::asio::awaitable<Result<>> announce(std::string queue, std::set<LaneName> lanes);

  Server& server_;
  std::map<std::string, std::set<LaneName>> queues_;
  std::size_t registered_ = 0;
};

}  // namespace conduitd::broker::redis
