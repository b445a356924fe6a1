#pragma once
// One server as the rest of this folder sees it: commands and scripts in batches, and who we are to it.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "broker/broker.h"
#include "broker/redis/cluster.h"
#include "broker/redis/connection.h"
#include "broker/redis/entry.h"
#include "broker/redis/keys.h"
#include "broker/redis/scripts.h"

namespace conduitd::broker::redis {

using Words = std::vector<std::string>;

/// How many jobs one script call names at most: each call holds up everybody else's for its time.
inline constexpr std::size_t kMostInCall = 100;
/// How often a change is tried again that somebody else's came before.
inline constexpr int kMostTries = 10;

/// Commands and script calls that go out together and are applied in order (not as one transaction). In a cluster the order is that
/// of each slot alone: what must come after something in another slot goes into a batch of its own.
class Batch {
 public:
  Batch& command(std::initializer_list<std::string_view> words);
  Batch& command(const Words& words);
  Batch& script(Script script, const Words& keys, const Words& args);
  Batch& script(Script script, const std::vector<std::string_view>& keys, const std::vector<std::string_view>& args);
  [[nodiscard]] bool empty() const { return pipeline_.empty(); }

 private:
  friend class Server;
  struct Call {
    std::size_t position;
    Script script;
  };
  Batch& add(const std::vector<std::string_view>& words);
  [[nodiscard]] std::vector<RoutedStep> steps();
  [[nodiscard]] std::string_view step(std::string_view bytes, std::size_t position) const;

  Pipeline pipeline_;
  std::vector<std::size_t> ends_;                 // of each step in the pipeline's bytes
  std::vector<Call> calls_;
};

using Replies = std::vector<Reply>;

/// Thread, failure: as Connection. Owned by the broker; everything else in this folder holds a reference.
class Server {
 public:
  Server(boost::asio::any_io_executor executor, Clock& clock, RedisEndpoint endpoint, Options options);

  /// One reply for each step. The first error reply makes the whole an error.
  boost::asio::awaitable<Result<Replies>> exec(Batch batch);
  /// The same, but an error reply that a stream or its group is not there, or is there already, is a reply.
  boost::asio::awaitable<Result<Replies>> exec_lenient(Batch batch);
  /// The reply of one script.
  boost::asio::awaitable<Result<Reply>> call(Script script, Words with_keys, Words args);

  /// The reply of one command, of every primary that there is, with its name.
  boost::asio::awaitable<Result<std::vector<std::pair<std::string, Reply>>>> ask_each(Words words);

  /// Queues lie on several nodes, and no call reaches the keys of two.
  [[nodiscard]] bool is_cluster() const { return cluster_ != nullptr; }
  /// For connections besides this one: where the node of a key is, and where any node is.
  [[nodiscard]] RedisEndpoint node_of(std::string_view key) { return cluster_ ? cluster_->node_of(key) : endpoint; }
  [[nodiscard]] RedisEndpoint any_node() { return cluster_ ? cluster_->any_node() : endpoint; }
  /// Such a connection was told that a key is elsewhere.
  void doubt() {
    if (cluster_) cluster_->doubt();
  }

  [[nodiscard]] const std::string& name() const { return main_.server(); }
  [[nodiscard]] Error error_of(ReplyView reply, std::string_view doing) const;
  /// An id that leads to no place; later ones sort after earlier ones.
  [[nodiscard]] job::Ulid fresh_ulid();
  boost::asio::awaitable<void> close();

  const boost::asio::any_io_executor executor;
  const RedisEndpoint endpoint;
  const Options options;
  const SpaceKeys keys;

 private:
  boost::asio::awaitable<Result<>> repeat_unknown(Batch batch, std::string bytes, Replies& replies);

  Clock& clock_;
  Connection main_;                   // to a server that stands alone
  std::unique_ptr<Cluster> cluster_;  // or nothing
  std::mt19937_64 random_{std::random_device{}()};
  EntryId last_fresh_;
};

}  // namespace conduitd::broker::redis
