#pragma once
// A Redis Cluster of three primaries on free ports of 127.0.0.1, each with a third of the slots.

#include <memory>
#include <string>
#include <vector>

#include "support/redis_server.h"

namespace conduitd::test {

/// All agree that the cluster is whole when the constructor returns, which takes seconds. Throws std::runtime_error if that cannot be had.
class RedisCluster {
 public:
  explicit RedisCluster(RedisSetup setup = {});
  ~RedisCluster();
  RedisCluster(const RedisCluster&) = delete;
  RedisCluster& operator=(const RedisCluster&) = delete;

  /// redis-cluster://, of the nodes in the order in which they were made.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] RedisServer& node(std::size_t number) { return *nodes_.at(number); }
  /// The node that serves a key now.
  [[nodiscard]] RedisServer& node_of(const std::string& key);
  /// Its number.
  [[nodiscard]] std::size_t number_of(const std::string& key);

  /// Stops all in an orderly way, and starts them again on the same data.
  void restart();
  /// Forgets all keys, on all nodes.
  void wipe();
  /// Makes one more node, a replica of that one, and waits until it has its data.
  RedisServer& add_replica_of(std::size_t number);
  /// Waits until a replica has all that its primary has now.
  void wait_until_copied(RedisServer& primary, RedisServer& replica);

  /// Moves the slot of a key to another node, in three steps: the two are told, keys go over, all are told.
  void begin_move(const std::string& key, std::size_t to);
  /// At most so many keys; how many there were.
  std::size_t move_keys(std::size_t most);
  void end_move();

  /// Until every node that answers says that all slots are served.
  void wait_until_whole();

  /// Runs one command where its key, the word `at`, is.
  std::string command(const std::vector<std::string>& words, std::size_t at = 1);

 private:
  std::unique_ptr<RedisServer> make_node();
  void meet(const RedisServer& other, int bus_port);

  struct Move {
    std::string slot;
    std::size_t from = 0;
    std::size_t to = 0;
  };
  Move move_;
  RedisSetup setup_;
  std::vector<std::unique_ptr<RedisServer>> nodes_;
  std::vector<int> bus_ports_;
};

}  // namespace conduitd::test
