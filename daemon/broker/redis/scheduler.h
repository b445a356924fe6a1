#pragma once
// Schedules: a hash for each in the slot of its queue, and a registry that says in which queue to look.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "broker/redis/lanes.h"
#include "broker/schedules.h"

namespace conduitd::broker::redis {

/// Says the same as Schedules. Owned by the broker.
class Scheduler {
 public:
  Scheduler(Server& server, Lanes& lanes) : server_(server), lanes_(lanes) {}

  boost::asio::awaitable<Result<>> define(std::vector<job::Schedule> schedules, Millis interval);
  boost::asio::awaitable<Result<>> add(job::Schedule schedule);
  boost::asio::awaitable<Result<ScheduleList>> list();
  boost::asio::awaitable<Result<bool>> fire(Firing firing);
  boost::asio::awaitable<Result<std::string>> run(std::string name);
  boost::asio::awaitable<Result<>> set_paused(std::string name, bool paused);
  boost::asio::awaitable<Result<>> remove(std::string name);

 private:
  boost::asio::awaitable<Result<std::string>> key_of(std::string name);
  /// The last job that was submitted, if what was decided from `kept` still stands. `by_hand`: in a pause too, and later
  /// times do not wait for it.
  boost::asio::awaitable<Result<std::optional<std::string>>> submit(Firing firing, std::string queue, Reply kept, bool by_hand);
  boost::asio::awaitable<Result<>> move(std::string from, std::string to);

  Server& server_;
  Lanes& lanes_;
};

}  // namespace conduitd::broker::redis
