// The contract on Redis: each test has a server of its own, on a Unix socket, that keeps what it accepted.

#include "contract/broker_contract.h"
#include "support/redis_server.h"

namespace conduitd::test {
namespace {

class RedisSite final : public BrokerSite {
 public:
  [[nodiscard]] std::string url() const override { return server_.url(); }
  void restart() override {
    server_.stop();
    server_.start();
  }
  void plant_garbage(const std::string& queue, const std::string& task) override {
    const std::string prefix = "{conduit:" + queue + "}:";
    server_.command({"ZADD", "{conduit}:queues", "0", queue});
    server_.command({"ZADD", prefix + "lanes", "0", task + "/5"});
    server_.command({"XADD", prefix + "s:" + task + ":5", "*", "what", "is \xff this"});
  }
  void wipe() override { server_.command({"FLUSHALL"}); }

 private:
  static RedisSetup setup() {
    RedisSetup out;
    out.append_only = true;
    return out;
  }
  RedisServer server_{setup()};
};

INSTANTIATE_TEST_SUITE_P(Redis, BrokerContract,
                         ::testing::Values(SiteKind{"Unix", [] { return std::make_unique<RedisSite>(); }, true, true}),
                         site_name);

}  // namespace
}  // namespace conduitd::test
