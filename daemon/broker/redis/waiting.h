#pragma once
// Jobs that wait, and how they are ended from outside: cancelled, expired or forgotten.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "broker/redis/entry.h"
#include "broker/redis/server.h"

namespace conduitd::broker::redis {

/// A job that is to be ended, and where it was seen last.
struct Waiting {
  std::string ulid;
  std::string task;
  Lane lane = 5;                 ///< of the stream it stands in
  std::optional<EntryId> entry;  ///< nothing: it waits for its time
  int priority = 5;
  Ties ties;
};

enum class EndOutcome : std::uint8_t {
  not_there,  ///< it has moved or ended: look again
  ended,
  asked,      ///< it runs, and was asked to stop
  running,
};

/// The keys and words by which waiting.lua knows a job.
void add_waiting(Words& names, Words& args, const QueueKeys& keys, const Waiting& job);

/// Ends jobs of one queue, with `status` cancelled or expired; without one it forgets them.
/// `failure` is kept on the records.
boost::asio::awaitable<Result<std::vector<EndOutcome>>> end_waiting(Server& server, std::string queue,
                                                                    std::optional<job::JobStatus> status,
                                                                    std::vector<Waiting> jobs,
                                                                    std::optional<job::Failure> failure = std::nullopt);

}  // namespace conduitd::broker::redis
