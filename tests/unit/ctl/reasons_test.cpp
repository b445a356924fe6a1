#include "ctl/reasons.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduitd::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Reasons : public testing::Test {
 protected:
  Reasons() {
    job.id = "media:01J8ZQ4YV7D3N0WQ5T2K6R9XBC";
    job.task = "images.resize";
    job.queue = "media";
    broker::TaskInfo task;
    task.name = job.task;
    task.executor = "thread";
    task.plugin = "images";
    around.task = task;
    broker::WorkerInfo worker;
    worker.id = "w1";
    worker.state = "running";
    worker.queues = {"media"};
    worker.tasks = {job.task};
    worker.detail = R"({"thread":{"slots":2,"given":0}})";
    around.workers = {worker};
    around.standing.emplace();
  }
  [[nodiscard]] std::vector<std::string> codes() const {
    std::vector<std::string> out;
    for (const auto& reason : reasons_of(job, around, now)) out.push_back(reason.code);
    return out;
  }
  [[nodiscard]] std::string first() const { return reasons_of(job, around, now).front().text; }

  static broker::Glance glance(std::string id, job::JobStatus status) {
    broker::Glance out;
    out.id = std::move(id);
    out.exists = true;
    out.status = status;
    return out;
  }

  job::JobRecord job;
  Surroundings around;
  WallTime now = from_unix_ms(1'790'000'000'000);
};

TEST_F(Reasons, OfAJobThatIsNextInLine) { EXPECT_THAT(codes(), ElementsAre("next")); }

TEST_F(Reasons, NameThePlaceInLine) {
  around.standing->ahead = 11;
  EXPECT_THAT(first(), HasSubstr("number 12 in line"));
}

TEST_F(Reasons, NameTheResourceThatIsWaitedFor) {
  around.task->options = R"({"needs":{"gpu":1}})";
  around.workers[0].detail = R"({"resources":{"gpu":{"units":2,"free":0}}})";
  EXPECT_THAT(codes(), ElementsAre("resources", "next"));
  EXPECT_EQ(first(), "waiting for resources: needs gpu 1, free 0");
  around.workers[0].detail = R"({"resources":{"gpu":{"units":2,"free":1}}})";
  EXPECT_THAT(codes(), ElementsAre("next"));
}

TEST_F(Reasons, NameTheResourceThatNoLiveWorkerHasOrHasTooLittleOf) {
  around.task->options = R"({"needs":{"gpu":4}})";
  around.workers[0].detail = R"({"resources":{"cpu":{"units":2,"free":2}}})";
  EXPECT_THAT(codes(), ElementsAre("no_resources", "next"));
  EXPECT_EQ(first(), "it needs gpu 4, and no live worker has gpu");
  around.workers[0].detail = R"({"resources":{"gpu":{"units":2,"free":2}}})";
  EXPECT_EQ(first(), "it needs gpu 4, and no live worker has more of gpu than 2");
}

TEST_F(Reasons, NameWhatIsPausedAndHowToGoOn) {
  around.standing->queue_paused = around.standing->task_paused = true;
  EXPECT_THAT(codes(), ElementsAre("paused_queue", "paused_task", "next"));
  EXPECT_EQ(reasons_of(job, around, now).front().advice, "conduitctl queue resume media");
}

TEST_F(Reasons, SayThatNoLiveWorkerHasTheTask) {
  around.workers.clear();
  EXPECT_THAT(codes(), ElementsAre("no_worker", "next"));
  around.task.reset();
  EXPECT_THAT(first(), HasSubstr("no plugin of any worker has ever had it"));
}

TEST_F(Reasons, SayThatNoWorkerReadsTheQueueOrAllAreStopping) {
  around.workers[0].queues = {"other"};
  EXPECT_THAT(codes(), ElementsAre("no_reader", "next"));
  around.workers[0].queues = {"media"};
  around.workers[0].state = "draining";
  EXPECT_THAT(codes(), ElementsAre("draining", "next"));
}

TEST_F(Reasons, TellWhatAJobWeighsThatDoesNotFitYet) {
  around.task->options = R"({"concurrency":8,"weight":2})";
  around.standing->running_of_task = 6;
  EXPECT_THAT(codes(), ElementsAre("next")) << "6 + 2";
  job.weight = 3;
  EXPECT_THAT(codes(), ElementsAre("concurrency", "next"));
  EXPECT_EQ(first(), "limited to 8 units at once, and 6 run: it weighs 3");
  job.weight = 100;
  EXPECT_EQ(first(), "limited to 8 units at once, and 6 run: it weighs 100");
  around.standing->running_of_task = 0;
  EXPECT_THAT(codes(), ElementsAre("next")) << "it runs alone";
}

