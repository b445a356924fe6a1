#pragma once
// Jobs that run after others, which may stand in other queues: who holds whom, and how they are let go.

#include <boost/asio/awaitable.hpp>
#include <deque>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "broker/redis/glancer.h"

namespace conduitd::broker::redis {

/// Owned by the broker. Thread: the executor's. Stop: close(). Every step may be done twice, and by several workers.
class Followers {
 public:
  Followers(Server& server, Glancer& glancer, Finder& finder);

  /// Sees to it that the end of whatever holds a job lets it go, and looks whether it has ended before.
  boost::asio::awaitable<Result<>> bind(std::string queue, DueMember follower);
  /// Lets go what was held by those of these jobs that have ended.
  boost::asio::awaitable<Result<>> release(std::vector<std::string> ids);
  /// The same, when there is time: what is missed is found when held jobs are looked at again.
  void freed(std::string_view ids);
  boost::asio::awaitable<void> close();

 private:
  boost::asio::awaitable<void> release_freed();
  boost::asio::awaitable<Result<>> cancel(std::string id, std::vector<Glance> holders);

  Server& server_;
  Glancer& glancer_;
  Finder& finder_;
  std::deque<std::string> freed_;
  bool releasing_ = false;
  TaskGroup tasks_;
};

}  // namespace conduitd::broker::redis
