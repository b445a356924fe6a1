#pragma once
// Limits in a cluster: what they count lies in the slots of many queues, what they remember in that of the namespace, and no script sees
// both. So workers admit jobs in turn. A turn has a number; each queue that is counted remembers the highest, and takes nothing that an earlier
// turn has decided: a worker that was held up beyond its turn is refused, whatever the clocks say.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/redis/server.h"

namespace conduitd::broker::redis {

/// What a turn writes into the namespace's slot.
class Writes {
 public:
  /// The key is the first word.
  void add(std::string_view command, const std::string& key, const Words& words);
  [[nodiscard]] bool empty() const { return args_.empty(); }

 private:
  friend class Turn;
  Words keys_;
  Words args_;
};

/// Thread: the executor's. end() must be awaited once begin() said yes; a turn that is not ended is over by itself in two seconds.
class Turn {
 public:
  explicit Turn(Server& server) : server_(server) {}

  /// Waits for it a while. No: another has it still.
  boost::asio::awaitable<Result<bool>> begin();
  /// The same turn by a number above this one, which a queue knows: the namespace's count was lost.
  boost::asio::awaitable<Result<bool>> raise_above(std::int64_t number);
  [[nodiscard]] const std::string& number() const { return number_; }
  /// No: the turn is over, and nothing was written.
  boost::asio::awaitable<Result<bool>> write(Writes writes);
  /// With the last that is to be written, if it is not over.
  boost::asio::awaitable<void> end(Writes last);

 private:
  boost::asio::awaitable<Result<bool>> ask(std::int64_t above);

  Server& server_;
  std::string turn_;
  std::string number_;
};

}  // namespace conduitd::broker::redis
