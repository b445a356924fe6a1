// Failed jobs: how many are kept, by what they are found, and what an operator's retry makes of them.

#include "contract/broker_contract.h"

namespace conduitd::test {
namespace {

using broker::Settled;
using job::FailureReason;
using job::JobStatus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

broker::JobFilter with_reason(FailureReason reason) {
  broker::JobFilter filter;
  filter.reason = reason;
  return filter;
}

TEST_P(BrokerContract, FailedJobsAreListedByTheirReason) {
  auto& c = connect("w1");
  std::vector<std::string> ids;
  for (const auto reason : {FailureReason::exhausted, FailureReason::poison, FailureReason::invalid, FailureReason::rejected,
                            FailureReason::poison}) {
    ids.push_back(submit(c));
    settle(c, fail(claim_one(c), reason));
  }
  submit(c);
  const auto listed = [&](broker::JobFilter filter) { return ids_of(must(run(c.directory->list(std::move(filter))))); };
  EXPECT_THAT(listed(with_reason(FailureReason::poison)), ElementsAre(ids[4], ids[1]));
  EXPECT_THAT(listed(with_reason(FailureReason::rejected)), ElementsAre(ids[3]));
  auto both = with_reason(FailureReason::invalid);
  both.status = JobStatus::failed;
  EXPECT_THAT(listed(both), ElementsAre(ids[2]));
  both.status = JobStatus::complete;
  EXPECT_THAT(listed(both), IsEmpty()) << "only a failed job has a reason";
  auto paged = with_reason(FailureReason::poison);
  paged.limit = 1;
  const auto first = must(run(c.directory->list(paged)));
  ASSERT_THAT(ids_of(first), ElementsAre(ids[4]));
  paged.cursor = first.next;
  EXPECT_THAT(listed(paged), ElementsAre(ids[1]));
}

TEST_P(BrokerContract, BeyondFailedMaxTheJobsThatFailedFirstGoFirst) {
  auto with = options("w1");
  with.failed_max = 3;
  auto& c = connect(with);
  std::vector<std::string> ids = submit(c, 6);
  const auto other = submit(c, new_job(kTask, "other"));
  settle(c, fail(claim_one(c, kTask, "other")));
  auto claims = claim(c, 6);
  ASSERT_THAT(claims, SizeIs(6));
  // In the other order than they were submitted in.
  for (auto it = claims.rbegin(); it != claims.rend(); ++it) {
    settle(c, fail(*it));
    run_for(io, Millis{3});
  }
  eventually([&] {
    must(run(c.broker->promote_due(100)));
    return !exists(c, ids[3]);
  });
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(exists(c, ids[i]), i < 3) << i;
  EXPECT_TRUE(exists(c, other)) << "each queue has a bound of its own";
  broker::JobFilter failed;
  failed.status = JobStatus::failed;
  failed.queue = kQueue;
  EXPECT_THAT(ids_of(must(run(c.directory->list(failed)))), ElementsAre(ids[2], ids[1], ids[0]));
  for (const auto& queue : must(run(c.directory->queues()))) EXPECT_EQ(queue.failed, queue.name == kQueue ? 3U : 1U) << queue.name;
}

TEST_P(BrokerContract, JobThatWasRunAgainAndFailedAgainCountsFromItsLastFailure) {
  auto with = options("w1");
  with.failed_max = 2;
  auto& c = connect(with);
  const auto again = submit(c);
  settle(c, fail(claim_one(c)));
  run_for(io, Millis{3});
  const auto older = submit(c);
  settle(c, fail(claim_one(c)));
  run_for(io, Millis{3});
  must(run(c.directory->retry(again)));
  const auto running = claim_one(c);
  must(run(c.broker->promote_due(100)));
  EXPECT_TRUE(exists(c, again)) << "it runs";
  settle(c, fail(running));
  run_for(io, Millis{3});
  const auto last = submit(c);
  settle(c, fail(claim_one(c)));
  eventually([&] {
    must(run(c.broker->promote_due(100)));
    return !exists(c, older);
  });
  EXPECT_TRUE(exists(c, again));
  EXPECT_TRUE(exists(c, last));
}

TEST_P(BrokerContract, FailedJobsWithinTheBoundStay) {
  auto with = options("w1");
  with.failed_max = 5;
  auto& c = connect(with);
  const auto ids = submit(c, 5);
  for (const auto& claimed : claim(c, 5)) settle(c, fail(claimed));
  const auto done = submit(c, 20);
  for (const auto& claimed : claim(c, 20)) settle(c, complete(claimed));
  for (int i = 0; i < 5; ++i) must(run(c.broker->promote_due(100)));
  for (const auto& id : ids) EXPECT_TRUE(exists(c, id));
  for (const auto& id : done) EXPECT_TRUE(exists(c, id));
}

TEST_P(BrokerContract, RetriedDeadLetterHasANewBudgetAndItsFenceNeverGoesBack) {
  auto& c = connect("w1");
  auto job = new_job();
  job.deadline = Millis{60'000};
  const auto id = submit(c, job);
  // Every counter above zero.
  settle(c, retry(claim_one(c), Millis{0}));
  settle(c, release(claim_one(c)));
  claim_one(c);
  reclaim(c);
  const auto last = claim_one(c);
  settle(c, fail(last, FailureReason::exhausted));
  std::uint32_t fence = last.lease.attempt;
  for (int round = 0; round < 3; ++round) {
    must(run(c.directory->retry(id)));
    const auto waiting = record(c, id);
    EXPECT_EQ(waiting.counters.failures + waiting.counters.crashes + waiting.counters.interruptions, 0U);
    EXPECT_EQ(waiting.counters.attempts, fence);
    EXPECT_THAT(waiting.attempts, SizeIs(fence)) << "its history is kept";
    EXPECT_FALSE(waiting.deadline_at.has_value()) << "its time was over, perhaps: it has a new chance";
    const auto again = claim_one(c);
    EXPECT_EQ(again.lease.attempt, fence + 1) << "the fence grows";
    EXPECT_FALSE(again.remaining.has_value());
    EXPECT_NE(settle(c, complete(last)), Settled::applied) << "what is past stays refused";
    settle(c, fail(again));
    fence = again.lease.attempt;
  }
  EXPECT_EQ(record(c, id).counters.failures, 1U);
}

TEST_P(BrokerContract, RemovedDeadLetterIsGoneAndARetryInBetweenWins) {
  auto& c = connect("w1");
  auto& other = connect("");
  for (int round = 0; round < 20; ++round) {
    const auto id = submit(c);
    settle(c, fail(claim_one(c)));
    auto retrying = start(c.directory->retry(id));
    auto removing = start(other.directory->remove(id));
    const auto retried = finish(retrying);
    must(finish(removing));
    // Retried and then removed as a waiting job, or removed first: never half of each.
    if (!retried.has_value()) {
      EXPECT_TRUE(retried.error().is(Errc::not_found)) << retried.error().message();
    }
    EXPECT_FALSE(exists(c, id));
    EXPECT_THAT(claim(c), IsEmpty());
  }
}

}  // namespace
}  // namespace conduitd::test