TEST_F(Reasons, TellOfLimitsByTheValueOfTheirKey) {
  around.task->options = R"({"concurrency":{"limit":2,"key":"/tenant"},"rate_limit":"100/m"})";
  around.standing->value = "acme";
  around.standing->running_of_value = 2;
  around.standing->next = {std::nullopt, Millis{340}};
  EXPECT_THAT(codes(), ElementsAre("concurrency", "rate", "next"));
  EXPECT_EQ(first(), "limited to 2 at once for /tenant = acme, and 2 run");
  EXPECT_EQ(reasons_of(job, around, now)[1].text, "limited to 100/m: the next start is in 340ms");
}

TEST_F(Reasons, TellOfLimitsThatEachWorkerHasAlone) {
  around.task->options = R"({"concurrency":{"limit":1,"scope":"worker"},"rate_limit":{"rate":"5/s","scope":"worker"}})";
  EXPECT_THAT(codes(), ElementsAre("next"));
  job::JobRecord other = job;
  other.worker = "w1";
  around.alike = {other};
  around.standing->next = {std::nullopt, Millis{140}};
  EXPECT_THAT(codes(), ElementsAre("concurrency", "rate", "next"));
  EXPECT_EQ(first(), "limited to 1 at once on each worker, and 1 runs on w1");
  EXPECT_EQ(reasons_of(job, around, now)[1].text, "limited to 5/s on each worker: the next start is in 140ms");
  around.standing->next = {std::nullopt, Millis{0}};
  around.workers.push_back(around.workers.front());
  around.workers.back().id = "w2";
  EXPECT_THAT(codes(), ElementsAre("next")) << "w2 has a place";
  other.worker = "w2";
  around.alike.push_back(other);
  EXPECT_EQ(first(), "limited to 1 at once on each worker, and both workers have so many");
}

TEST_F(Reasons, CallUnitsByTheirName) {
  around.task->options = R"({"concurrency":4})";
  around.standing->running_of_task = 100;
  EXPECT_EQ(first(), "limited to 4 units at once, and 100 units run");
}

TEST_F(Reasons, NameTheParentThatHoldsWhatItsChildNeeds) {
  around.task->options = R"({"concurrency":1})";
  around.standing->running_of_task = 1;
  job::JobRecord parent;
  parent.id = "media:P";
  parent.task = "other";
  around.above = {parent};
  EXPECT_EQ(first(), "limited to 1 at once, and 1 runs");
  around.above.front().task = job.task;
  EXPECT_EQ(first(), "limited to 1 at once, and 1 runs; one of them is job media:P, which waits for this one");
  EXPECT_THAT(reasons_of(job, around, now).front().advice, HasSubstr("no job should need a limit that its parent holds"));
  around.task->options = "{}";
  around.workers[0].detail = R"({"concurrency":{"media":1}})";
  around.standing->running_of_queue = 1;
  around.above.front().queue = "media";
  EXPECT_THAT(first(), HasSubstr("one of them is job media:P"));
}

TEST_F(Reasons, OfAParentNameTheChildThatHangsAndWhy) {
  job.status = job::JobStatus::running;
  job.waits_for = {"q:1", "q:2"};
  around.others = {glance("q:1", job::JobStatus::complete), glance("q:2", job::JobStatus::queued)};
  for (auto& other : around.others) other.parent_id = job.id;
  around.hanging = Hanging{"q:2", "queued", "no live worker has it"};
  EXPECT_EQ(first(), "it waits for its children: 1 of 2 has not ended, among them job q:2 (queued): no live worker has it");
  EXPECT_EQ(reasons_of(job, around, now).front().advice, "conduitctl explain q:2");
  job.waits_for = {"q:2"};
  EXPECT_EQ(first(), "it waits for its child, job q:2 (queued): no live worker has it");
  around.others[1].parent_id.clear();
  EXPECT_EQ(first(), "it waits for job q:2 (queued): no live worker has it");
}

TEST_F(Reasons, SayWhyAJobWasCancelled) {
  around.standing.reset();
  job.status = job::JobStatus::cancelled;
  EXPECT_EQ(first(), "it has ended: cancelled: somebody cancelled it, or purged its queue or task while it waited");
  job.failure = job::Failure{"dependency", "it was to run after job q:1, which ended as failed", {}};
  EXPECT_EQ(first(), "it has ended: cancelled: dependency: it was to run after job q:1, which ended as failed");
  job.failure = job::Failure{"cancelled", "it was asked to stop", {}};
  EXPECT_EQ(first(), "it has ended: cancelled: somebody cancelled it while it ran");
  job.parent_id = "q:P";
  EXPECT_THAT(others_of(job), ElementsAre("q:P"));
  around.others = {glance("q:P", job::JobStatus::failed)};
  EXPECT_EQ(first(), "it has ended: cancelled: its parent or somebody else cancelled it while it ran");
  job.on_parent_end = job::OnParentEnd::cancel;
  EXPECT_EQ(first(), "it has ended: cancelled: it was submitted to end with job q:P, which has ended as failed");
}

