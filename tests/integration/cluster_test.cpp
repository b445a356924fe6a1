// The real conduitd on a Redis Cluster: jobs of several queues, so of several nodes, with limits, followers and a node that is replaced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/redis_cluster.h"
#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;

RedisSetup durable_nodes() {
  RedisSetup out;
  out.append_only = true;
  return out;
}

struct ClusterStore final : Store {
  ClusterStore() { latest = &cluster; }
  ~ClusterStore() override { latest = nullptr; }
  [[nodiscard]] std::string url() const override { return cluster.url(); }
  // To nodes that were not asked before, for each queue that is waited for, and for notices.
  [[nodiscard]] int late_descriptors() const override { return 12; }
  RedisCluster cluster{durable_nodes()};
  static inline RedisCluster* latest = nullptr;
};

class ClusterTest : public testing::Test {
 protected:
  ClusterTest() : place({"RedisCluster", [] { return std::make_unique<ClusterStore>(); }}) { place.install("misbehave"); }
  std::string submit_to(const std::string& queue, const std::string& args = "{}", std::vector<std::string> after = {}) {
    job::NewJob job;
    job.task = "misbehave.echo";
    job.queue = queue;
    job.args = args;
    job.after = std::move(after);
    return place.submit(std::move(job));
  }
  Workplace place;
};

TEST_F(ClusterTest, JobsOfAllQueuesRunUnderTheirLimitsAndAfterOthers) {
  place.top_config += "queues = [\"q1\", \"q2\", \"q3\", \"q4\"]\n";
  place.extra_config +=
      "[[queue]]\nname = \"q4\"\nconcurrency = 1\n"
      "[task.\"misbehave.echo\"]\nexecutor = \"thread\"\nconcurrency = { limit = 1, key = \"tenant\" }\n";
  place.start();
  std::vector<std::string> ids;
  for (int i = 0; i < 24; ++i) ids.push_back(submit_to("q" + std::to_string(1 + i % 4), R"({"tenant":)" + std::to_string(i % 3) + "}"));
  const auto last = submit_to("q2", R"({"tenant":9})", {ids[0], ids[1], ids[2], ids[3]});
  for (const auto& id : ids) EXPECT_EQ(place.ended(id).status, JobStatus::complete) << id;
  EXPECT_EQ(place.ended(last).status, JobStatus::complete);
}

TEST_F(ClusterTest, F34_WorkGoesOnWhenAPrimaryHasDiedAndItsReplicaIsPromoted) {
  place.top_config += "queues = [\"q1\", \"q2\", \"q3\", \"q4\"]\n";
  auto& cluster = *ClusterStore::latest;
  auto& worker = place.start();
  place.allowed.descriptors += 4;  // to the node that was promoted
  const auto number = cluster.number_of("{conduit:q1}:lanes");
  auto& replica = cluster.add_replica_of(number);
  const auto early = submit_to("q1");
  EXPECT_EQ(place.ended(early).status, JobStatus::complete);
  cluster.wait_until_copied(cluster.node(number), replica);
  cluster.node(number).kill();
  std::string late;
  for (int tries = 0; late.empty() && tries < 100; ++tries) {
    try {
      late = submit_to("q1");
    } catch (const std::runtime_error&) {
      run_for(place.io, Millis{100});
    }
  }
  EXPECT_EQ(place.ended(late, Millis{30'000}).status, JobStatus::complete);
  EXPECT_THAT(worker.output(), testing::Not(testing::HasSubstr(RedisServer::kPassword)));
}

}  // namespace
}  // namespace conduitd::test
