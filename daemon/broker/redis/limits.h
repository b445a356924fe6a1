#pragma once
// What a claim tells claim.lua of limits: as JSON, with the keys it speaks of.

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/redis/lanes.h"

namespace conduitd::broker::redis {

/// The keys of a script call; what is asked for by number(), once.
class KeyList {
 public:
  explicit KeyList(Words keys) : keys_(std::move(keys)) {}
  [[nodiscard]] const Words& keys() const { return keys_; }
  /// Its number among the KEYS of a script, from 1.
  std::size_t number(const std::string& key);
  [[nodiscard]] Words take() { return std::move(keys_); }

 private:
  Words keys_;
  std::map<std::string, std::size_t> numbers_;
};

/// Owned by the claimer. Thread: the executor's.
class Limits {
 public:
  Limits(Server& server, Lanes& lanes) : server_(server), lanes_(lanes) {}

  /// It has no key (any more), but jobs that are still sorted by one.
  [[nodiscard]] bool is_drained(const std::string& task) const { return drained_.contains(task); }

  /// What a claim's request says of limits, for those of the queues and streams that the call names.
  struct Told {
    std::string json;                          ///< empty: nothing is limited
    std::map<std::string, std::size_t> tasks;  ///< number of what limits a task, from 1
    std::set<std::string> queues;              ///< limited ones
  };
  /// To be called before the first tell() of a look: finds out which tasks without a key have jobs that are still sorted by one.
  boost::asio::awaitable<Result<>> prepare(const ClaimRequest& request);
  [[nodiscard]] bool drains() const { return !drained_.empty(); }
  /// The streams of the call are the keys from `first_stream` on.
  Told tell(const ClaimRequest& request, const std::vector<std::string>& queues, std::size_t first_stream, KeyList& keys);
  /// Of very many values of a task's key so many were looked at in vain: the next tell() of this look goes on.
  void go_on(const Told& told, ReplyView circles);

 private:
  struct Circle {
    std::string since;
    bool wrapped = false;
  };

  Server& server_;
  Lanes& lanes_;
  std::map<std::string, Circle> circles_;  // by task
  std::set<std::string> plain_;    // tasks without a key, and none of whose jobs are sorted by one
  std::set<std::string> drained_;  // tasks without a key some of whose jobs are
};

}  // namespace conduitd::broker::redis
