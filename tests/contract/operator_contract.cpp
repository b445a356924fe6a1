// What operators change: cancel, retry, remove, pause, purge.

#include "contract/broker_contract.h"

namespace conduitd::test {

using broker::CancelOutcome;
using broker::Notice;
using broker::Settled;
using job::JobStatus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {
constexpr const char* kNobody = "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC";
}

TEST_P(BrokerContract, CancelOfAWaitingJobEndsIt) {
  auto& c = connect("w1");
  const auto queued = submit(c);
  auto delayed_job = new_job();
  delayed_job.delay = Millis{60'000};
  const auto delayed = submit(c, delayed_job);
  for (const auto& id : {queued, delayed}) {
    EXPECT_EQ(must(run(c.directory->cancel(id))), CancelOutcome::cancelled);
    EXPECT_EQ(record(c, id).status, JobStatus::cancelled);
    EXPECT_TRUE(record(c, id).ended_at.has_value());
    EXPECT_EQ(must(run(c.directory->cancel(id))), CancelOutcome::ended);
  }
  EXPECT_THAT(claim(c), IsEmpty());
}

TEST_P(BrokerContract, CancelOfARetryingJobEndsIt) {
  auto& c = connect("w1");
  const auto id = submit(c);
  settle(c, retry(claim_one(c), Millis{30}));
  EXPECT_EQ(must(run(c.directory->cancel(id))), CancelOutcome::cancelled);
  run_for(io, Millis{50});
  EXPECT_EQ(must(run(c.broker->promote_due(10))).promoted, 0U);
  EXPECT_EQ(record(c, id).status, JobStatus::cancelled);
}

TEST_P(BrokerContract, CancelOfARunningJobReachesItsWorker) {
  auto& worker = connect("w1");
  auto& viewer = connect("");
  std::vector<std::string> told;
  worker.broker->on_notice([&](const Notice& notice) {
    if (notice.kind == Notice::Kind::cancel) told.push_back(notice.subject);
  });
  const auto id = submit(worker);
  const auto claimed = claim_one(worker);
  EXPECT_EQ(must(run(viewer.directory->cancel(id))), CancelOutcome::requested);
  EXPECT_TRUE(record(viewer, id).cancel_requested);
  EXPECT_EQ(record(viewer, id).status, JobStatus::running);
  run_until(io, [&] { return !told.empty(); });
  EXPECT_EQ(told.front(), id);
  EXPECT_THAT(must(run(worker.broker->extend({claimed.lease}))), ElementsAre(broker::LeaseState::cancel_requested));
  EXPECT_EQ(settle(worker, settlement(claimed, job::Settlement::Kind::cancel)), Settled::applied);
  EXPECT_EQ(record(viewer, id).status, JobStatus::cancelled);
}

TEST_P(BrokerContract, CancelThroughTheWorkersOwnConnectionIsToldToo) {
  auto& worker = connect("w1");
  std::vector<std::string> told;
  worker.broker->on_notice([&](const Notice& notice) {
    if (notice.kind == Notice::Kind::cancel) told.push_back(notice.subject);
  });
  const auto id = submit(worker);
  claim_one(worker);
  must(run(worker.directory->cancel(id)));
  run_until(io, [&] { return !told.empty(); });
  EXPECT_EQ(told.front(), id);
}

TEST_P(BrokerContract, JobThatShouldStopDoesNotStartAgain) {
  auto& c = connect("w1");
  for (const bool by_release : {false, true}) {
    const auto id = submit(c);
    const auto claimed = claim_one(c);
    must(run(c.directory->cancel(id)));
    EXPECT_EQ(settle(c, by_release ? release(claimed) : retry(claimed, Millis{0})), Settled::applied);
    EXPECT_EQ(record(c, id).status, JobStatus::cancelled);
  }
  const auto id = submit(c);
  claim_one(c);
  must(run(c.directory->cancel(id)));
  reclaim(c);
  EXPECT_EQ(record(c, id).status, JobStatus::cancelled);
  EXPECT_THAT(claim(c), IsEmpty());
}

TEST_P(BrokerContract, JobThatCompletedDespiteACancelIsComplete) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto claimed = claim_one(c);
  must(run(c.directory->cancel(id)));
  EXPECT_EQ(settle(c, complete(claimed, "1")), Settled::applied);
  EXPECT_EQ(record(c, id).status, JobStatus::complete);
}

TEST_P(BrokerContract, F88_CancelRacesSettleAndExactlyOneWins) {
  auto& worker = connect("w1");
  auto& viewer = connect("");
  for (int round = 0; round < 30; ++round) {
    const auto id = submit(worker);
    const auto claimed = claim_one(worker);
    std::vector<job::Settlement> batch{round % 2 == 0 ? complete(claimed) : retry(claimed, Millis{60'000})};
    auto settling = start(worker.broker->settle(batch));
    auto cancelling = start(viewer.directory->cancel(id));
    EXPECT_EQ(must(finish(settling)).at(0), Settled::applied);
    const auto outcome = must(finish(cancelling));
    const auto status = record(viewer, id).status;
    if (round % 2 == 0) {
      EXPECT_NE(outcome, CancelOutcome::cancelled);
      EXPECT_EQ(status, JobStatus::complete);
    } else {
      EXPECT_NE(outcome, CancelOutcome::ended);
      EXPECT_EQ(status, JobStatus::cancelled);
    }
  }
}

TEST_P(BrokerContract, F88_CancelRacesClaimAndExactlyOneWins) {
  auto& worker = connect("w1");
  auto& viewer = connect("");
  for (int round = 0; round < 30; ++round) {
    const auto id = submit(viewer);
    auto claiming = start(worker.broker->claim(request(1)));
    auto cancelling = start(viewer.directory->cancel(id));
    const auto claims = must(finish(claiming));
    const auto outcome = must(finish(cancelling));
    EXPECT_EQ(outcome, claims.empty() ? CancelOutcome::cancelled : CancelOutcome::requested);
    if (!claims.empty()) settle(worker, settlement(claims[0], job::Settlement::Kind::cancel));
    EXPECT_EQ(record(viewer, id).status, JobStatus::cancelled);
  }
}

TEST_P(BrokerContract, WhatIsNotThereIsNotFound) {
  auto& c = connect("w1");
  EXPECT_FALSE(exists(c, kNobody));
  EXPECT_ERRC(Errc::not_found, run(c.directory->cancel(kNobody)));
  EXPECT_ERRC(Errc::not_found, run(c.directory->retry(kNobody)));
  EXPECT_ERRC(Errc::not_found, run(c.directory->remove(kNobody)));
  EXPECT_ERRC(Errc::not_found, run(c.directory->purge("nowhere", "")));
  EXPECT_ERRC(Errc::not_found, run(c.directory->set_queue_paused("nowhere", true)));
  EXPECT_ERRC(Errc::not_found, run(c.directory->set_task_paused("no.task", true)));
  EXPECT_ERRC(Errc::invalid_argument, run(c.directory->find("not an id")));
  EXPECT_FALSE(must(run(c.directory->wait(kNobody, Millis{0}))).has_value());
}

TEST_P(BrokerContract, IdsOfAnotherQueueLeadNowhere) {
  auto& c = connect("w1");
  const auto id = submit(c);
  EXPECT_FALSE(exists(c, "other" + id.substr(id.rfind(':'))));
  EXPECT_TRUE(exists(c, id));
}

TEST_P(BrokerContract, OperatorRetryRunsAnEndedJobAgainWithItsHistory) {
  auto& c = connect("w1");
  auto job = new_job();
  job.args = R"({"a":1})";
  const auto id = submit(c, job);
  settle(c, retry(claim_one(c), Millis{0}, "first"));
  settle(c, fail(claim_one(c)));
  EXPECT_EQ(record(c, id).counters.failures, 2U);
  EXPECT_OK(run(c.directory->retry(id)));
  const auto waiting = record(c, id);
  EXPECT_EQ(waiting.status, JobStatus::queued);
  EXPECT_EQ(waiting.counters.failures, 0U) << "a new budget";
  EXPECT_EQ(waiting.reason, job::FailureReason::none);
  EXPECT_FALSE(waiting.ended_at.has_value());
  EXPECT_THAT(waiting.attempts, SizeIs(2)) << "its history is kept";
  const auto again = claim_one(c);
  EXPECT_EQ(again.lease.attempt, 3U) << "the fence goes on growing";
  EXPECT_EQ(again.args, R"({"a":1})");
  settle(c, complete(again, "1"));
  EXPECT_OK(run(c.directory->retry(id)));
  const auto fourth = claim_one(c);
  EXPECT_EQ(fourth.lease.attempt, 4U);
  EXPECT_EQ(settle(c, complete(again)), Settled::repeated);
  EXPECT_EQ(settle(c, complete(fourth, "2")), Settled::applied);
  const auto done = record(c, id);
  EXPECT_EQ(done.result, "2");
  ASSERT_THAT(done.attempts, SizeIs(4));
  EXPECT_EQ(done.attempts[2].outcome, "complete");
}

TEST_P(BrokerContract, OperatorRetryWorksForEveryEnd) {
  auto& c = connect("w1");
  const auto cancelled = submit(c);
  must(run(c.directory->cancel(cancelled)));
  auto late = new_job();
  late.expires = Millis{10};
  const auto expired = submit(c, late);
  promote(c);
  for (const auto& id : {cancelled, expired}) {
    EXPECT_OK(run(c.directory->retry(id)));
    EXPECT_EQ(record(c, id).status, JobStatus::queued);
  }
  EXPECT_THAT(claim(c, 10), SizeIs(2));
}

TEST_P(BrokerContract, OperatorRetryOfAJobThatHasNotEndedIsAConflict) {
  auto& c = connect("w1");
  const auto id = submit(c);
  EXPECT_ERRC(Errc::conflict, run(c.directory->retry(id)));
  claim_one(c);
  EXPECT_ERRC(Errc::conflict, run(c.directory->retry(id)));
}

TEST_P(BrokerContract, OperatorRetryRespectsAUniqueKeyTakenSince) {
  auto& c = connect("w1");
  auto job = new_job();
  job.unique = "k";
  const auto first = submit(c, job);
  settle(c, fail(claim_one(c)));
  submit(c, job);
  EXPECT_ERRC(Errc::conflict, run(c.directory->retry(first)));
  EXPECT_EQ(record(c, first).status, JobStatus::failed);
}

TEST_P(BrokerContract, RemoveForgetsEndedAndWaitingJobsButNotRunningOnes) {
  auto& c = connect("w1");
  const auto ended = submit(c);
  const auto claimed = claim_one(c);
  EXPECT_ERRC(Errc::conflict, run(c.directory->remove(ended)));
  job::Report report;
  report.lease = claimed.lease;
  report.logs.push_back({clock.wall_now(), 1, job::LogLevel::info, "hello", {}});
  must(run(c.broker->report({report})));
  settle(c, complete(claimed));
  const auto waiting = submit(c);
  auto later = new_job();
  later.delay = Millis{60'000};
  const auto scheduled = submit(c, later);
  for (const auto& id : {ended, waiting, scheduled}) {
    EXPECT_OK(run(c.directory->remove(id)));
    EXPECT_FALSE(exists(c, id));
    EXPECT_ERRC(Errc::not_found, run(c.directory->logs(id, "", 10)));
  }
  EXPECT_THAT(claim(c), IsEmpty());
  EXPECT_THAT(must(run(c.directory->list({}))).jobs, IsEmpty());
}

TEST_P(BrokerContract, PausedQueueHandsOutNothingUntilResumed) {
  auto& worker = connect("w1");
  auto& viewer = connect("");
  submit(worker);
  submit(worker, new_job(kTask, "other"));
  EXPECT_OK(run(viewer.directory->set_queue_paused(kQueue, true)));
  EXPECT_THAT(claim(worker), IsEmpty());
  EXPECT_THAT(claim(worker, 1, kTask, "other"), SizeIs(1)) << "other queues go on";
  bool paused = false;
  for (const auto& queue : must(run(viewer.directory->queues()))) paused |= queue.name == kQueue && queue.paused;
  EXPECT_TRUE(paused);
  auto waiting = start(worker.broker->claim(request(1, {{kQueue, kTask}}, kDeadline)));
  run_for(io, Millis{50});
  EXPECT_FALSE(waiting.done());
  submit(viewer);
  run_for(io, Millis{50});
  EXPECT_FALSE(waiting.done()) << "new jobs do not go round the pause";
  EXPECT_OK(run(viewer.directory->set_queue_paused(kQueue, false)));
  EXPECT_THAT(must(finish(waiting)), SizeIs(1));
}

TEST_P(BrokerContract, PausedTaskHandsOutNothingUntilResumed) {
  auto& worker = connect("w1");
  auto& viewer = connect("");
  submit(worker);
  submit(worker, new_job("other.task"));
  EXPECT_OK(run(viewer.directory->set_task_paused(kTask, true)));
  EXPECT_OK(run(viewer.directory->set_task_paused(kTask, true)));
  const auto claims = must(run(worker.broker->claim(request(10, {{kQueue, kTask}, {kQueue, "other.task"}}))));
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(claims[0].lease.task, "other.task");
  auto waiting = start(worker.broker->claim(request(1, {{kQueue, kTask}}, kDeadline)));
  run_for(io, Millis{50});
  EXPECT_FALSE(waiting.done());
  EXPECT_OK(run(viewer.directory->set_task_paused(kTask, false)));
  EXPECT_THAT(must(finish(waiting)), SizeIs(1));
}

TEST_P(BrokerContract, F89_PauseSeenByAClaimThatAlreadyWaits) {
  auto& worker = connect("w1");
  auto& viewer = connect("");
  settle(worker, complete((submit(worker), claim_one(worker))));
  auto waiting = start(worker.broker->claim(request(1, {{kQueue, kTask}}, kDeadline)));
  run_for(io, Millis{30});
  EXPECT_OK(run(viewer.directory->set_queue_paused(kQueue, true)));
  submit(viewer);
  run_for(io, Millis{100});
  EXPECT_FALSE(waiting.done());
  EXPECT_OK(run(viewer.directory->set_queue_paused(kQueue, false)));
  EXPECT_THAT(must(finish(waiting)), SizeIs(1));
}

TEST_P(BrokerContract, PurgeCancelsEveryWaitingJobOfAQueue) {
  auto& c = connect("w1");
  submit(c, 5);
  submit(c, 3, "other.task");
  submit(c, 2, kTask, "other");
  auto later = new_job();
  later.delay = Millis{60'000};
  const auto scheduled = submit(c, later);
  const auto running = claim_one(c);
  EXPECT_EQ(must(run(c.directory->purge(kQueue, ""))), 8U);
  EXPECT_EQ(record(c, scheduled).status, JobStatus::cancelled);
  EXPECT_EQ(record(c, running.lease.job_id).status, JobStatus::running);
  EXPECT_THAT(claim(c, 10), IsEmpty());
  EXPECT_THAT(claim(c, 10, kTask, "other"), SizeIs(2));
  EXPECT_EQ(must(run(c.directory->purge(kQueue, ""))), 0U);
}

TEST_P(BrokerContract, PurgeOfATaskCancelsItsWaitingJobsInEveryQueueAndNoOthers) {
  auto& c = connect("w1");
  submit(c, 3);
  submit(c, 2, kTask, "other");
  submit(c, 4, "other.task");
  for (const std::string task : {kTask, "other.task"}) {
    auto later = new_job(task);
    later.delay = Millis{60'000};
    submit(c, later);
  }
  EXPECT_EQ(must(run(c.directory->purge("other", kTask))), 2U);
  EXPECT_EQ(must(run(c.directory->purge("", kTask))), 4U);
  EXPECT_THAT(claim(c, 10), IsEmpty());
  EXPECT_THAT(claim(c, 10, "other.task"), SizeIs(4));
  EXPECT_ERRC(Errc::not_found, run(c.directory->purge("", "no.task")));
}

}  // namespace conduitd::test
