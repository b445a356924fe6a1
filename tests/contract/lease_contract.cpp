// Fences: what an attempt may still write once it has lost its lease, and who pays for a lost one.

#include <set>

#include "contract/broker_contract.h"

namespace conduitd::test {

using broker::LeaseState;
using broker::Settled;
using job::JobStatus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(BrokerContract, ExpiredLeaseIsReclaimedAndACrashIsCharged) {
  auto& c = connect("w1");
  const auto id = submit(c);
  claim_one(c);
  EXPECT_EQ(record(c, id).status, JobStatus::running);
  const auto reclaimed = reclaim(c);
  ASSERT_THAT(reclaimed.entries, SizeIs(1));
  EXPECT_EQ(reclaimed.entries[0].job_id, id);
  EXPECT_EQ(reclaimed.entries[0].attempt, 1U);
  EXPECT_FALSE(reclaimed.entries[0].poison);
  const auto waiting = record(c, id);
  EXPECT_EQ(waiting.status, JobStatus::queued);
  EXPECT_EQ(waiting.counters.attempts, 1U);
  EXPECT_EQ(waiting.counters.crashes, 1U);
  EXPECT_EQ(waiting.counters.failures, 0U);
  ASSERT_THAT(waiting.attempts, SizeIs(1));
  EXPECT_EQ(waiting.attempts[0].outcome, "lease expired");
  ASSERT_TRUE(waiting.attempts[0].failure);
  EXPECT_EQ(waiting.attempts[0].failure->message, "worker w1 was not heard of for the length of a lease: it died, hung or was cut off");
  EXPECT_EQ(waiting.attempts[0].worker, "w1");
  const auto again = claim_one(c);
  EXPECT_EQ(again.lease.attempt, 2U);
  EXPECT_EQ(again.counters.crashes, 1U);
}

TEST_P(BrokerContract, LiveLeaseIsNotReclaimed) {
  auto& c = connect("w1");
  submit(c);
  claim_one(c);
  EXPECT_THAT(must(run(c.broker->reclaim_expired({}))).entries, IsEmpty());
}

TEST_P(BrokerContract, ReclaimTakesJobsOfTasksTheWorkerDoesNotHave) {
  auto& dead = connect("w1");
  auto& other = connect("w2");
  const auto id = submit(dead, new_job("rare.task", "far"));
  claim_one(dead, "rare.task", "far");
  EXPECT_EQ(reclaim(other).entries.at(0).job_id, id);
}

TEST_P(BrokerContract, ReclaimTakesNoMoreThanAsked) {
  auto& c = connect("w1");
  submit(c, 5);
  claim(c, 5);
  broker::ReclaimRequest wanted;
  wanted.most = 2;
  std::size_t total = 0;
  eventually([&] {
    const auto found = must(run(c.broker->reclaim_expired(wanted))).entries.size();
    EXPECT_LE(found, 2U);
    total += found;
    return total == 5;
  });
}

TEST_P(BrokerContract, ExtendKeepsALease) {
  auto with = options("w1");
  with.lease = 3 * kLease;
  auto& holder = connect(with);
  auto& other = connect("w2");
  submit(holder);
  const auto claimed = claim_one(holder);
  const auto until = clock.now() + 2 * with.lease;
  while (clock.now() < until) {
    EXPECT_THAT(must(run(holder.broker->extend({claimed.lease}))), ElementsAre(LeaseState::held));
    EXPECT_THAT(must(run(other.broker->reclaim_expired({}))).entries, IsEmpty());
    run_for(io, kLease / 3);
  }
  EXPECT_EQ(settle(holder, complete(claimed)), Settled::applied);
}

TEST_P(BrokerContract, F9_EveryWriteOfALostAttemptIsRefused) {
  auto& slow = connect("w1");
  auto& quick = connect("w2");
  const auto id = submit(slow);
  const auto stale = claim_one(slow);
  reclaim(quick);
  const auto check_refused = [&] {
    job::Report report;
    report.lease = stale.lease;
    report.progress = job::Progress{0.9, "from the grave"};
    report.logs.push_back({clock.wall_now(), 1, job::LogLevel::info, "from the grave", {}});
    EXPECT_THAT(must(run(slow.broker->extend({stale.lease}))), ElementsAre(LeaseState::lost));
    EXPECT_THAT(must(run(slow.broker->report({report}))), ElementsAre(LeaseState::lost));
    EXPECT_EQ(settle(slow, complete(stale, "\"stale\"")), Settled::lost);
    EXPECT_EQ(settle(slow, retry(stale, Millis{0})), Settled::lost);
    EXPECT_EQ(settle(slow, release(stale)), Settled::lost);
  };
  check_refused();  // while it waits
  EXPECT_EQ(record(quick, id).status, JobStatus::queued);
  const auto held = claim_one(quick);
  check_refused();  // while another holds it
  EXPECT_EQ(record(quick, id).status, JobStatus::running);
  EXPECT_EQ(settle(quick, complete(held, "\"good\"")), Settled::applied);
  check_refused();  // once it has ended
  const auto done = record(quick, id);
  EXPECT_EQ(done.status, JobStatus::complete);
  EXPECT_EQ(done.result, "\"good\"");
  EXPECT_FALSE(done.progress.has_value());
  EXPECT_THAT(must(run(quick.directory->logs(id, "", 10))).lines, IsEmpty());
}

TEST_P(BrokerContract, AnotherWorkerCannotWriteForTheHolder) {
  auto& holder = connect("w1");
  auto& other = connect("w2");
  submit(holder);
  const auto claimed = claim_one(holder);
  EXPECT_THAT(must(run(other.broker->extend({claimed.lease}))), ElementsAre(LeaseState::lost));
  EXPECT_EQ(settle(other, complete(claimed)), Settled::lost);
  EXPECT_EQ(settle(holder, complete(claimed)), Settled::applied);
}

TEST_P(BrokerContract, WritesForAJobThatNeverWasAreRefused) {
  auto& c = connect("w1");
  const auto id = submit(c);
  auto claimed = claim_one(c);
  claimed.lease.attempt = 7;
  EXPECT_EQ(settle(c, complete(claimed)), Settled::lost);
  EXPECT_THAT(must(run(c.broker->extend({claimed.lease}))), ElementsAre(LeaseState::lost));
  EXPECT_EQ(record(c, id).status, JobStatus::running);
}

TEST_P(BrokerContract, F6_RepeatedSettleIsToldFromALostOne) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto first = claim_one(c);
  EXPECT_EQ(settle(c, retry(first, Millis{0})), Settled::applied);
  EXPECT_EQ(settle(c, retry(first, Millis{0})), Settled::repeated);
  EXPECT_EQ(record(c, id).counters.failures, 1U) << "charged once";
  const auto second = claim_one(c);
  EXPECT_EQ(second.lease.attempt, 2U);
  EXPECT_EQ(settle(c, retry(first, Millis{0})), Settled::repeated);
  EXPECT_EQ(record(c, id).status, JobStatus::running) << "a repeated settle does not touch the next attempt";
  EXPECT_EQ(settle(c, complete(second, "1")), Settled::applied);
  EXPECT_EQ(settle(c, complete(second, "2")), Settled::repeated);
  EXPECT_EQ(record(c, id).result, "1");
}

