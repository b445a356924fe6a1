// A claim takes no more jobs than the worker's free resources admit, all its tasks together.

#include "contract/broker_contract.h"

namespace conduitd::test {

using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {

broker::Source needing(job::Needs needs, const std::string& task = "test.task", const std::string& queue = "default") {
  broker::Source out{queue, task};
  out.needs = std::move(needs);
  return out;
}

}  // namespace

TEST_P(BrokerContract, ResourcesOfOneClaimAreSharedByItsTasksAndQueues) {
  auto& c = connect("w1");
  submit(c, 5);
  submit(c, 5, "test.large");
  submit(c, 5, kTask, "other");
  auto wanted = request(20, {needing({{"gpu", 1}}), needing({{"gpu", 2}}, "test.large"), needing({{"gpu", 1}}, kTask, "other")});
  wanted.groups.push_back({20, {needing({{"gpu", 1}}, "test.third")}});
  submit(c, 5, "test.third");
  wanted.free = {{"gpu", 8}};
  const auto claims = run(c.broker->claim(wanted)).value();
  std::size_t taken = 0;
  for (const auto& claim : claims) taken += claim.lease.task == "test.large" ? 2 : 1;
  EXPECT_GE(taken, 7U);
  EXPECT_LE(taken, 8U);
}

TEST_P(BrokerContract, ResourcesThatAreNotThereHoldUpNoOtherTask) {
  auto& c = connect("w1");
  submit(c, 3);
  submit(c, 3, "test.free");
  auto wanted = request(20, {needing({{"gpu", 1}}), needing({}, "test.free")});
  EXPECT_THAT(run(c.broker->claim(wanted)).value(), SizeIs(3));
  wanted.free = {{"gpu", 1}, {"memory", std::uint64_t{1} << 40}};
  EXPECT_THAT(run(c.broker->claim(wanted)).value(), SizeIs(1));
}

TEST_P(BrokerContract, ResourcesTheScarcestOneCounts) {
  auto& c = connect("w1");
  submit(c, 10);
  auto wanted = request(20, {needing({{"gpu", 1}, {"memory", std::uint64_t{3} << 30}})});
  wanted.free = {{"gpu", 8}, {"memory", std::uint64_t{10} << 30}};
  EXPECT_THAT(run(c.broker->claim(wanted)).value(), SizeIs(3));
}

TEST_P(BrokerContract, ResourcesBoundJobsTakenByTheValuesOfAKey) {
  auto& c = connect("w1");
  for (int i = 0; i < 6; ++i) {
    auto job = new_job();
    job.args = R"({"tenant":"t)" + std::to_string(i) + R"("})";
    submit(c, job);
  }
  job::Limit limit;
  limit.most = 2;
  limit.key = "/tenant";
  auto source = needing({{"gpu", 1}});
  source.limits = {limit};
  auto wanted = request(20, {source});
  wanted.free = {{"gpu", 4}};
  EXPECT_THAT(run(c.broker->claim(wanted)).value(), SizeIs(4));
}

TEST_P(BrokerContract, ResourcesAClaimThatWaitsTakesNoMoreThanFitsWhenJobsCome) {
  auto& c = connect("w1");
  auto& producer = connect("w2");
  auto wanted = request(20, {needing({{"gpu", 1}})}, Millis{20'000});
  wanted.free = {{"gpu", 2}};
  auto waiting = start(c.broker->claim(wanted));
  submit(producer, 5);
  const auto claims = finish(waiting).value();
  EXPECT_GE(claims.size(), 1U);
  EXPECT_LE(claims.size(), 2U);
}

TEST_P(BrokerContract, ResourcesTheBrokerSaysWhatAClaimWouldBeGivenAndTakesNothing) {
  auto& c = connect("w1");
  submit(c, 1);
  submit(c, 2, "test.limited");
  submit(c, 1, "test.paused");
  submit(c, 1, kTask, "resting");
  auto later = new_job("test.later");
  later.delay = Millis{60'000};
  submit(c, later);
  EXPECT_OK(run(c.directory->set_task_paused("test.paused", true)));
  EXPECT_OK(run(c.directory->set_queue_paused("resting", true)));
  auto limited = needing({}, "test.limited");
  limited.limits.emplace_back();  // one at once
  const auto asked = request(1, {needing({}), limited, needing({}, "test.paused"), needing({}, kTask, "resting"), needing({}, "test.later"),
                                 needing({}, "test.never"), needing({}, kTask, "nowhere")});
  EXPECT_THAT(run(c.outlook->would_give(asked)).value(), ::testing::ElementsAre(true, true, false, false, false, false, false));
  const auto running = take(c, 1, {limited});
  ASSERT_THAT(running, SizeIs(1));
  EXPECT_FALSE(run(c.outlook->would_give(asked)).value().at(1)) << "a limit keeps it";
  settle(c, complete(running[0]));
  EXPECT_TRUE(run(c.outlook->would_give(asked)).value().at(1));
  EXPECT_THAT(claim(c, 5), SizeIs(1)) << "it was not taken";
  EXPECT_FALSE(run(c.outlook->would_give(asked)).value().at(0)) << "what runs does not wait";
}

TEST_P(BrokerContract, ResourcesTheOutlookIsSeenByAWorkerThatHasNeverClaimed) {
  auto& producer = connect("w1");
  auto& fresh = connect("w2");
  submit(producer, 1, "test.large", "other");
  auto source = needing({}, "test.large", "other");
  EXPECT_THAT(run(fresh.outlook->would_give(request(1, {source}))).value(), ::testing::ElementsAre(true));
  auto wanted = request(1, {source});
  wanted.concurrency = {{"other", 1}};
  EXPECT_THAT(run(fresh.outlook->would_give(wanted)).value(), ::testing::ElementsAre(true));
  submit(producer, 1, "test.more", "other");
  ASSERT_THAT(claim(producer, 1, "test.more", "other"), SizeIs(1));
  EXPECT_THAT(run(fresh.outlook->would_give(wanted)).value(), ::testing::ElementsAre(false)) << "the queue is full";
}

}  // namespace conduitd::test
