#pragma once
// A Redis of its own for each test, one server or a cluster, and brokers on it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "broker/open.h"
#include "support/loop.h"
#include "support/redis_server.h"
#include "support/result_matchers.h"

namespace conduitd::test {

/// `Server` is RedisServer or RedisCluster. It keeps its data over a restart.
template <class Server>
class RedisFixture : public ::testing::Test {
 protected:
  explicit RedisFixture(Millis lease) : lease_(lease) {}

  void TearDown() override {
    for (auto& connection : connections_) test::run(io_, connection.broker->close(), Millis{30'000});
  }

  broker::Connection& connect(const std::string& worker, Millis timeout = Millis{5'000}, std::optional<Millis> lease = std::nullopt) {
    broker::Options options;
    options.url = server_.url();
    options.worker = worker;
    options.lease = lease.value_or(lease_);
    options.command_timeout = timeout;
    connections_.push_back(must(run(broker::open(io_.get_executor(), clock_, std::move(options)))));
    return connections_.back();
  }
  template <class T>
  T run(boost::asio::awaitable<T> work) {
    return test::run(io_, std::move(work), Millis{30'000});
  }
  static std::vector<job::NewJob> jobs(std::size_t count, const std::string& task = "a.task") {
    std::vector<job::NewJob> out(count);
    for (auto& job : out) job.task = task;
    return out;
  }
  static broker::ClaimRequest request(std::size_t most, Millis wait = Millis{0}, const std::vector<std::string>& queues = {"default"}) {
    broker::ClaimRequest out;
    out.groups.push_back({most, {}});
    for (const auto& queue : queues) out.groups.back().sources.push_back({queue, "a.task"});
    out.wait = wait;
    return out;
  }
  static std::vector<job::Settlement> completed(const std::vector<job::Claim>& claims) {
    std::vector<job::Settlement> out;
    for (const auto& claim : claims) {
      job::Settlement settlement;
      settlement.lease = claim.lease;
      settlement.result = "1";
      out.push_back(std::move(settlement));
    }
    return out;
  }
  /// Asks again until it works, and says how long that took.
  Millis until_it_works(const std::function<bool()>& works) {
    const auto began = clock_.now();
    while (!works()) {
      if (clock_.now() - began > Millis{30'000}) throw std::runtime_error("it does not work again");
      run_for(io_, Millis{5});
    }
    return std::chrono::floor<Millis>(clock_.now() - began);
  }

 private:
  static RedisSetup durable() {
    RedisSetup setup;
    setup.append_only = true;
    return setup;
  }
  const Millis lease_;

 protected:
  boost::asio::io_context io_;
  SystemClock clock_;
  Server server_{durable()};
  std::list<broker::Connection> connections_;
};

}  // namespace conduitd::test
