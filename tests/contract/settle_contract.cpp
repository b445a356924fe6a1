// How attempts and jobs end: results, retries, releases, deadlines, unique keys, and how long records are kept.

#include "contract/broker_contract.h"

namespace conduitd::test {

using broker::Settled;
using job::FailureReason;
using job::JobStatus;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(BrokerContract, CompleteKeepsTheResultAndTheAttempt) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto claimed = claim_one(c);
  EXPECT_EQ(settle(c, complete(claimed, R"({ "width" : 256 })")), Settled::applied);
  const auto done = record(c, id);
  EXPECT_EQ(done.status, JobStatus::complete);
  EXPECT_EQ(done.reason, FailureReason::none);
  EXPECT_EQ(done.result, R"({ "width" : 256 })");
  EXPECT_EQ(done.counters.attempts, 1U);
  EXPECT_EQ(done.counters.failures, 0U);
  EXPECT_FALSE(done.failure.has_value());
  EXPECT_TRUE(done.started_at.has_value());
  EXPECT_TRUE(done.ended_at.has_value());
  EXPECT_EQ(done.task, kTask);
  EXPECT_EQ(done.args, "{}");
  ASSERT_THAT(done.attempts, SizeIs(1));
  EXPECT_EQ(done.attempts[0].attempt, 1U);
  EXPECT_EQ(done.attempts[0].outcome, "complete");
  EXPECT_EQ(done.attempts[0].duration, Millis{7});
  EXPECT_THAT(claim(c), IsEmpty());
}

