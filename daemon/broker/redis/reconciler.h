#pragma once
// Finds what a hand or a fault has left behind that no lease covers and nothing else would move, and mends it. It reads pages of
// our own lists, and the scripts that mend look again before they do.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/redis/lanes.h"
#include "broker/redis/record.h"

namespace conduitd::broker::redis {

/// Owned by the broker. Thread: the executor's. One worker at a time does it for all; the others are told nothing.
class Reconciler {
 public:
  Reconciler(Server& server, Lanes& lanes) : server_(server), lanes_(lanes) {}
  boost::asio::awaitable<Result<std::vector<Mended>>> run();

 private:
  using List = std::vector<Mended>;

  boost::asio::awaitable<Result<bool>> is_our_turn();
  /// Those of a stream's entries that wait for their turn under a limit.
  boost::asio::awaitable<Result<std::set<std::string>>> parked_of(std::string queue, LaneName lane, std::vector<std::string> entries);
  /// Entries that were delivered and are pending with nobody.
  boost::asio::awaitable<Result<>> mend_lane(std::string queue, LaneName lane, List& out);
  /// Jobs that were put into a stream and have no entry there.
  boost::asio::awaitable<Result<>> mend_placed(std::string queue, List& out);
  /// Members of due without a job.
  boost::asio::awaitable<Result<>> mend_due(std::string queue, List& out);
  /// Jobs that wait for a time which due does not know.
  boost::asio::awaitable<Result<>> mend_waiting(std::string queue, job::JobStatus status, List& out);
  /// Members of an index without a record.
  boost::asio::awaitable<Result<>> mend_index(std::string queue, job::JobStatus status);
  /// The next page of a zset; after the last one the first again.
  boost::asio::awaitable<Result<std::vector<std::string>>> next_members(std::string key);

  Server& server_;
  Lanes& lanes_;
  std::map<std::string, EntryId> entries_seen_;     // of each stream: how far the last look went
  std::map<std::string, std::size_t> members_seen_;  // of each zset, by rank
};

}  // namespace conduitd::broker::redis
