// Once only: unique keys with their window, states and rule of conflict, and submits that are repeated.

#include "contract/broker_contract.h"

namespace conduitd::test {
namespace {

using broker::CancelOutcome;
using job::JobStatus;
using job::OnConflict;
using job::UniqueStates;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(BrokerContract, UniqueKeyIsFreeAgainAfterEveryEnd) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "key";
  const auto taken = [&] {
    std::vector<job::NewJob> jobs{job};
    const auto out = must(run(c.broker->enqueue(std::move(jobs)))).at(0);
    EXPECT_TRUE(out.created) << out.id;
    EXPECT_EQ(out.replaced, "");
    return out.id;
  };
  taken();
  settle(c, complete(claim_one(c)));
  taken();
  settle(c, fail(claim_one(c)));
  must(run(c.directory->cancel(taken())));
  const auto running = taken();
  const auto claimed = claim_one(c);
  must(run(c.directory->cancel(running)));
  settle(c, settlement(claimed, job::Settlement::Kind::cancel));
  must(run(c.directory->remove(taken())));
  job.expires = Millis{10};
  taken();
  promote(c);
  job.expires.reset();
  taken();
  claim_one(c);
  EXPECT_TRUE(reclaim(c, 1).entries.at(0).poison);
  job.delay = Millis{60'000};
  const auto scheduled = taken();
  EXPECT_EQ(record(c, scheduled).status, JobStatus::scheduled);
  must(run(c.directory->purge(kQueue, "")));
  taken();
}

TEST_P(BrokerContract, UniqueRuleExistingReturnsTheFirst) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "key";
  const auto first = submit(c, job);
  std::vector<job::NewJob> jobs{job, new_job(), job};
  const auto out = must(run(c.broker->enqueue(std::move(jobs))));
  EXPECT_EQ(out[0].id, first);
  EXPECT_FALSE(out[0].created || out[0].rejected || out[0].repeated);
  EXPECT_TRUE(out[1].created);
  EXPECT_EQ(out[2].id, first);
}

TEST_P(BrokerContract, UniqueRuleRejectNamesTheHolderAndLetsTheRestOfTheBatchIn) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "key";
  const auto first = submit(c, job);
  job.on_conflict = OnConflict::reject;
  std::vector<job::NewJob> jobs{new_job(), job, new_job()};
  const auto out = must(run(c.broker->enqueue(std::move(jobs))));
  EXPECT_TRUE(out[0].created && out[2].created);
  EXPECT_FALSE(out[1].created);
  EXPECT_TRUE(out[1].rejected);
  EXPECT_EQ(out[1].id, first);
  EXPECT_THAT(broker::conflict_of(out[1]).message(), ::testing::HasSubstr(first));
  EXPECT_THAT(claim(c, 10), SizeIs(3)) << "nothing was stored of it";
}

