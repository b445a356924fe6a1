#pragma once
// A Redis Cluster as the server of this folder: which node has what, and a connection to each.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/task_group.h"
#include "broker/redis/connection.h"
#include "broker/redis/routing.h"

namespace conduitd::broker::redis {

/// Owned by Server. Thread, failure: as Connection; its errors name the cluster. What some nodes have answered is lost with the
/// error of another: nothing is known of a batch that failed.
/// Stop: close(); it must have completed before destruction.
class Cluster {
 public:
  Cluster(boost::asio::any_io_executor executor, Clock& clock, RedisEndpoint endpoint, std::string client_name, Millis timeout);

  /// One reply for each step. To several nodes at once; a step that its node refers to another is sent there, within the deadline.
  boost::asio::awaitable<Result<std::vector<Reply>>> exec(std::vector<RoutedStep> steps, std::string doing);
  /// One command to every primary: their names and replies.
  boost::asio::awaitable<Result<std::vector<std::pair<std::string, Reply>>>> exec_on_each(std::vector<std::string> words);

  /// Where to dial for a key; or for what any node can do, another one each time.
  [[nodiscard]] RedisEndpoint node_of(std::string_view key);
  [[nodiscard]] RedisEndpoint any_node();
  /// Somebody was told that a slot is elsewhere: the map is learned anew before it is used next.
  void doubt() { doubted_ = true; }

  boost::asio::awaitable<void> close();

 private:
  struct Round;

  [[nodiscard]] RedisEndpoint at(const RedisAddress& node) const;
  Connection& connection(const RedisAddress& node);
  boost::asio::awaitable<Result<>> learn();
  boost::asio::awaitable<Result<SlotMap>> ask(RedisAddress node);
  boost::asio::awaitable<Result<>> send(std::vector<Parcel> parcels, Routing& routing);
  boost::asio::awaitable<void> send_one(std::shared_ptr<Round> round, std::size_t number, RedisAddress node, Pipeline commands);
  boost::asio::awaitable<void> pause(Millis time);

  boost::asio::any_io_executor executor_;
  Clock& clock_;
  RedisEndpoint endpoint_;
  std::string name_;
  std::string client_name_;
  Millis timeout_;
  SlotMap map_;
  bool doubted_ = true;
  std::string excuse_;   ///< what stood in the way last
  bool learning_ = false;
  bool closed_ = false;
  std::size_t turn_ = 0;  ///< of any_node() and of whom to ask
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Connection>> connections_;
  TaskGroup tasks_;
};

}  // namespace conduitd::broker::redis
