// Limits in a cluster: never more than they say, whoever is held up, and nobody held up for long.

#include <boost/asio/co_spawn.hpp>
#include <random>

#include "contract/limits.h"
#include "fault/cluster_fixture.h"

namespace conduitd::test {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class RedisClusterLimits : public ClusterFixture {
 protected:
  static broker::ClaimRequest limited(std::size_t most, std::vector<job::Limit> limits, const std::vector<std::string>& queues, Millis wait = Millis{0}) {
    auto out = request(most, wait, queues);
    for (auto& source : out.groups.back().sources) source.limits = limits;
    return out;
  }
};

TEST_F(RedisClusterLimits, ManyWorkersOverManyQueuesNeverRunMoreThanTheLimits) {
  const std::vector<std::string> queues{"q1", "q2", "q3", "q4"};
  const std::vector<job::Limit> limits{at_once(2, "/tenant"), at_once(5)};
  constexpr std::size_t kJobs = 160;
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto& producer = connect("");
  for (std::size_t i = 0; i < kJobs; ++i) {
    auto one = jobs(1, queues[random() % queues.size()]);
    one[0].args = R"({"tenant":")" + std::string(1, static_cast<char>('a' + random() % 4)) + R"("})";
    must(run(producer.broker->enqueue(std::move(one))));
  }
  constexpr int kWorkers = 4;
  std::vector<broker::Connection*> workers;
  for (int i = 0; i < kWorkers; ++i) workers.push_back(&connect("w" + std::to_string(i)));
  std::map<std::string, int> running;
  int all = 0;
  int most_seen = 0;
  std::set<std::string> done;
  std::vector<Pending<Result<std::vector<job::Claim>>>> claims;
  std::vector<std::vector<job::Claim>> held(kWorkers);
  for (auto* worker : workers) claims.push_back(start(io_, worker->broker->claim(limited(3, limits, queues, Millis{200}))));
  until_it_works([&] {
    for (std::size_t w = 0; w < workers.size(); ++w) {
      if (!claims[w].done()) continue;
      const auto taken = must(claims[w].take());
      for (const auto& claim : taken) {
        EXPECT_LE(++running[job::key_value(claim.args, "/tenant")], 2);
        EXPECT_LE(++all, 5);
        most_seen = std::max(most_seen, all);
        EXPECT_TRUE(done.insert(claim.lease.job_id).second) << "taken twice";
        held[w].push_back(claim);
      }
      // Some end now, some after the next look. What has ended for us may be given to another before settle() comes back.
      while (!held[w].empty() && random() % 3 != 0) {
        const auto claim = held[w].back();
        held[w].pop_back();
        --running[job::key_value(claim.args, "/tenant")];
        --all;
        must(run(workers[w]->broker->settle(completed({claim}))));
      }
      claims[w] = start(io_, workers[w]->broker->claim(limited(3, limits, queues, Millis{50})));
    }
    return done.size() == kJobs;
  });
  EXPECT_EQ(most_seen, 5) << "and as many as they allow";
  run_until(io_, [&] { return std::all_of(claims.begin(), claims.end(), [](const auto& one) { return one.done(); }); });
}

TEST_F(RedisClusterLimits, ClaimThatWaitsForManyQueuesIsWokenByEach) {
  const std::vector<std::string> queues{"q1", "q2", "q3", "q4"};
  auto& producer = connect("");
  auto& worker = connect("w1");
  for (const auto& limits : {std::vector<job::Limit>(), std::vector<job::Limit>{at_once(1, "/tenant")}, std::vector<job::Limit>{at_once(1)}}) {
    for (int round = 0; round < 3; ++round) {
      for (const auto& queue : queues) {
        SCOPED_TRACE(queue + " round " + std::to_string(round) + " limits " + std::to_string(limits.size()));
        auto waiting = start(io_, worker.broker->claim(limited(2, limits, queues, Millis{20'000})));
        run_for(io_, Millis{static_cast<int>(round) * 20});
        const auto began = clock_.now();
        submit(producer, 1, queue);
        const auto claims = must(finish(io_, waiting));
        EXPECT_THAT(claims, SizeIs(1));
        EXPECT_LT(clock_.now() - began, Millis{1'500});
        must(run(worker.broker->settle(completed(claims))));
      }
    }
  }
}

TEST_F(RedisClusterLimits, RateHoldsOverAllWorkersAndQueues) {
  const std::vector<std::string> queues{"q1", "q2", "q3"};
  const std::vector<job::Limit> limits{rate("10/h", "", 10)};
  auto& a = connect("w1");
  auto& b = connect("w2");
  for (const auto& queue : queues) submit(a, 10, queue);
  auto first = start(io_, a.broker->claim(limited(7, limits, queues)));
  auto second = start(io_, b.broker->claim(limited(7, limits, queues)));
  const auto taken = must(finish(io_, first)).size() + must(finish(io_, second)).size();
  EXPECT_EQ(taken, 10U);
  EXPECT_THAT(must(run(a.broker->claim(limited(7, limits, queues)))), IsEmpty());
}

TEST_F(RedisClusterLimits, WorkerThatDiedInItsTurnHoldsNobodyUpForLong) {
  auto& c = connect("w1");
  submit(c, 1);
  cluster_.command({"SET", "{conduit}:turn", "7 dead", "PX", "400"});
  EXPECT_THAT(must(run(c.broker->claim(limited(1, {at_once(1)}, {"default"}, Millis{5'000})))), SizeIs(1));
}

TEST_F(RedisClusterLimits, WhatALaterTurnHasCountedAnEarlierOneDoesNotTake) {
  auto& c = connect("w1");
  submit(c, 1);
  // Somebody's count of turns is far ahead of the namespace's, which was lost: ours must come after it.
  cluster_.command({"SET", "{conduit:default}:fence", "5000"});
  EXPECT_THAT(must(run(c.broker->claim(limited(1, {at_once(1)}, {"default"}, Millis{5'000})))), SizeIs(1));
  EXPECT_EQ(cluster_.command({"GET", "{conduit}:turns"}), cluster_.command({"GET", "{conduit:default}:fence"}));
  EXPECT_GT(std::stoi(cluster_.command({"GET", "{conduit}:turns"})), 5000);
}

TEST_F(RedisClusterLimits, WhatWasWrittenDownAndNotTakenIsFoundWithinSeconds) {
  auto& c = connect("w1");
  auto one = jobs(1);
  one[0].args = R"({"tenant":"a"})";
  must(run(c.broker->enqueue(std::move(one))));
  // As of a worker that died between the two.
  cluster_.command({"HSET", "{conduit}:limit:a.task:run", "default/5/1-1", std::string("dead\0a", 6)});
  cluster_.command({"HSET", "{conduit}:limit:a.task:run", "=", "/tenant"});
  EXPECT_THAT(must(run(c.broker->claim(limited(1, {at_once(1, "/tenant")}, {"default"}, Millis{9'000})))), SizeIs(1));
}

}  // namespace
}  // namespace conduitd::test