TEST_P(BrokerContract, UniqueRuleReplaceTakesTheWaitingHoldersPlace) {
  auto& c = connect("w1");
  auto first = new_job();
  first.unique = "key";
  first.on_conflict = OnConflict::replace;
  const auto enqueue = [&](job::NewJob job) {
    std::vector<job::NewJob> jobs{std::move(job)};
    return must(run(c.broker->enqueue(std::move(jobs)))).at(0);
  };
  for (const bool scheduled : {false, true}) {
    auto job = first;
    if (scheduled) job.delay = Millis{60'000};
    const auto old = enqueue(job);
    auto waiting = start(c.directory->wait(old.id, kDeadline));
    run_for(io, Millis{20});
    job = first;
    job.args = R"({"newer":true})";
    const auto newer = enqueue(job);
    EXPECT_TRUE(newer.created);
    EXPECT_EQ(newer.replaced, old.id);
    EXPECT_EQ(must(finish(waiting))->status, JobStatus::cancelled) << "who waits for it is told";
    const auto claims = claim(c, 10);
    ASSERT_THAT(claims, SizeIs(1));
    EXPECT_EQ(claims[0].lease.job_id, newer.id);
    EXPECT_EQ(claims[0].args, R"({"newer":true})");
    // Now it runs, and is not replaced.
    const auto late = enqueue(first);
    EXPECT_FALSE(late.created);
    EXPECT_TRUE(late.rejected);
    EXPECT_EQ(late.id, newer.id);
    EXPECT_FALSE(record(c, newer.id).cancel_requested);
    // A job that waits for its next attempt waits.
    settle(c, retry(claims[0], Millis{60'000}));
    const auto last = enqueue(first);
    EXPECT_EQ(last.replaced, newer.id);
    EXPECT_EQ(record(c, newer.id).status, JobStatus::cancelled);
    settle(c, complete(claim_one(c)));
  }
}

TEST_P(BrokerContract, UniqueRuleReplaceWithinABatchFollowsItsOrder) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "key";
  auto replacing = job;
  replacing.on_conflict = OnConflict::replace;
  std::vector<job::NewJob> jobs{job, replacing, job, replacing};
  const auto out = must(run(c.broker->enqueue(std::move(jobs))));
  EXPECT_TRUE(out[0].created);
  EXPECT_EQ(out[1].replaced, out[0].id);
  EXPECT_EQ(out[2].id, out[1].id);
  EXPECT_FALSE(out[2].created);
  EXPECT_EQ(out[3].replaced, out[1].id);
  EXPECT_EQ(claim_one(c).lease.job_id, out[3].id);
  EXPECT_THAT(claim(c), IsEmpty());
}

TEST_P(BrokerContract, UniqueStatesWaitingCountsUntilTheJobIsStarted) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "key";
  job.unique_states = UniqueStates::waiting;
  const auto first = submit(c, job);
  EXPECT_EQ(submit(c, job), first);
  const auto running = claim_one(c);
  const auto second = submit(c, job);
  EXPECT_NE(second, first) << "the first has been started";
  EXPECT_EQ(submit(c, job), second);
  // Waiting again, but no more for its start.
  settle(c, retry(running, Millis{0}));
  EXPECT_EQ(submit(c, job), second);
  must(run(c.directory->cancel(first)));
  EXPECT_EQ(submit(c, job), second) << "the end of the first frees nothing";
  settle(c, complete(claim_one(c)));
  EXPECT_OK(run(c.directory->retry(second)));
  EXPECT_NE(submit(c, job), second) << "it was started once";
}

TEST_P(BrokerContract, UniqueWindowCountsFromTheSubmitAndNotBeyondTheJob) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "key";
  job.unique_window = Millis{150};
  const auto first = submit(c, job);
  EXPECT_EQ(submit(c, job), first);
  std::string second;
  eventually([&] { return (second = submit(c, job)) != first; });
  EXPECT_EQ(record(c, first).status, JobStatus::queued) << "it is not touched";
  settle(c, complete(claim_one(c)));
  EXPECT_EQ(record(c, first).status, JobStatus::complete);
  job.unique_window = Millis{60'000};
  settle(c, complete(claim_one(c)));
  const auto third = submit(c, job);
  EXPECT_NE(third, second);
  settle(c, complete(claim_one(c)));
  EXPECT_NE(submit(c, job), third) << "a long window ends with its job";
}

TEST_P(BrokerContract, F87_KeyTakenOverWhileItsFirstHolderRunsIsNotFreedByThatOnesEnd) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "key";
  job.unique_window = Millis{30};
  const auto first = submit(c, job);
  const auto running = claim_one(c);
  job.unique_window.reset();
  std::string second;
  eventually([&] { return (second = submit(c, job)) != first; });
  settle(c, complete(running));
  EXPECT_EQ(submit(c, job), second);
  EXPECT_OK(run(c.directory->retry(first)));  // its window is over: it holds the key no more
  EXPECT_EQ(submit(c, job), second);
  must(run(c.directory->cancel(first)));
  EXPECT_EQ(submit(c, job), second);
}

TEST_P(BrokerContract, F87_KeyWithoutAWindowLivesAsLongAsItsJobWhateverTheRecordsAreKeptFor) {
  auto with = options("w1");
  with.result_ttl = Millis{20};
  with.failed_ttl = Millis{20};
  auto& c = connect(with);
  auto job = new_job();
  job.unique = "key";
  job.delay = Millis{200};
  const auto first = submit(c, job);
  run_for(io, Millis{100});
  EXPECT_EQ(submit(c, job), first);
  promote(c);
  const auto running = claim_one(c);
  EXPECT_EQ(submit(c, job), first);
  settle(c, complete(running));
  EXPECT_NE(submit(c, job), first);
}

TEST_P(BrokerContract, UniqueRulesUnderContentionMakeOneLiveJob) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  auto job = new_job();
  job.unique = "key";
  job.on_conflict = OnConflict::replace;
  std::size_t created = 0;
  std::size_t replaced = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<job::NewJob> jobs{job};
    auto one = start(a.broker->enqueue(jobs));
    auto two = start(b.broker->enqueue(jobs));
    for (const auto& out : {must(finish(one)).at(0), must(finish(two)).at(0)}) {
      created += out.created ? 1 : 0;
      replaced += out.replaced.empty() ? 0 : 1;
    }
  }
  EXPECT_EQ(created, 40U);
  EXPECT_EQ(replaced, 39U);
  EXPECT_THAT(claim(a, 10), SizeIs(1));
}

