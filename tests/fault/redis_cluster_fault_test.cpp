// What must hold when a node of a cluster dies, hangs or hands its slots over. Names carry the rows of the fault list.

#include <signal.h>

#include "fault/cluster_fixture.h"

namespace conduitd::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kKey = "{conduit:default}:lanes";

class RedisClusterFault : public ClusterFixture {};

TEST_F(RedisClusterFault, F34_PrimaryThatDiesIsReplacedByItsReplicaAndNothingCopiedIsLost) {
  const auto number = cluster_.number_of(kKey);
  auto& primary = cluster_.node(number);
  auto& replica = cluster_.add_replica_of(number);
  auto& worker = connect("w1", Millis{1'000});
  const auto ids = submit(worker, 20);
  const auto running = must(run(worker.broker->claim(request(5))));
  ASSERT_THAT(running, SizeIs(5));
  cluster_.wait_until_copied(primary, replica);
  primary.kill();
  const auto refused = run(worker.broker->enqueue(jobs(1)));
  EXPECT_ERRC(Errc::unavailable, refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("redis-cluster://"));
  std::vector<broker::Settled> settled;
  until_it_works([&] {
    auto said = run(worker.broker->settle(completed(running)));
    if (said.has_value()) settled = said.value();
    return said.has_value();
  });
  for (const auto one : settled) EXPECT_NE(one, broker::Settled::lost);
  std::set<std::string> done;
  for (const auto& claim : running) done.insert(claim.lease.job_id);
  until_it_works([&] {
    const auto claims = run(worker.broker->claim(request(10)));
    if (claims.has_value() && !claims.value().empty() && run(worker.broker->settle(completed(claims.value()))).has_value()) {
      for (const auto& claim : claims.value()) EXPECT_TRUE(done.insert(claim.lease.job_id).second) << "taken twice";
    }
    return done.size() == ids.size();
  });
  for (const auto& id : ids) EXPECT_EQ(status(worker, id), job::JobStatus::complete);
}

TEST_F(RedisClusterFault, F18_NodeThatHangsFailsItsOwnCallsAtTheDeadlineAndNoOthers) {
  auto& c = connect("w1", Millis{500});
  const auto mine = cluster_.number_of(kKey);
  std::string other;
  for (int i = 0; other.empty(); ++i) {
    const auto name = "q" + std::to_string(i);
    if (cluster_.number_of("{conduit:" + name + "}:lanes") != mine && cluster_.number_of("{conduit}:queues") != mine) other = name;
    if (i > 1'000) GTEST_FAIL() << "no queue elsewhere";
    if (cluster_.number_of("{conduit}:queues") == mine) break;
  }
  submit(c, 1);
  if (!other.empty()) submit(c, 1, other);
  cluster_.node(mine).signal(SIGSTOP);
  const auto began = clock_.now();
  EXPECT_FALSE(run(c.broker->enqueue(jobs(1))).has_value());
  EXPECT_LT(clock_.now() - began, Millis{3'000});
  if (!other.empty()) {
    EXPECT_OK(run(c.broker->enqueue(jobs(1, other))));
  }
  cluster_.node(mine).signal(SIGCONT);
  until_it_works([&] { return run(c.broker->enqueue(jobs(1))).has_value(); });
}

TEST_F(RedisClusterFault, SlotThatMovesWhileJobsRunLosesNone) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  auto ids = submit(worker, 30);
  const auto running = must(run(worker.broker->claim(request(10))));
  ASSERT_THAT(running, SizeIs(10));
  const auto from = cluster_.number_of(kKey);
  const auto to = (from + 1) % 3;
  cluster_.begin_move(kKey, to);
  // All but scripts of several keys goes on while the keys go over, one after the other.
  auto settling = start(io_, worker.broker->settle(completed(running)));
  do {
    for (const auto& id : submit(producer, 1)) ids.push_back(id);
  } while (cluster_.move_keys(1) > 0);
  for (const auto& id : submit(producer, 3)) ids.push_back(id);
  EXPECT_GT(errors(cluster_.node(from), "ASK"), 0U);
  cluster_.end_move();
  for (const auto one : must(finish(io_, settling))) EXPECT_EQ(one, broker::Settled::applied);
  std::set<std::string> done;
  for (const auto& claim : running) done.insert(claim.lease.job_id);
  until_it_works([&] {
    const auto claims = must(run(worker.broker->claim(request(10))));
    for (const auto& claim : claims) EXPECT_TRUE(done.insert(claim.lease.job_id).second) << "taken twice";
    must(run(worker.broker->settle(completed(claims))));
    return done.size() == ids.size();
  });
  for (const auto& id : ids) EXPECT_EQ(status(producer, id), job::JobStatus::complete) << id;
  EXPECT_GT(errors(cluster_.node(from), "MOVED"), 0U) << "the map was learnt anew";
}

TEST_F(RedisClusterFault, ClaimThatWaitsFollowsItsQueueToAnotherNode) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  submit(producer, 1);
  must(run(worker.broker->settle(completed(must(run(worker.broker->claim(request(1))))))));
  auto waiting = start(io_, worker.broker->claim(request(1, Millis{20'000})));
  run_for(io_, Millis{100});
  cluster_.begin_move(kKey, (cluster_.number_of(kKey) + 1) % 3);
  while (cluster_.move_keys(10) > 0) {
  }
  cluster_.end_move();
  const auto began = clock_.now();
  const auto ids = submit(producer, 1);
  const auto claims = must(finish(io_, waiting));
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(claims[0].lease.job_id, ids[0]);
  EXPECT_LT(clock_.now() - began, Millis{3'000});
}

TEST_F(RedisClusterFault, F21_ScriptsThatANodeForgotAreLoadedThereAgain) {
  auto& c = connect("w1");
  submit(c, 2);
  must(run(c.broker->claim(request(1))));
  for (std::size_t i = 0; i < cluster_.size(); ++i) cluster_.node(i).command({"SCRIPT", "FLUSH"});
  EXPECT_THAT(must(run(c.broker->claim(request(1)))), SizeIs(1));
}

TEST_F(RedisClusterFault, F20_ConnectionsThatAreKilledComeBack) {
  auto& c = connect("w1", Millis{5'000}, Millis{500});
  const auto ids = submit(c, 50);
  std::set<std::string> done;
  std::size_t turn = 0;
  until_it_works([&] {
    cluster_.node(turn++ % 3).command({"CLIENT", "KILL", "TYPE", "normal"});
    const auto claims = run(c.broker->claim(request(5)));
    if (claims.has_value() && run(c.broker->settle(completed(claims.value()))).has_value()) {
      for (const auto& claim : claims.value()) done.insert(claim.lease.job_id);
    }
    static_cast<void>(run(c.broker->reclaim_expired({})));
    std::size_t complete = 0;
    for (const auto& id : ids) {
      const auto found = run(c.directory->find(id));
      complete += found.has_value() && found.value() && found.value()->status == job::JobStatus::complete ? 1U : 0U;
    }
    return complete == ids.size();
  });
}

TEST_F(RedisClusterFault, ServerThatStandsAloneIsNoCluster) {
  RedisSetup setup;
  setup.tcp = true;
  const RedisServer alone(setup);
  broker::Options options;
  options.url = "redis-cluster" + alone.tcp_url().substr(5);
  const auto opened = run(broker::open(io_.get_executor(), clock_, options));
  EXPECT_ERRC(Errc::unsupported, opened);
  EXPECT_THAT(opened.error().message(), HasSubstr("write redis://"));
  options.url = "redis" + cluster_.url().substr(13, cluster_.url().find(',') - 13);
  const auto direct = run(broker::open(io_.get_executor(), clock_, options));
  ASSERT_FALSE(direct.has_value());
  EXPECT_THAT(direct.error().message(), HasSubstr("redis-cluster://"));
}

TEST_F(RedisClusterFault, WrongPasswordIsRefusedInOneSentenceWithoutIt) {
  broker::Options options;
  options.url = cluster_.url();
  options.url.replace(options.url.find(RedisServer::kPassword), std::string(RedisServer::kPassword).size(), "wr0ng");
  const auto opened = run(broker::open(io_.get_executor(), clock_, options));
  EXPECT_ERRC(Errc::refused, opened);
  EXPECT_THAT(opened.error().message(), ::testing::Not(HasSubstr("wr0ng")));
}

}  // namespace
}  // namespace conduitd::test
