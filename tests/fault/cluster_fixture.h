#pragma once
// A cluster of its own for each test, and brokers on it.

#include "fault/redis_fixture.h"
#include "support/redis_cluster.h"

namespace conduitd::test {

class ClusterFixture : public RedisFixture<RedisCluster> {
 protected:
  ClusterFixture() : RedisFixture(Millis{15'000}) {}

  static std::vector<job::NewJob> jobs(std::size_t count, const std::string& queue = "default") {
    auto out = RedisFixture::jobs(count);
    for (auto& job : out) job.queue = queue;
    return out;
  }
  std::vector<std::string> submit(broker::Connection& c, std::size_t count, const std::string& queue = "default") {
    std::vector<std::string> out;
    for (auto& one : must(run(c.broker->enqueue(jobs(count, queue))))) out.push_back(one.id);
    return out;
  }
  /// How often a node has answered with an error of that kind.
  static std::size_t errors(RedisServer& node, const std::string& kind) {
    const auto info = node.command({"INFO", "errorstats"});
    const auto at = info.find("errorstat_" + kind + ":count=");
    return at == std::string::npos ? 0 : std::stoul(info.substr(at + 17 + kind.size()));
  }
  job::JobStatus status(broker::Connection& c, const std::string& id) { return must(run(c.directory->find(id))).value().status; }

  RedisCluster& cluster_ = server_;
};

}  // namespace conduitd::test