TEST_P(BrokerContract, F65_RepeatedSubmitReturnsTheFirstAlsoAfterItsEnd) {
  auto& c = connect("w1");
  auto job = new_job();
  job.idempotency_key = "order-1";
  const auto repeat = [&](broker::Connection& by) {
    std::vector<job::NewJob> jobs{job};
    return must(run(by.broker->enqueue(std::move(jobs)))).at(0);
  };
  const auto first = repeat(c);
  EXPECT_TRUE(first.created);
  auto& other = connect("");
  const auto check = [&] {
    const auto again = repeat(other);
    EXPECT_EQ(again.id, first.id);
    EXPECT_FALSE(again.created);
    EXPECT_TRUE(again.repeated);
  };
  check();
  const auto claimed = claim_one(c);
  EXPECT_THAT(claim(c), IsEmpty());
  check();
  settle(c, retry(claimed, Millis{0}));
  check();
  settle(c, fail(claim_one(c)));
  check();
  must(run(c.directory->retry(first.id)));
  check();
  settle(c, complete(claim_one(c)));
  check();
  must(run(c.directory->remove(first.id)));
  EXPECT_NE(repeat(c).id, first.id) << "its record is not kept any more";
}

TEST_P(BrokerContract, F65_IdempotencyKeyGoesWithTheRecord) {
  auto with = options("w1");
  with.result_ttl = Millis{80};
  with.failed_ttl = Millis{80};
  auto& c = connect(with);
  for (const int end : {0, 1, 2, 3}) {
    auto job = new_job();
    job.idempotency_key = "order";
    job.unique = "key";
    if (end == 3) job.delay = Millis{60'000};
    const auto first = submit(c, job);
    run_for(io, Millis{100});
    EXPECT_EQ(submit(c, job), first) << "a job that lives is kept as long as it lives";
    if (end == 0) settle(c, complete(claim_one(c)));
    if (end == 1) settle(c, fail(claim_one(c)));
    if (end >= 2) {
      EXPECT_EQ(must(run(c.directory->cancel(first))), CancelOutcome::cancelled);
    }
    EXPECT_EQ(submit(c, job), first);
    eventually([&] {
      must(run(c.broker->promote_due(100)));
      return submit(c, job) != first;
    });
    must(run(c.directory->purge(kQueue, "")));
    eventually([&] {
      must(run(c.broker->promote_due(100)));
      return must(run(c.directory->list({}))).jobs.empty();
    });
  }
}

TEST_P(BrokerContract, IdempotencyKeysBelongToTheirQueueAndDoNotMixWithUniqueKeys) {
  auto& c = connect("w1");
  auto job = new_job();
  job.idempotency_key = "x";
  const auto first = submit(c, job);
  auto elsewhere = new_job(kTask, "other");
  elsewhere.idempotency_key = "x";
  EXPECT_TRUE(exists(c, submit(c, elsewhere)));
  auto unique = new_job();
  unique.unique = "x";
  EXPECT_NE(submit(c, unique), first);
  unique.idempotency_key = "y";
  unique.on_conflict = OnConflict::reject;
  std::vector<job::NewJob> jobs{unique};
  EXPECT_TRUE(must(run(c.broker->enqueue(jobs))).at(0).rejected);
  settle(c, complete((claim_one(c), claim_one(c))));
  EXPECT_TRUE(must(run(c.broker->enqueue(jobs))).at(0).created) << "a refused submit leaves no key behind";
}

}  // namespace
}  // namespace conduitd::test
