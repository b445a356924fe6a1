#pragma once
// Everything done under a lease: renew, report, settle, and take back from those who let it end.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/redis/complete_call.h"
#include "broker/redis/held.h"
#include "broker/redis/lanes.h"
#include "broker/redis/settle_call.h"

namespace conduitd::broker::redis {

class Settler {
 public:
  enum class Outcome : std::uint8_t { lost, applied, repeated, cancelled };

  Settler(Server& server, HeldLeases& held) : server_(server), held_(held) {}

  boost::asio::awaitable<Result<std::vector<Settled>>> settle(std::vector<job::Settlement> settlements);
  boost::asio::awaitable<Result<std::vector<LeaseState>>> extend(std::vector<job::Lease> leases);
  boost::asio::awaitable<Result<std::vector<LeaseState>>> report(std::vector<job::Report> reports);
  /// One outcome for each, in order.
  boost::asio::awaitable<Result<std::vector<Outcome>>> end(std::vector<Ending> endings);

 private:
  void let_go(const job::Lease& lease);
  [[nodiscard]] std::vector<CompleteCall> completed(const std::vector<Ending>& endings) const;
  boost::asio::awaitable<Result<std::vector<LeaseState>>> touch(std::vector<job::Report> reports, bool renew);

  Server& server_;
  HeldLeases& held_;
};

}  // namespace conduitd::broker::redis