TEST_P(BrokerContract, AnAttemptsCodeAndUsageAreKeptWhateverItsEnd) {
  auto& c = connect("w1");
  const auto id = submit(c);
  auto first = retry(claim_one(c), Millis{0});
  first.code = {"images", "1.2 beta|x", "0123456789abcdef"};
  first.usage = {1'500, 2'048};
  EXPECT_EQ(settle(c, first), Settled::applied);
  auto last = complete(claim_one(c));
  last.code = {"images", "1.3.0", "fedcba9876543210"};
  last.usage = {0, 4'096};
  EXPECT_EQ(settle(c, last), Settled::applied);
  const auto done = record(c, id);
  ASSERT_THAT(done.attempts, SizeIs(2));
  EXPECT_EQ(done.attempts[0].code, (job::Code{"images", "1.2_beta_x", "0123456789abcdef"}));
  EXPECT_EQ(done.attempts[0].usage.cpu_us, 1'500);
  EXPECT_EQ(done.attempts[0].usage.peak_rss_kib, 2'048);
  EXPECT_EQ(done.attempts[1].code, last.code);
  EXPECT_EQ(done.attempts[1].usage.cpu_us, 0);
  EXPECT_EQ(done.attempts[1].usage.peak_rss_kib, 4'096);
}

TEST_P(BrokerContract, ADeadlineIsToldWithEveryClaimByTheBrokersClock) {
  auto& c = connect("w1");
  auto job = new_job();
  job.deadline = Millis{60'000};
  const auto id = submit(c, job);
  const auto first = claim_one(c);
  ASSERT_TRUE(first.remaining.has_value());
  EXPECT_GT(*first.remaining, Millis{50'000});
  EXPECT_LE(*first.remaining, Millis{60'000});
  EXPECT_EQ(settle(c, retry(first, Millis{0})), Settled::applied);
  const auto second = claim_one(c);
  ASSERT_TRUE(second.remaining.has_value());
  EXPECT_LE(*second.remaining, *first.remaining);
  ASSERT_TRUE(record(c, id).deadline_at.has_value());
  EXPECT_FALSE(record(c, submit(c)).deadline_at.has_value());
}

TEST_P(BrokerContract, AJobThatWaitsForItAlsoLearnsItsDeadline) {
  auto& c = connect("w1");
  auto waiting = start(c.broker->claim(request(1, {{kQueue, kTask}}, Millis{5'000})));
  auto job = new_job();
  job.deadline = Millis{60'000};
  submit(c, job);
  const auto claims = finish(waiting);
  ASSERT_TRUE(claims.has_value());
  ASSERT_THAT(claims.value(), SizeIs(1));
  ASSERT_TRUE(claims.value()[0].remaining.has_value());
  EXPECT_GT(*claims.value()[0].remaining, Millis{50'000});
}

TEST_P(BrokerContract, AJobNotStartedByItsDeadlineHasExpired) {
  auto& c = connect("w1");
  auto job = new_job();
  job.deadline = Millis{1};
  const auto id = submit(c, job);
  promote(c);
  EXPECT_EQ(record(c, id).status, JobStatus::expired);
}

TEST_P(BrokerContract, FailKeepsReasonAndFailure) {
  auto& c = connect("w1");
  const auto id = submit(c);
  EXPECT_EQ(settle(c, fail(claim_one(c), FailureReason::rejected)), Settled::applied);
  const auto failed = record(c, id);
  EXPECT_EQ(failed.status, JobStatus::failed);
  EXPECT_EQ(failed.reason, FailureReason::rejected);
  EXPECT_EQ(failed.counters.failures, 1U);
  ASSERT_TRUE(failed.failure.has_value());
  EXPECT_EQ(failed.failure->type, "std::runtime_error");
  EXPECT_EQ(failed.failure->message, "it failed for good");
  EXPECT_EQ(failed.failure->detail, R"({"code":7})");
  ASSERT_THAT(failed.attempts, SizeIs(1));
  EXPECT_EQ(failed.attempts[0].outcome, "failed");
  EXPECT_THAT(claim(c), IsEmpty());
}

TEST_P(BrokerContract, RetryComesBackNotBeforeItsTime) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto before = clock.wall_now();
  EXPECT_EQ(settle(c, retry(claim_one(c), Millis{400})), Settled::applied);
  const auto waiting = record(c, id);
  EXPECT_EQ(waiting.status, JobStatus::retrying);
  EXPECT_EQ(waiting.counters.failures, 1U);
  ASSERT_TRUE(waiting.due_at.has_value());
  EXPECT_GE(*waiting.due_at, before + Millis{400});
  const auto promotion = must(run(c.broker->promote_due(100)));
  EXPECT_EQ(promotion.promoted, 0U) << "not early";
  ASSERT_TRUE(promotion.next_due.has_value());
  EXPECT_EQ(*promotion.next_due, *waiting.due_at);
  EXPECT_THAT(claim(c), IsEmpty());
  promote(c);
  EXPECT_GE(clock.wall_now(), before + Millis{400});
  const auto again = claim_one(c);
  EXPECT_EQ(again.lease.job_id, id);
  EXPECT_EQ(again.lease.attempt, 2U);
  EXPECT_EQ(again.counters.failures, 1U);
  const auto history = record(c, id).attempts;
  ASSERT_THAT(history, SizeIs(1));
  EXPECT_EQ(history[0].outcome, "retry");
  ASSERT_TRUE(history[0].failure.has_value());
  EXPECT_EQ(history[0].failure->message, "it failed");
}

TEST_P(BrokerContract, RetryWithoutDelayIsQueuedAtOnce) {
  auto& c = connect("w1");
  const auto id = submit(c);
  settle(c, retry(claim_one(c), Millis{0}));
  EXPECT_EQ(record(c, id).status, JobStatus::queued);
  EXPECT_EQ(claim_one(c).lease.attempt, 2U);
}

TEST_P(BrokerContract, ReleaseCostsNothing) {
  auto& c = connect("w1");
  const auto id = submit(c);
  EXPECT_EQ(settle(c, release(claim_one(c))), Settled::applied);
  const auto waiting = record(c, id);
  EXPECT_EQ(waiting.status, JobStatus::queued);
  EXPECT_EQ(waiting.counters.failures, 0U);
  EXPECT_EQ(waiting.counters.crashes, 0U);
  EXPECT_EQ(waiting.counters.interruptions, 1U);
  EXPECT_EQ(waiting.attempts.at(0).outcome, "released");
}

TEST_P(BrokerContract, JobsHandedBackOrRetriedKeepTheirPlaceInTheList) {
  auto& c = connect("w1");
  const auto first = submit(c);
  const auto released = claim_one(c);
  const auto second = submit(c);
  const auto retried = claim_one(c);
  const auto third = submit(c);
  EXPECT_EQ(settle(c, release(released)), Settled::applied);
  EXPECT_EQ(settle(c, retry(retried, Millis{0})), Settled::applied);
  std::vector<std::string> ids;
  for (const auto& job : must(run(c.directory->list({}))).jobs) ids.push_back(job.id);
  EXPECT_THAT(ids, ::testing::ElementsAre(third, second, first));
}

TEST_P(BrokerContract, ReleaseWakesAWaitingClaimOfAnotherWorker) {
  auto& leaving = connect("w1");
  auto& staying = connect("w2");
  const auto id = submit(leaving);
  const auto claimed = claim_one(leaving);
  auto waiting = start(staying.broker->claim(request(1, {{kQueue, kTask}}, kDeadline)));
  run_for(io, Millis{30});
  settle(leaving, release(claimed));
  const auto claims = must(finish(waiting));
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(claims[0].lease.job_id, id);
  EXPECT_EQ(claims[0].lease.attempt, 2U);
}

TEST_P(BrokerContract, CrashChargedByItsWorkerIsCountedApart) {
  auto& c = connect("w1");
  const auto id = submit(c);
  auto crash = retry(claim_one(c), Millis{0});
  crash.charge = job::Settlement::Charge::crash;
  settle(c, crash);
  const auto counters = record(c, id).counters;
  EXPECT_EQ(counters.crashes, 1U);
  EXPECT_EQ(counters.failures, 0U);
  EXPECT_EQ(record(c, id).attempts.at(0).outcome, "crash");
}

TEST_P(BrokerContract, CancelSettlementEndsTheJob) {
  auto& c = connect("w1");
  const auto id = submit(c);
  settle(c, settlement(claim_one(c), job::Settlement::Kind::cancel));
  EXPECT_EQ(record(c, id).status, JobStatus::cancelled);
}

TEST_P(BrokerContract, DelayedJobWaitsForItsTime) {
  auto& c = connect("w1");
  auto job = new_job();
  job.delay = Millis{400};
  const auto before = clock.wall_now();
  const auto id = submit(c, job);
  EXPECT_EQ(record(c, id).status, JobStatus::scheduled);
  EXPECT_THAT(claim(c), IsEmpty());
  EXPECT_EQ(must(run(c.broker->promote_due(100))).promoted, 0U);
  EXPECT_EQ(promote(c).promoted, 1U);
  EXPECT_GE(clock.wall_now(), before + Millis{400});
  EXPECT_EQ(claim_one(c).lease.job_id, id);
}

TEST_P(BrokerContract, JobForAPastTimeIsQueuedAtOnce) {
  auto& c = connect("w1");
  auto job = new_job();
  job.at = clock.wall_now() - Millis{60'000};
  const auto id = submit(c, job);
  EXPECT_EQ(record(c, id).status, JobStatus::queued);
  EXPECT_EQ(claim_one(c).lease.job_id, id);
}

TEST_P(BrokerContract, PromotionTakesNoMoreThanAskedAndTellsTheNextTime) {
  auto& c = connect("w1");
  auto soon = new_job();
  soon.delay = Millis{1};
  for (int i = 0; i < 3; ++i) submit(c, soon);
  auto late = new_job();
  late.at = clock.wall_now() + Millis{3'600'000};
  const auto late_id = submit(c, late);
  run_for(io, Millis{20});
  EXPECT_EQ(must(run(c.broker->promote_due(2))).promoted, 2U);
  const auto last = must(run(c.broker->promote_due(2)));
  EXPECT_EQ(last.promoted, 1U);
  EXPECT_EQ(last.next_due, record(c, late_id).due_at);
}

TEST_P(BrokerContract, PromotionWakesAWaitingClaimOfAnotherConnection) {
  auto& worker = connect("w1");
  auto& upkeep = connect("w2");
  auto job = new_job();
  job.delay = Millis{50};
  submit(upkeep, job);
  auto waiting = start(worker.broker->claim(request(1, {{kQueue, kTask}}, kDeadline)));
  promote(upkeep);
  EXPECT_THAT(must(finish(waiting)), SizeIs(1));
}

TEST_P(BrokerContract, JobNotStartedBeforeItsDeadlineExpires) {
  auto& c = connect("w1");
  auto job = new_job();
  job.expires = Millis{50};
  const auto id = submit(c, job);
  run_for(io, Millis{80});
  EXPECT_THAT(claim(c), IsEmpty()) << "too late, also before anybody swept";
  // Whoever meets it first may end it: the claim or the sweep.
  eventually([&] {
    must(run(c.broker->promote_due(100)));
    return record(c, id).status == JobStatus::expired;
  });
}

TEST_P(BrokerContract, SweepCountsWhatExpired) {
  auto& c = connect("w1");
  auto job = new_job();
  job.expires = Millis{30};
  submit(c, job);
  submit(c, job);
  std::size_t expired = 0;
  eventually([&] { return (expired += must(run(c.broker->promote_due(100))).expired) == 2; });
}

TEST_P(BrokerContract, JobThatWasStartedDoesNotExpire) {
  auto& c = connect("w1");
  auto job = new_job();
  job.expires = Millis{500};
  const auto id = submit(c, job);
  settle(c, retry(claim_one(c), Millis{600}));
  EXPECT_EQ(promote(c).promoted, 1U);
  EXPECT_EQ(record(c, id).status, JobStatus::queued);
  EXPECT_EQ(claim_one(c).lease.attempt, 2U);
}

TEST_P(BrokerContract, UniqueKeyKeepsASecondJobOutWhileTheFirstLives) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "tenant:7";
  std::vector<job::NewJob> two{job, job};
  const auto enqueued = must(run(c.broker->enqueue(two)));
  EXPECT_TRUE(enqueued[0].created);
  EXPECT_FALSE(enqueued[1].created);
  EXPECT_EQ(enqueued[0].id, enqueued[1].id);
  EXPECT_EQ(record(c, enqueued[0].id).unique, "tenant:7");
  const auto claimed = claim_one(c);
  EXPECT_EQ(submit(c, job), enqueued[0].id) << "while it runs";
  settle(c, retry(claimed, Millis{0}));
  EXPECT_EQ(submit(c, job), enqueued[0].id) << "while it waits again";
  settle(c, complete(claim_one(c)));
  const auto next = submit(c, job);
  EXPECT_NE(next, enqueued[0].id) << "the key goes with the job that held it";
  EXPECT_THAT(claim(c, 10), SizeIs(1));
}

TEST_P(BrokerContract, UniqueKeyIsReleasedByEveryEnd) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "k";
  auto id = submit(c, job);
  const auto expect_free = [&](const char* how) {
    const auto next = submit(c, job);
    EXPECT_NE(next, id) << how;
    id = next;
  };
  settle(c, fail(claim_one(c)));
  expect_free("failed");
  must(run(c.directory->cancel(id)));
  expect_free("cancelled");
  EXPECT_OK(run(c.directory->remove(id)));
  expect_free("removed");
  must(run(c.directory->purge(kQueue, "")));
  job.expires = Millis{10};
  expect_free("purged");
  promote(c);
  expect_free("expired");
}

TEST_P(BrokerContract, UniqueKeysBelongToTheirQueue) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "k";
  const auto here = submit(c, job);
  job.queue = "other";
  EXPECT_NE(submit(c, job), here);
}

TEST_P(BrokerContract, RecordsGoWhenTheirTimeIsOver) {
  auto with = options("w1");
  with.result_ttl = Millis{150};
  with.failed_ttl = Millis{60'000};
  auto& c = connect(with);
  const auto done = submit(c);
  settle(c, complete(claim_one(c)));
  const auto failed = submit(c);
  settle(c, fail(claim_one(c)));
  const auto waiting = submit(c);
  EXPECT_TRUE(exists(c, done));
  eventually([&] {
    must(run(c.broker->promote_due(100)));
    return !exists(c, done);
  });
  EXPECT_TRUE(exists(c, failed));
  EXPECT_TRUE(exists(c, waiting)) << "only final records expire";
  broker::JobFilter all;
  EXPECT_THAT(must(run(c.directory->list(all))).jobs, SizeIs(2));
}

TEST_P(BrokerContract, FailedRecordsHaveATimeOfTheirOwn) {
  auto with = options("w1");
  with.result_ttl = Millis{60'000};
  with.failed_ttl = Millis{100};
  auto& c = connect(with);
  const auto done = submit(c);
  settle(c, complete(claim_one(c)));
  const auto failed = submit(c);
  settle(c, fail(claim_one(c)));
  eventually([&] {
    must(run(c.broker->promote_due(100)));
    return !exists(c, failed);
  });
  EXPECT_TRUE(exists(c, done));
}

}  // namespace conduitd::test
