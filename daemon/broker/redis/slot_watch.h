#pragma once
// The wait of a claim in a cluster: for something new in the streams of several queues, each of which is in a slot of its own.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "broker/redis/server.h"

namespace conduitd::broker::redis {

/// One blocking read for each queue, on a connection of its own to the node that has it. The reads take nothing: whoever waited looks
/// then, so that nothing can be lost on the way. The first to answer ends the wait; the others are ended by an entry in
/// a stream of their queue that is this worker's, and read along.
/// Owned by the claimer. Thread: the executor's. One wait at a time. Stop: close().
class SlotWatch {
 public:
  explicit SlotWatch(Server& server);

  struct Stream {
    std::string queue;
    std::string key;
    std::string last;  ///< the entry after which anything is new
  };
  /// Comes back when something is new, when wake() was called since the last wait began, or when `most` is over.
  /// Errc::unavailable if a node cannot be asked; a queue that has moved ends the wait, and is looked for anew.
  boost::asio::awaitable<Result<>> wait(std::vector<Stream> streams, Millis most);
  void wake();
  boost::asio::awaitable<void> close();

 private:
  struct Read;
  struct Round;

  Read& read_of(const std::string& queue);
  boost::asio::awaitable<void> read_one(std::shared_ptr<Round> round, std::string queue, std::vector<Stream> streams, Millis most);
  boost::asio::awaitable<void> poke();

  Server& server_;
  std::map<std::string, std::unique_ptr<Read>> reads_;  // by queue; of no queue if there is none to wait for
  bool poking_ = false;
  bool wanted_ = false;  ///< a wake-up that was not sent yet
  TaskGroup tasks_;

 public:
  ~SlotWatch();
};

}  // namespace conduitd::broker::redis
