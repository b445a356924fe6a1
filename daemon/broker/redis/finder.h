#pragma once
// From a job's id to where it is now and what is known of it.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "broker/directory.h"
#include "broker/redis/lanes.h"
#include "broker/redis/record.h"
#include "broker/redis/waiting.h"

namespace conduitd::broker::redis {

/// A job as it was found.
struct Found {
  job::JobId id;
  job::JobRecord record;
  std::optional<FinalRecord> final;  ///< of an ended job
  std::optional<Waiting> waiting;    ///< of any other, running ones included
};

class Finder {
 public:
  Finder(Server& server, Lanes& lanes) : server_(server), lanes_(lanes) {}

  /// How much is read of the records of ended jobs.
  enum class Read : std::uint8_t { whole, head };

  /// Nothing if there is no such job. Errc::invalid_argument if `id` is no job id.
  boost::asio::awaitable<Result<std::optional<Found>>> find(std::string id);
  /// The same for many, in order; a few round trips for all of them.
  boost::asio::awaitable<Result<std::vector<std::optional<Found>>>> find_all(std::vector<std::string> ids, Read read);
  boost::asio::awaitable<Result<LogPage>> logs(std::string id, std::string cursor, std::size_t limit);

 private:
  struct Standing {
    std::string task;
    Lane lane = 5;
    EntryId entry;
  };
  using Many = std::vector<std::optional<Found>>;
  boost::asio::awaitable<Result<Many>> look(std::vector<job::JobId> ids, Read read);
  boost::asio::awaitable<Result<std::optional<Standing>>> standing_of(const job::JobId& id, ReplyView said);

  Server& server_;
  Lanes& lanes_;
};

/// A job that waits for its time, from its hash.
[[nodiscard]] std::optional<Found> found_in_hash(const job::JobId& id, ReplyView said);
/// A job in a stream. `pending` is its row in the pending list, or nil.
[[nodiscard]] Found found_in_stream(const job::JobId& id, const std::string& task, Lane lane, EntryId entry,
                                    ReplyView fields, ReplyView pending, ReplyView said, WallTime now);

}  // namespace conduitd::broker::redis