TEST_F(Reasons, TellOfTheQueuesLimitAndOfFullWorkers) {
  around.workers[0].detail = R"({"thread":{"slots":2,"given":2},"concurrency":{"media":20}})";
  around.standing->running_of_queue = 20;
  EXPECT_THAT(codes(), ElementsAre("queue_concurrency", "slots", "next"));
}

TEST_F(Reasons, OfAJobThatRunsAfterOthersNameThemAndCountThoseThatHaveEnded) {
  around.standing.reset();
  job.status = job::JobStatus::scheduled;
  job.after = {"q:1", "q:2", "q:3", "q:4"};
  job.held_by = {"q:2", "q:3", "q:4"};
  around.others = {glance("q:2", job::JobStatus::complete), glance("q:3", job::JobStatus::running), glance("q:4", job::JobStatus::queued)};
  EXPECT_THAT(codes(), ElementsAre("held"));
  EXPECT_EQ(first(), "it runs after job q:3 (running) and 2 others; 1 of 4 has ended");
  EXPECT_EQ(reasons_of(job, around, now).front().advice, "conduitctl explain q:3");
  job.after = job.held_by = {"q:3"};
  job.after_rule = job::AfterRule::ended;
  EXPECT_EQ(first(), "it runs after job q:3 (running); it does not matter how they end");
  job.held_by.clear();
  EXPECT_THAT(codes(), ElementsAre("held"));
}

TEST_F(Reasons, OfARunningJobThatWaitsCountThoseThatHaveNotEnded) {
  job.status = job::JobStatus::running;
  job.waits_for = {"q:1", "q:2", "q:3"};
  around.others = {glance("q:1", job::JobStatus::failed), glance("q:2", job::JobStatus::queued), glance("q:3", job::JobStatus::running)};
  EXPECT_THAT(codes(), ElementsAre("waits", "running"));
  EXPECT_EQ(first(), "it waits for 3 jobs: 2 of 3 have not ended");
  for (auto& other : around.others) other.parent_id = job.id;
  EXPECT_EQ(first(), "it waits for its children: 2 of 3 have not ended");
  around.others[1].exists = false;
  EXPECT_EQ(first(), "it waits for its children: 1 of 3 has not ended");
  job.waits_for = {"q:9"};
  around.others.clear();
  EXPECT_EQ(first(), "it waits for job q:9");
}

TEST_F(Reasons, OfAJobThatDoesNotWaitInItsQueue) {
  around.standing.reset();
  job.status = job::JobStatus::scheduled;
  job.due_at = now + Millis{300'000};
  EXPECT_THAT(first(), HasSubstr("in 5m"));
  job.status = job::JobStatus::retrying;
  job.counters.attempts = 2;
  job.failure = job::Failure{"std::runtime_error", "no luck", {}};
  EXPECT_THAT(first(), HasSubstr("attempt 2 did not succeed: std::runtime_error: no luck; it is tried again at"));
  job.status = job::JobStatus::running;
  job.worker = "w1";
  EXPECT_THAT(first(), HasSubstr("attempt 2 on worker w1"));
  job.status = job::JobStatus::failed;
  job.reason = job::FailureReason::exhausted;
  EXPECT_THAT(first(), HasSubstr("it has ended: failed (exhausted)"));
}

TEST_F(Reasons, ComeWithATimelineOfAttempts) {
  job.created_at = now;
  job.attempts.push_back({1, now + Millis{100}, Millis{1'200}, "w1", "retry", job::Failure{"E", "no", {}}});
  job.attempts.push_back({2, now + Millis{3'000}, Millis{500}, "w2", "complete", std::nullopt});
  job.status = job::JobStatus::complete;
  job.ended_at = now + Millis{3'500};
  std::vector<std::string> texts;
  for (const auto& one : timeline_of(job)) texts.push_back(one.text);
  EXPECT_THAT(texts, ElementsAre("submitted", "attempt 1 on w1: retry after 1.2s (E: no)", "attempt 2 on w2: complete after 500ms", "complete"));
}

}  // namespace
}  // namespace conduitd::ctl