TEST_P(BrokerContract, SettleAnswersInOrderForAMixedBatch) {
  auto& c = connect("w1");
  submit(c, 3);
  const auto claims = claim(c, 3);
  ASSERT_THAT(claims, SizeIs(3));
  EXPECT_EQ(settle(c, complete(claims[1])), Settled::applied);
  auto wrong = complete(claims[2]);
  wrong.lease.attempt = 9;
  std::vector<job::Settlement> batch{complete(claims[0]), complete(claims[1]), wrong, fail(claims[2])};
  EXPECT_THAT(must(run(c.broker->settle(batch))),
              ElementsAre(Settled::applied, Settled::repeated, Settled::lost, Settled::applied));
}

TEST_P(BrokerContract, ExtendAnswersInOrderForAMixedBatch) {
  auto& c = connect("w1");
  submit(c, 3);
  const auto claims = claim(c, 3);
  ASSERT_THAT(claims, SizeIs(3));
  settle(c, complete(claims[0]));
  must(run(c.directory->cancel(claims[2].lease.job_id)));
  std::vector<job::Lease> leases{claims[0].lease, claims[1].lease, claims[2].lease};
  EXPECT_THAT(must(run(c.broker->extend(leases))),
              ElementsAre(LeaseState::lost, LeaseState::held, LeaseState::cancel_requested));
}

TEST_P(BrokerContract, WhatManyWorkersTakeEndsExactlyOnce) {
  constexpr std::size_t kJobs = 200;
  auto& producer = connect("");
  std::vector<broker::Connection*> workers{&connect("w1"), &connect("w2"), &connect("w3")};
  submit(producer, kJobs);
  std::size_t applied = 0;
  std::size_t turn = 0;
  std::vector<std::pair<broker::Connection*, job::Claim>> abandoned;
  eventually([&] {
    auto& worker = *workers[turn++ % workers.size()];
    must(run(worker.broker->reclaim_expired({100, 1'000})));
    std::vector<job::Settlement> batch;
    for (auto& claimed : claim(worker, 9)) {
      // Every seventh first attempt is left lying.
      if (claimed.lease.attempt == 1 && batch.size() == 6) {
        abandoned.emplace_back(&worker, claimed);
      } else {
        batch.push_back(complete(claimed));
      }
    }
    for (const auto settled : must(run(worker.broker->settle(batch)))) applied += settled == Settled::applied ? 1 : 0;
    return applied == kJobs;
  });
  for (const auto& [worker, claimed] : abandoned) EXPECT_EQ(settle(*worker, complete(claimed)), Settled::lost);
  broker::JobFilter filter;
  filter.status = JobStatus::complete;
  filter.limit = 1'000;
  EXPECT_THAT(must(run(producer.directory->list(filter))).jobs, SizeIs(kJobs));
}

}  // namespace conduitd::test
