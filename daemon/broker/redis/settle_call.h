#pragma once
// Endings of attempts, gathered into the script calls that apply them. Pure.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/redis/record.h"
#include "broker/redis/server.h"

namespace conduitd::broker::redis {

/// One attempt to be ended, as settle.lua wants it.
struct Ending {
  std::string queue;
  std::string task;
  std::string ulid;
  LeaseHandle handle;
  std::string owner;             ///< who must hold the entry
  std::uint32_t deliveries = 1;  ///< and how often it must have been delivered
  Millis idle{0};                ///< and for how long nobody may have renewed it
  std::uint32_t attempt = 0;
  std::string settler;           ///< whose repetition of this is "repeated"; empty: nobody's
  std::string action;            ///< complete, failed, cancelled, expired, retry, release, unread
  job::Settlement::Charge charge = job::Settlement::Charge::nothing;
  job::FailureReason reason = job::FailureReason::none;
  Millis retry_after{0};
  std::string tail;
  std::string args;  ///< of a plain entry (LeaseHandle::plain); empty: they are read from it
  bool silent = false;  ///< nothing of the job is kept beside its entry, unless it was asked to stop
};

/// So many bytes of results and arguments are in one call.
inline constexpr std::size_t kMostBytesInCall = std::size_t{8} * 1024 * 1024;
/// Of attempts that go on between the first and the last of a batch so many are looked at with it; for more, each job is asked for.
inline constexpr std::size_t kOthersBetween = 64;

/// A call of settle.lua or finish.lua for jobs of one queue and one owner.
class SettleCall {
 public:
  /// True if finish.lua can do it.
  [[nodiscard]] static bool is_common(const Ending& ending);

  SettleCall(const Server& server, const Ending& first, bool common);
  /// `position` is the ending's place in the batch.
  void add(Ending&& ending, std::size_t position);
  [[nodiscard]] bool full() const;
  void send(Batch& batch) const;
  /// Which endings the elements of the reply are of.
  [[nodiscard]] const std::vector<std::size_t>& positions() const { return positions_; }

 private:
  void add_common(Ending&& ending);
  void add_any(Ending&& ending);

  const Server& server_;
  QueueKeys keys_;
  std::string owner_;
  bool common_;
  /// Of a common call.
  struct Stream {
    std::string key;
    std::string mark;
    EntryId first;
    EntryId last;
    std::size_t jobs = 0;
  };
  std::vector<Stream> streams_;
  Words job_keys_;
  Words job_args_;
  std::vector<std::size_t> positions_;
  std::size_t bytes_ = 0;
};

}  // namespace conduitd::broker::redis
