// The contract on a Redis Cluster of three nodes: one for all tests of this program, as it takes seconds to start. Each test begins
// with an empty one.

#include "contract/broker_contract.h"
#include "support/redis_cluster.h"

namespace conduitd::test {
namespace {

RedisCluster& the_cluster() {
  static RedisCluster cluster([] {
    RedisSetup out;
    out.append_only = true;
    return out;
  }());
  return cluster;
}

class ClusterSite final : public BrokerSite {
 public:
  ClusterSite() { the_cluster().wipe(); }
  [[nodiscard]] std::string url() const override { return the_cluster().url(); }
  void restart() override { the_cluster().restart(); }
  void plant_garbage(const std::string& queue, const std::string& task) override {
    const std::string prefix = "{conduit:" + queue + "}:";
    the_cluster().command({"ZADD", "{conduit}:queues", "0", queue});
    the_cluster().command({"ZADD", prefix + "lanes", "0", task + "/5"});
    the_cluster().command({"XADD", prefix + "s:" + task + ":5", "*", "what", "is \xff this"});
  }
  void wipe() override { the_cluster().wipe(); }
};

INSTANTIATE_TEST_SUITE_P(Cluster, BrokerContract,
                         ::testing::Values(SiteKind{"ThreeNodes", [] { return std::make_unique<ClusterSite>(); }, true, true}), site_name);

}  // namespace
}  // namespace conduitd::test
