// Defects measured in a comparable system, each of which must not be ours. The sixth, a schedule that ignores its
// changed expression, belongs to schedules; here stands what a broker has to do with it: a due time that changes.

#include <set>

#include "contract/broker_contract.h"

namespace conduitd::test {

using broker::Settled;
using job::JobStatus;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(BrokerContract, UpnextDefect1_ClaimOverManySourcesCountsOverAllAndForgetsNone) {
  auto& c = connect("w1");
  std::vector<broker::Source> sources;
  for (int i = 0; i < 16; ++i) {
    sources.push_back({kQueue, "task." + std::to_string(i)});
    submit(c, 3, sources.back().task);
  }
  std::set<std::string> seen;
  std::size_t total = 0;
  for (int round = 0; round < 12; ++round) {
    const auto claims = must(run(c.broker->claim(request(4, sources))));
    EXPECT_THAT(claims, SizeIs(4)) << "exactly what was wanted, at once";
    for (const auto& claimed : claims) {
      seen.insert(claimed.lease.job_id);
      EXPECT_EQ(claimed.lease.attempt, 1U);
    }
    total += claims.size();
  }
  EXPECT_EQ(total, 48U);
  EXPECT_THAT(seen, SizeIs(48));
  EXPECT_THAT(must(run(c.broker->claim(request(4, sources)))), IsEmpty());
}

TEST_P(BrokerContract, UpnextDefect1_EightTasksWithOneJobEachAreDeliveredAtOnce) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  std::vector<broker::Source> sources;
  for (int i = 0; i < 8; ++i) sources.push_back({kQueue, "task." + std::to_string(i)});
  const auto began = clock.now();
  for (const auto& source : sources) submit(producer, new_job(source.task));
  std::size_t total = 0;
  while (total < 8) total += must(run(worker.broker->claim(request(4, sources, kDeadline)))).size();
  EXPECT_LT(clock.now() - began, Millis{2'000});
}

TEST_P(BrokerContract, UpnextDefect2_JobDelayedBeyondTheResultTtlIsNotLost) {
  auto with = options("w1");
  with.result_ttl = Millis{30};
  with.failed_ttl = Millis{30};
  auto& c = connect(with);
  auto job = new_job();
  job.delay = Millis{250};
  job.args = R"({"kept":true})";
  const auto id = submit(c, job);
  const auto queued = submit(c, new_job("other.task"));
  promote(c);
  const auto claimed = claim_one(c);
  EXPECT_EQ(claimed.lease.job_id, id);
  EXPECT_EQ(claimed.args, job.args);
  EXPECT_TRUE(exists(c, queued)) << "waiting is no reason to be forgotten";
}

TEST_P(BrokerContract, UpnextDefect3_AttemptsAreCountedBeforeTheyRunAndThreeCrashesArePoison) {
  auto& c = connect("w1");
  const auto id = submit(c);
  for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
    const auto claimed = claim_one(c);
    EXPECT_EQ(claimed.lease.attempt, attempt);
    EXPECT_EQ(record(c, id).counters.attempts, attempt) << "on record before anything runs";
    const auto reclaimed = reclaim(c, 3);
    EXPECT_EQ(reclaimed.entries.at(0).poison, attempt == 3);
  }
  const auto dead = record(c, id);
  EXPECT_EQ(dead.status, JobStatus::failed);
  EXPECT_EQ(dead.reason, job::FailureReason::poison);
  EXPECT_EQ(dead.counters.crashes, 3U);
  EXPECT_THAT(dead.attempts, SizeIs(3));
  EXPECT_THAT(claim(c), IsEmpty());
}

TEST_P(BrokerContract, UpnextDefect4_NothingIsLeftInTheQueueOfWhatHasEnded) {
  auto& c = connect("w1");
  submit(c, 100);
  std::vector<job::Settlement> batch;
  for (const auto& claimed : claim(c, 100)) batch.push_back(complete(claimed));
  must(run(c.broker->settle(batch)));
  for (const auto& queue : must(run(c.directory->queues()))) {
    EXPECT_EQ(queue.queued, 0U);
    EXPECT_EQ(queue.running, 0U);
  }
  run_for(io, kLease + Millis{50});
  EXPECT_THAT(must(run(c.broker->reclaim_expired({}))).entries, IsEmpty());
  EXPECT_THAT(claim(c), IsEmpty());
}

TEST_P(BrokerContract, UpnextDefect5_AStoreThatWasEmptiedWorksOnByItself) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  submit(producer);
  settle(worker, complete(claim_one(worker)));
  if (GetParam().can_be_wiped) {
    site->wipe();
  } else {
    // The nearest thing for a store that nobody can empty under us: all that was there is taken out.
    for (const auto& job : must(run(producer.directory->list({}))).jobs) EXPECT_OK(run(producer.directory->remove(job.id)));
  }
  auto waiting = start(worker.broker->claim(request(1, {{kQueue, kTask}}, kDeadline)));
  run_for(io, Millis{50});
  const auto id = submit(producer);
  std::vector<job::Claim> claims;
  eventually([&] {
    // A claim that was waiting may end with an error; the next one must work.
    if (waiting.done()) {
      const auto result = waiting.take();
      if (result.has_value() && !result.value().empty()) claims = result.value();
      if (claims.empty()) waiting = start(worker.broker->claim(request(1, {{kQueue, kTask}}, kDeadline)));
    }
    return !claims.empty();
  });
  EXPECT_EQ(claims.at(0).lease.job_id, id);
  EXPECT_EQ(settle(worker, complete(claims.at(0))), Settled::applied);
}

