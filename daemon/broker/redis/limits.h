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

/// The keys of a script call, each once.
class KeyList {
 public:
  explicit KeyList(Words keys);
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

  /// What a claim's request says of limits, for those of the queues and streams that the call names.
  struct Told {
    std::string json;                          ///< empty: nothing is limited
    std::map<std::string, std::size_t> tasks;  ///< number of what limits a task
    std::set<std::string> queues;              ///< limited ones
  };
  /// To be called before tell(): finds out which tasks without a key have jobs that are still sorted by one.
  boost::asio::awaitable<Result<>> prepare(const ClaimRequest& request);
  /// `streams` are those of the call, in its order.
  Told tell(const ClaimRequest& request, const std::vector<std::string>& queues, const std::vector<std::string>& streams, KeyList& keys);

 private:
  Server& server_;
  Lanes& lanes_;
  std::set<std::string> plain_;    // tasks without a key, and none of whose jobs are sorted by one
  std::set<std::string> drained_;  // tasks without a key some of whose jobs are
};

}  // namespace conduitd::broker::redis
