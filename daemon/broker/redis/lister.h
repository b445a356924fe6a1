#pragma once
// Pages of jobs, newest first, merged from streams and indexes that are each in the order of ids.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "broker/redis/finder.h"

namespace conduitd::broker::redis {

class Lister {
 public:
  Lister(Server& server, Lanes& lanes) : server_(server), lanes_(lanes) {}

  boost::asio::awaitable<Result<JobPage>> list(JobFilter filter);
  /// Some jobs of a queue, or of a task in it, that wait in its streams or for their time, at most `most` of each kind.
  boost::asio::awaitable<Result<std::vector<Waiting>>> waiting(std::string queue, std::string task, std::size_t most);

 private:
  /// One job in one of the lists that are merged.
  struct Item {
    std::string order;  ///< "<ulid>:<queue>": the ulid of its place if it stands in a stream
    job::JobId id;
    job::JobStatus status = job::JobStatus::queued;
    LaneName lane;      ///< in a stream
    EntryId entry;
    std::shared_ptr<Reply> page;  ///< holds `fields`
    std::size_t position = 0;
  };
  using Items = std::vector<Item>;

  boost::asio::awaitable<Result<Items>> gather(JobFilter filter, std::vector<std::string> queues, std::string before,
                                               std::size_t most);
  boost::asio::awaitable<Result<Items>> from_streams(JobFilter filter, std::string queue, std::string before,
                                                     std::size_t most);
  boost::asio::awaitable<Result<Items>> from_indexes(JobFilter filter, std::string queue, std::string before,
                                                     std::size_t most);
  /// Nothing for those that have gone or moved in the meantime.
  boost::asio::awaitable<Result<std::vector<std::optional<Found>>>> details(Items items);

  Server& server_;
  Lanes& lanes_;
};

}  // namespace conduitd::broker::redis