TEST_P(BrokerContract, UpnextDefect5_AStoreThatWentAwayIsFoundAgain) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  const auto before = submit(producer);
  if (!GetParam().has_server) {
    close(worker);
    close(producer);
  }
  site->restart();
  auto& again = GetParam().has_server ? worker : connect("w1");
  std::vector<job::Claim> claims;
  eventually([&] {
    auto result = run(again.broker->claim(request(1)));
    if (result.has_value()) claims = std::move(result).value();
    return !claims.empty();
  });
  EXPECT_EQ(claims[0].lease.job_id, before);
  EXPECT_EQ(settle(again, complete(claims[0])), Settled::applied);
}

TEST_P(BrokerContract, UpnextDefect6_AJobTakenOutAndSubmittedAgainRunsAtItsNewTime) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "schedule:nightly";
  job.delay = Millis{3'600'000};
  const auto old = submit(c, job);
  EXPECT_OK(run(c.directory->remove(old)));
  job.delay = Millis{50};
  const auto changed = submit(c, job);
  EXPECT_NE(changed, old);
  EXPECT_EQ(promote(c).promoted, 1U);
  EXPECT_EQ(claim_one(c).lease.job_id, changed);
  EXPECT_FALSE(must(run(c.broker->promote_due(10))).next_due.has_value()) << "nothing of the old time is left";
}

TEST_P(BrokerContract, UpnextDefect7_JobThatExpiresBeforeItIsDueEndsVisibly) {
  auto& c = connect("w1");
  auto job = new_job();
  job.delay = Millis{60'000};
  job.expires = Millis{30};
  const auto id = submit(c, job);
  EXPECT_EQ(record(c, id).status, JobStatus::scheduled);
  EXPECT_EQ(promote(c).expired, 1U);
  EXPECT_EQ(record(c, id).status, JobStatus::expired) << "listed as what it is, not silently gone";
}

TEST_P(BrokerContract, UpnextDefect7_RepeatedJobWithAPeriodLongerThanAnyTtlGoesOn) {
  auto with = options("w1");
  with.result_ttl = Millis{20};
  auto& c = connect(with);
  for (int tick = 0; tick < 3; ++tick) {
    auto job = new_job();
    job.unique = "tick";
    job.delay = Millis{80};
    const auto id = submit(c, job);
    promote(c);
    const auto claimed = claim_one(c);
    EXPECT_EQ(claimed.lease.job_id, id);
    settle(c, complete(claimed));
  }
}

TEST_P(BrokerContract, UpnextDefect8_RepeatingASettleThatMayHaveFailedIsHarmless) {
  auto& c = connect("w1");
  const auto ids = submit(c, 3);
  std::vector<job::Settlement> batch;
  for (const auto& claimed : claim(c, 3)) batch.push_back(complete(claimed, "1"));
  must(run(c.broker->settle(batch)));
  // As a worker does that never saw the answer: the identity of its claims is still good, and nothing happens twice.
  for (int i = 0; i < 3; ++i) {
    for (const auto settled : must(run(c.broker->settle(batch)))) EXPECT_EQ(settled, Settled::repeated);
  }
  for (const auto& id : ids) {
    EXPECT_EQ(record(c, id).counters.attempts, 1U);
    EXPECT_THAT(record(c, id).attempts, SizeIs(1));
  }
  EXPECT_THAT(claim(c), IsEmpty());
}

TEST_P(BrokerContract, UpnextDefect8_JobsSubmittedBeforeAnyWorkerExistedAreFound) {
  {
    auto& producer = connect("");
    submit(producer, 5, "new.task", "new");
  }
  close_all();
  auto& worker = connect("w1");
  EXPECT_THAT(claim(worker, 10, "new.task", "new"), SizeIs(5));
}

}  // namespace conduitd::test
