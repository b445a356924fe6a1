// From a config file and a dropped-in plugin to a finished job, in each executor, on each broker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;
using testing::HasSubstr;

struct Case {
  StoreKind store;
  std::string executor;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.store.name << c.executor; }

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& store : all_stores()) {
    for (const auto* executor : {"async", "thread", "process"}) cases.push_back({store, executor});
  }
  return cases;
}

class WorkerTest : public testing::TestWithParam<Case> {
 protected:
  WorkerTest() : place(GetParam().store) { place.install(plugin()); }
  [[nodiscard]] static bool async() { return GetParam().executor == "async"; }
  /// Who has the tasks of these tests: both plugins have all of them.
  [[nodiscard]] static std::string plugin() { return async() ? "coroutines" : "misbehave"; }
  /// The full name of a task, which runs in this case's executor: one word in the config.
  std::string use(const std::string& verb) {
    const auto task = plugin() + "." + verb;
    place.extra_config += "[task.\"" + task + "\"]\nexecutor = \"" + GetParam().executor + "\"\nretries = 1\nbackoff = { kind = \"fixed\", base = \"10ms\", jitter = 0.0 }\n";
    return task;
  }

  Workplace place;
};

INSTANTIATE_TEST_SUITE_P(Each, WorkerTest, testing::ValuesIn(all_cases()),
                         [](const auto& param) { return param.param.store.name + "_" + param.param.executor; });

TEST_P(WorkerTest, RunsAJobAndKeepsItsResult) {
  const auto echo = use("echo");
  place.start();
  const auto record = place.ended(place.submit(echo, R"({"n": 1.50})"));
  EXPECT_EQ(record.status, JobStatus::complete);
  // The bytes the task gave; a C++ task that takes and returns a Json gives them as that writes them.
  EXPECT_EQ(record.result, async() ? R"({"n":1.5})" : R"({"n": 1.50})");
  EXPECT_EQ(record.counters.attempts, 1u);
}

TEST_P(WorkerTest, WhatATaskSaysIsReadableAfterwards) {
  const auto progress = use("progress");
  place.start();
  const auto id = place.submit(progress, R"({"count": 5})");
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::complete) << job::to_json(record).text(true);
  ASSERT_TRUE(record.progress);
  EXPECT_EQ(record.progress->fraction, 1);
  EXPECT_THAT(record.metadata, HasSubstr("count"));
  EXPECT_FALSE(place.logs(id).empty());
}

TEST_P(WorkerTest, TheNextAttemptFindsTheCheckpointAndMetadataOfTheLast) {
  const auto checkpoint = use("checkpoint");
  place.start();
  const auto record = place.ended(place.submit(checkpoint));
  ASSERT_EQ(record.status, JobStatus::complete) << job::to_json(record).text(true);
  EXPECT_EQ(record.result, R"({"n":1})");
  EXPECT_EQ(record.counters.attempts, 2u);
  EXPECT_EQ(record.counters.failures, 1u);
}

TEST_P(WorkerTest, ACrashIsChargedNamesItsSignalAndTheWorkerGoesOn) {
  const auto crash = use("crash");
  const auto echo = use("echo");
  auto& worker = place.start();
  const auto record = place.ended(place.submit(crash));
  EXPECT_EQ(record.status, JobStatus::failed);
  EXPECT_EQ(record.reason, job::FailureReason::poison);
  EXPECT_EQ(record.counters.crashes, 3u);
  EXPECT_EQ(record.counters.failures, 0u);
  ASSERT_TRUE(record.failure);
  EXPECT_THAT(record.failure->message, HasSubstr("SIGSEGV"));
  EXPECT_EQ(place.ended(place.submit(echo)).status, JobStatus::complete);
  EXPECT_TRUE(worker.running());
}

TEST_P(WorkerTest, F41_ExitingInMidJobIsNoSuccess) {
  const auto leave = use("exit");
  auto& worker = place.start();
  const auto record = place.ended(place.submit(leave, R"({"code": 0})"));
  EXPECT_EQ(record.status, JobStatus::failed);
  ASSERT_TRUE(record.failure);
  EXPECT_EQ(record.failure->type, "exit");
  EXPECT_TRUE(worker.running());
}

TEST_P(WorkerTest, F43_AStuckTaskIsStoppedAtItsTimeoutAndItsSlotServesAgain) {
  const auto hang = use("hang");
  const auto echo = use("echo");
  place.start();
  job::NewJob stuck;
  stuck.task = hang;
  stuck.timeout = Millis{300};
  stuck.retries = 0;
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(place.submit(stuck));
  for (const auto& id : ids) {
    const auto record = place.ended(id);
    EXPECT_EQ(record.status, JobStatus::failed);
    ASSERT_TRUE(record.failure);
    EXPECT_EQ(record.failure->type, "timeout");
  }
  EXPECT_EQ(place.ended(place.submit(echo)).status, JobStatus::complete);
}

TEST_P(WorkerTest, ACancelReachesARunningJob) {
  const auto sleep = use("sleep");
  place.start();
  const auto id = place.submit(sleep, R"({"ms": 60000})");
  place.until(id, [](const auto& record) { return record.status == JobStatus::running; });
  const auto outcome = run(place.io, place.broker().directory->cancel(id));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome.value(), broker::CancelOutcome::requested);
  EXPECT_EQ(place.ended(id).status, JobStatus::cancelled);
}

TEST_P(WorkerTest, AJobSubmittedByATaskKnowsItsParent) {
  const auto submit = use("submit");
  const auto echo = use("echo");
  place.start();
  const auto parent = place.ended(place.submit(submit, R"({"task": ")" + echo + R"(", "args": {"x": 1}})"));
  ASSERT_EQ(parent.status, JobStatus::complete) << job::to_json(parent).text(true);
  const auto ids = parse_json(parent.result);
  ASSERT_TRUE(ids.has_value() && ids.value().as_array() != nullptr && ids.value().as_array()->size() == 1) << parent.result;
  const auto child = place.ended(*ids.value().as_array()->at(0).as_string());
  EXPECT_EQ(child.parent_id, parent.id);
  EXPECT_EQ(child.root_id, parent.id);
  EXPECT_EQ(child.result, async() ? R"({"x":1})" : R"({"x": 1})");
}

TEST_P(WorkerTest, F46_GarbageOnThePipeEndsTheHostAndNotTheWorker) {
  const auto garbage = use("garbage");
  const auto echo = use("echo");
  auto& worker = place.start();
  EXPECT_EQ(place.ended(place.submit(garbage)).status, JobStatus::failed);
  EXPECT_EQ(place.ended(place.submit(echo)).status, JobStatus::complete);
  EXPECT_TRUE(worker.running());
}

TEST_P(WorkerTest, F45_AHostThatClosesItsPipeIsEnded) {
  const auto close_all = use("close_all");
  place.start();
  EXPECT_EQ(place.ended(place.submit(close_all)).status, JobStatus::failed);
}

TEST_P(WorkerTest, RunsManyJobsAndLosesNone) {
  const auto noop = use("noop");
  place.start();
  std::vector<job::NewJob> jobs(1'000);
  for (auto& job : jobs) job.task = noop;
  const auto ids = run(place.io, place.broker().broker->enqueue(jobs));
  ASSERT_TRUE(ids.has_value());
  for (const auto& one : ids.value()) EXPECT_EQ(place.ended(one.id).status, JobStatus::complete);
}

}  // namespace
}  // namespace conduitd::test
