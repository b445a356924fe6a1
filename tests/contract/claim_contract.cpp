// Who gets which job, in which order, and how a waiting claim is woken.

#include <set>

#include "contract/broker_contract.h"

namespace conduitd::test {

using job::JobStatus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(BrokerContract, ClaimHandsOutWhatWasSubmitted) {
  auto& c = connect("w1");
  auto job = new_job();
  job.args = R"({ "path" : "/tmp/ä.jpg",  "n":1e2 })";
  job.priority = 7;
  job.retries = 4;
  job.timeout = Millis{1500};
  job.parent_id = "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC";
  job.root_id = "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBD";
  job.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto id = submit(c, job);
  const auto claimed = claim_one(c);
  EXPECT_EQ(claimed.lease.job_id, id);
  EXPECT_EQ(claimed.lease.task, kTask);
  EXPECT_EQ(claimed.lease.queue, kQueue);
  EXPECT_EQ(claimed.lease.attempt, 1U);
  EXPECT_EQ(claimed.args, job.args) << "payload bytes are kept unchanged";
  EXPECT_EQ(claimed.priority, 7);
  EXPECT_EQ(claimed.counters.attempts, 1U);
  EXPECT_EQ(claimed.counters.failures, 0U);
  EXPECT_EQ(claimed.retries, 4);
  EXPECT_EQ(claimed.timeout, Millis{1500});
  EXPECT_EQ(claimed.parent_id, job.parent_id);
  EXPECT_EQ(claimed.root_id, job.root_id);
  EXPECT_EQ(claimed.traceparent, job.traceparent);
  EXPECT_LT(std::chrono::abs(claimed.created_at - clock.wall_now()), Millis{10'000});
  EXPECT_FALSE(claimed.invalid);
  EXPECT_EQ(claimed.metadata, "");
  EXPECT_EQ(claimed.checkpoint, "");
}

TEST_P(BrokerContract, TraceStaysWithAJobFromAttemptToAttempt) {
  auto& c = connect("w1");
  auto job = new_job();
  job.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto id = submit(c, job);
  const auto first = claim_one(c);
  job::Settlement again;
  again.lease = first.lease;
  again.kind = job::Settlement::Kind::retry;
  again.charge = job::Settlement::Charge::failure;
  EXPECT_OK(run(c.broker->settle({again})));
  const auto second = claim_one(c);
  EXPECT_EQ(second.lease.attempt, 2U);
  EXPECT_EQ(second.traceparent, job.traceparent);
  job::Settlement end;
  end.lease = second.lease;
  end.result = "1";
  EXPECT_OK(run(c.broker->settle({end})));
  EXPECT_EQ(record(c, id).status, JobStatus::complete);
  EXPECT_EQ(record(c, id).traceparent, job.traceparent);
}

TEST_P(BrokerContract, ClaimOfNothingReturnsAtOnce) {
  auto& c = connect("w1");
  EXPECT_THAT(claim(c, 10), IsEmpty());
  submit(c, 1);
  EXPECT_THAT(claim(c, 0), IsEmpty());
  EXPECT_THAT(claim(c, 10, "another.task"), IsEmpty());
  EXPECT_THAT(claim(c, 10, kTask, "elsewhere"), IsEmpty());
  EXPECT_THAT(claim(c, 10), SizeIs(1));
}

TEST_P(BrokerContract, TwoClaimersNeverShareALease) {
  auto& producer = connect("");
  auto& first = connect("w1");
  auto& second = connect("w2");
  submit(producer, 300);
  std::set<std::string> seen;
  std::size_t total = 0;
  while (total < 300) {
    auto one = start(first.broker->claim(request(7)));
    auto two = start(second.broker->claim(request(7)));
    const auto a = must(finish(one));
    const auto b = must(finish(two));
    ASSERT_GT(a.size() + b.size(), 0U) << "jobs were lost";
    for (const auto& id : ids_of(a)) seen.insert(id);
    for (const auto& id : ids_of(b)) seen.insert(id);
    total += a.size() + b.size();
  }
  EXPECT_EQ(total, 300U);
  EXPECT_THAT(seen, SizeIs(300));
  EXPECT_THAT(claim(first, 10), IsEmpty());
}

TEST_P(BrokerContract, ClaimTakesOldestFirst) {
  auto& c = connect("w1");
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(submit(c));
  for (const auto& id : submit(c, 5)) ids.push_back(id);
  EXPECT_EQ(ids_of(claim(c, 4)), std::vector<std::string>(ids.begin(), ids.begin() + 4));
  EXPECT_EQ(ids_of(claim(c, 100)), std::vector<std::string>(ids.begin() + 4, ids.end()));
}

TEST_P(BrokerContract, ClaimTakesHigherPriorityFirst) {
  auto& c = connect("w1");
  std::vector<std::string> ids;
  for (const int priority : {0, 5, 9, 5, 9}) {
    auto job = new_job();
    job.priority = priority;
    ids.push_back(submit(c, job));
  }
  EXPECT_THAT(ids_of(claim(c, 10)), ElementsAre(ids[2], ids[4], ids[1], ids[3], ids[0]));
}

TEST_P(BrokerContract, ReleasedJobsComeBeforeAllOthers) {
  auto& c = connect("w1");
  const auto first = submit(c);
  const auto claimed = claim_one(c);
  auto urgent = new_job();
  urgent.priority = 9;
  const auto second = submit(c, urgent);
  EXPECT_EQ(settle(c, release(claimed)), broker::Settled::applied);
  EXPECT_THAT(ids_of(claim(c, 10)), ElementsAre(first, second));
}

TEST_P(BrokerContract, ReclaimedJobsComeBeforeAllOthers) {
  auto& c = connect("w1");
  const auto first = submit(c);
  claim_one(c);
  auto urgent = new_job();
  urgent.priority = 9;
  const auto second = submit(c, urgent);
  reclaim(c);
  EXPECT_THAT(ids_of(claim(c, 10)), ElementsAre(first, second));
}

TEST_P(BrokerContract, JobsWhoseHostCrashedComeBeforeAllOthers) {
  auto& c = connect("w");
  submit(c, 2);
  const auto claims = claim(c, 2);
  auto crash = settlement(claims.at(1), job::Settlement::Kind::retry);
  crash.charge = job::Settlement::Charge::crash;
  settle(c, crash);
  settle(c, retry(claims.at(0), Millis{0}));
  auto urgent = new_job();
  urgent.priority = 9;
  submit(c, urgent);
  EXPECT_EQ(claim_one(c).lease.job_id, claims.at(1).lease.job_id);
}

TEST_P(BrokerContract, ClaimTakesNoMoreThanAGroupWants) {
  auto& c = connect("w1");
  submit(c, 5, "a.one");
  submit(c, 5, "a.two");
  submit(c, 5, "b.one");
  broker::ClaimRequest wanted;
  wanted.groups.push_back({3, {{kQueue, "a.one"}, {kQueue, "a.two"}}});
  wanted.groups.push_back({2, {{kQueue, "b.one"}}});
  wanted.groups.push_back({0, {{kQueue, "a.two"}}});
  const auto claims = must(run(c.broker->claim(wanted)));
  std::map<std::string, int> by_group;
  for (const auto& claim : claims) ++by_group[claim.lease.task.substr(0, 1)];
  EXPECT_EQ(by_group["a"], 3);
  EXPECT_EQ(by_group["b"], 2);
  // What was not taken is still there.
  EXPECT_THAT(claim(c, 10, "a.one"), SizeIs(2));
  EXPECT_THAT(claim(c, 10, "a.two"), SizeIs(5));
  EXPECT_THAT(claim(c, 10, "b.one"), SizeIs(3));
}

TEST_P(BrokerContract, ClaimTriesTheSourcesOfAGroupInTheirOrder) {
  auto& c = connect("w1");
  const auto later = submit(c, new_job("second.task"));
  const auto sooner = submit(c, new_job("first.task"));
  const auto claims = must(run(c.broker->claim(request(1, {{kQueue, "first.task"}, {kQueue, "second.task"}}))));
  EXPECT_THAT(ids_of(claims), ElementsAre(sooner));
  EXPECT_THAT(ids_of(claim(c, 1, "second.task")), ElementsAre(later));
}

TEST_P(BrokerContract, ClaimFillsAGroupFromLaterSources) {
  auto& c = connect("w1");
  submit(c, 2, "first.task");
  submit(c, 4, "second.task", "other");
  const auto claims = must(run(c.broker->claim(request(5, {{kQueue, "first.task"}, {"other", "second.task"}}))));
  EXPECT_THAT(claims, SizeIs(5));
  EXPECT_THAT(claim(c, 5, "second.task", "other"), SizeIs(1));
}

TEST_P(BrokerContract, WaitingClaimIsWokenByASubmit) {
  auto& c = connect("w1");
  auto waiting = start(c.broker->claim(request(5, {{kQueue, kTask}}, kDeadline)));
  run_for(io, Millis{30});
  EXPECT_FALSE(waiting.done());
  const auto id = submit(c);
  EXPECT_THAT(ids_of(must(finish(waiting))), ElementsAre(id));
}

TEST_P(BrokerContract, WaitingClaimIsWokenByASubmitOfAnotherConnection) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  for (int round = 0; round < 5; ++round) {
    auto waiting = start(worker.broker->claim(request(5, {{kQueue, kTask}}, kDeadline)));
    run_for(io, Millis{30});
    EXPECT_FALSE(waiting.done());
    const auto began = clock.now();
    const auto id = submit(producer);
    EXPECT_THAT(ids_of(must(finish(waiting))), ElementsAre(id));
    EXPECT_LT(clock.now() - began, Millis{1'000}) << "woken, not found by polling";
  }
}

TEST_P(BrokerContract, WaitingClaimLooksAtAllItsSources) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  std::vector<broker::Source> sources;
  for (int i = 0; i < 12; ++i) sources.push_back({kQueue, "task." + std::to_string(i)});
  sources.push_back({"other", kTask});
  auto waiting = start(worker.broker->claim(request(5, sources, kDeadline)));
  run_for(io, Millis{30});
  const auto id = submit(producer, new_job(kTask, "other"));
  EXPECT_THAT(ids_of(must(finish(waiting))), ElementsAre(id));
}

TEST_P(BrokerContract, WaitingClaimReturnsEmptyWhenItsWaitIsOver) {
  auto& c = connect("w1");
  const auto began = clock.now();
  EXPECT_THAT(must(run(c.broker->claim(request(5, {{kQueue, kTask}}, Millis{120})))), IsEmpty());
  EXPECT_GE(clock.now() - began, Millis{100});
  EXPECT_LT(clock.now() - began, Millis{3'000});
}

TEST_P(BrokerContract, InterruptEndsAWaitingClaim) {
  auto& c = connect("w1");
  auto waiting = start(c.broker->claim(request(5, {{kQueue, kTask}}, kDeadline)));
  run_for(io, Millis{30});
  c.broker->interrupt_claim();
  EXPECT_THAT(must(finish(waiting)), IsEmpty());
  // The next one waits again: an interrupt is for the claim under way.
  auto next = start(c.broker->claim(request(5, {{kQueue, kTask}}, kDeadline)));
  run_for(io, Millis{30});
  EXPECT_FALSE(next.done());
  submit(c);
  EXPECT_THAT(must(finish(next)), SizeIs(1));
}

TEST_P(BrokerContract, InterruptLosesNoJob) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  std::size_t taken = 0;
  for (int round = 0; round < 50; ++round) {
    auto waiting = start(worker.broker->claim(request(5, {{kQueue, kTask}}, kDeadline)));
    std::vector<job::NewJob> jobs{new_job()};
    auto enqueued = start(producer.broker->enqueue(std::move(jobs)));
    run_for(io, Millis{1 + round % 6});
    worker.broker->interrupt_claim();
    EXPECT_OK(finish(enqueued));
    for (const auto& claim : must(finish(waiting))) {
      EXPECT_EQ(settle(worker, complete(claim)), broker::Settled::applied);
      ++taken;
    }
  }
  for (auto claims = claim(worker, 100); !claims.empty(); claims = claim(worker, 100)) taken += claims.size();
  EXPECT_EQ(taken, 50U);
}

TEST_P(BrokerContract, CloseEndsAWaitingClaim) {
  auto& c = connect("w1");
  auto waiting = start(c.broker->claim(request(5, {{kQueue, kTask}}, kDeadline)));
  run_for(io, Millis{30});
  run(c.broker->close());
  EXPECT_ERRC(Errc::cancelled, finish(waiting));
  EXPECT_ERRC(Errc::cancelled, run(c.broker->claim(request(1))));
  close(connect("w2"));
}

TEST_P(BrokerContract, BatchesOfTheLargestSizeWork) {
  auto& c = connect("w1");
  EXPECT_THAT(submit(c, broker::Broker::kMaxBatch), SizeIs(broker::Broker::kMaxBatch));
  auto claims = claim(c, broker::Broker::kMaxBatch);
  ASSERT_THAT(claims, SizeIs(broker::Broker::kMaxBatch));
  std::vector<job::Settlement> settlements;
  for (const auto& claim : claims) settlements.push_back(complete(claim));
  const auto settled = must(run(c.broker->settle(settlements)));
  EXPECT_EQ(settled, std::vector<broker::Settled>(broker::Broker::kMaxBatch, broker::Settled::applied));
}

TEST_P(BrokerContract, BatchesAboveTheBoundAreRefused) {
  auto& c = connect("w1");
  std::vector<job::NewJob> jobs(broker::Broker::kMaxBatch + 1, new_job());
  EXPECT_ERRC(Errc::invalid_argument, run(c.broker->enqueue(jobs)));
  EXPECT_ERRC(Errc::invalid_argument, run(c.broker->settle(std::vector<job::Settlement>(broker::Broker::kMaxBatch + 1))));
  EXPECT_ERRC(Errc::invalid_argument, run(c.broker->extend(std::vector<job::Lease>(broker::Broker::kMaxBatch + 1))));
  EXPECT_ERRC(Errc::invalid_argument, run(c.broker->report(std::vector<job::Report>(broker::Broker::kMaxBatch + 1))));
  EXPECT_THAT(claim(c, 10), IsEmpty());
}

TEST_P(BrokerContract, EmptyBatchesDoNothing) {
  auto& c = connect("w1");
  EXPECT_THAT(must(run(c.broker->enqueue({}))), IsEmpty());
  EXPECT_THAT(must(run(c.broker->settle({}))), IsEmpty());
  EXPECT_THAT(must(run(c.broker->extend({}))), IsEmpty());
  EXPECT_THAT(must(run(c.broker->report({}))), IsEmpty());
  EXPECT_THAT(must(run(c.broker->claim({}))), IsEmpty());
}

TEST_P(BrokerContract, LargePayloadsTravelUnchanged) {
  auto& c = connect("w1");
  auto job = new_job();
  job.args = "{\"blob\": \"" + std::string(1'000'000, 'x') + "\"}";
  submit(c, job);
  const auto claimed = claim_one(c);
  EXPECT_TRUE(claimed.args == job.args);
  EXPECT_EQ(settle(c, complete(claimed, job.args)), broker::Settled::applied);
  EXPECT_TRUE(record(c, claimed.lease.job_id).result == job.args);
}

TEST_P(BrokerContract, GarbageRecordIsHandedOutAsInvalidAndBlocksNobody) {
  auto& c = connect("w1");
  submit(c, 1);
  site->plant_garbage(kQueue, kTask);
  submit(c, 1);
  const auto claims = claim(c, 10);
  ASSERT_THAT(claims, SizeIs(3));
  std::size_t invalid = 0;
  for (const auto& claim : claims) {
    auto settlement = complete(claim);
    if (claim.invalid) {
      ++invalid;
      EXPECT_NE(claim.error, "");
      settlement = fail(claim, job::FailureReason::invalid);
    }
    EXPECT_EQ(settle(c, settlement), broker::Settled::applied);
    if (!claim.invalid) continue;
    const auto failed = record(c, claim.lease.job_id);
    EXPECT_EQ(failed.status, JobStatus::failed);
    EXPECT_EQ(failed.reason, job::FailureReason::invalid);
  }
  EXPECT_EQ(invalid, 1U);
  broker::JobFilter filter;
  filter.status = JobStatus::failed;
  EXPECT_THAT(must(run(c.directory->list(filter))).jobs, SizeIs(1)) << "never dropped";
}

}  // namespace conduitd::test
