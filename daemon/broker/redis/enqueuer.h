#pragma once
// Accepts jobs: most as one XADD each, pipelined; those with a time, a deadline or a key by script.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "broker/redis/followers.h"
#include "broker/redis/holder.h"
#include "broker/redis/lanes.h"

namespace conduitd::broker::redis {

class Enqueuer {
 public:
  Enqueuer(Server& server, Lanes& lanes, Finder& finder, Followers& followers, Glancer& glancer)
      : server_(server), lanes_(lanes), finder_(finder), followers_(followers), glancer_(glancer) {}
  /// `ulids`: of the jobs, if these have been chosen, which only jobs with a key of their own can have.
  boost::asio::awaitable<Result<std::vector<Enqueued>>> enqueue(std::vector<job::NewJob> jobs, std::vector<std::string> ulids = {});

 private:
  /// Jobs and what is known of them so far; `ulids` of plain ones are empty.
  struct Order {
    std::vector<job::NewJob> jobs;
    std::vector<std::string> ulids;
    std::vector<Enqueued> out;
    std::vector<std::size_t> open;  ///< those whose unique key must be looked at one by one, in order
  };
  boost::asio::awaitable<Result<>> send_all(Order& order);
  /// Claims must know of the first job that weighs more than one before it can be taken.
  boost::asio::awaitable<Result<>> announce_weights(const std::vector<job::NewJob>& jobs);
  /// Errc::not_found if a job is to run after one that does not exist.
  boost::asio::awaitable<Result<>> check_after(const std::vector<job::NewJob>& jobs);
  boost::asio::awaitable<Result<>> bind(const Order& order);
  /// One job whose unique key may be another's: perhaps takes it over, perhaps in that one's place.
  boost::asio::awaitable<Result<Enqueued>> settle_key(job::NewJob job, std::string ulid);

  Server& server_;
  Lanes& lanes_;
  Finder& finder_;
  Followers& followers_;
  Glancer& glancer_;
};

}  // namespace conduitd::broker::redis
