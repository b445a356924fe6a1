#pragma once
// A cluster of its own for each test, and brokers on it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <list>
#include <set>
#include <string>
#include <vector>

#include "broker/open.h"
#include "support/loop.h"
#include "support/redis_cluster.h"
#include "support/result_matchers.h"

namespace conduitd::test {

class ClusterFixture : public ::testing::Test {
 protected:
  static RedisSetup durable() {
    RedisSetup setup;
    setup.append_only = true;
    return setup;
  }

  void TearDown() override {
    for (auto& connection : connections_) test::run(io_, connection.broker->close(), Millis{30'000});
  }

  broker::Connection& connect(const std::string& worker, Millis timeout = Millis{5'000}, Millis lease = Millis{15'000}) {
    broker::Options options;
    options.url = cluster_.url();
    options.worker = worker;
    options.lease = lease;
    options.command_timeout = timeout;
    connections_.push_back(must(run(broker::open(io_.get_executor(), clock_, std::move(options)))));
    return connections_.back();
  }
  template <class T>
  T run(boost::asio::awaitable<T> work) {
    return test::run(io_, std::move(work), Millis{30'000});
  }
  static std::vector<job::NewJob> jobs(std::size_t count, const std::string& queue = "default") {
    std::vector<job::NewJob> out(count);
    for (auto& job : out) {
      job.task = "a.task";
      job.queue = queue;
    }
    return out;
  }
  std::vector<std::string> submit(broker::Connection& c, std::size_t count, const std::string& queue = "default") {
    std::vector<std::string> out;
    for (auto& one : must(run(c.broker->enqueue(jobs(count, queue))))) out.push_back(one.id);
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
  /// Asks again until it works.
  void until_it_works(const std::function<bool()>& works) {
    const auto began = clock_.now();
    while (!works()) {
      if (clock_.now() - began > Millis{30'000}) throw std::runtime_error("it does not work again");
      run_for(io_, Millis{5});
    }
  }
  /// How often a node has answered with an error of that kind.
  static std::size_t errors(RedisServer& node, const std::string& kind) {
    const auto info = node.command({"INFO", "errorstats"});
    const auto at = info.find("errorstat_" + kind + ":count=");
    return at == std::string::npos ? 0 : std::stoul(info.substr(at + 17 + kind.size()));
  }
  job::JobStatus status(broker::Connection& c, const std::string& id) { return must(run(c.directory->find(id))).value().status; }

  boost::asio::io_context io_;
  SystemClock clock_;
  RedisCluster cluster_{durable()};
  std::list<broker::Connection> connections_;
};

}  // namespace conduitd::test
