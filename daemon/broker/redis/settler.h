#pragma once
// Everything done under a lease: renew, report, settle, and take back from those who let it end.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/redis/held.h"
#include "broker/redis/lanes.h"
#include "broker/redis/record.h"

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
  std::string action;            ///< complete, failed, cancelled, retry, release, unread
  job::Settlement::Charge charge = job::Settlement::Charge::nothing;
  job::FailureReason reason = job::FailureReason::none;
  Millis retry_after{0};
  std::string tail;
};

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
  boost::asio::awaitable<Result<std::vector<LeaseState>>> touch(std::vector<job::Report> reports, bool renew);

  Server& server_;
  HeldLeases& held_;
};

}  // namespace conduitd::broker::redis
