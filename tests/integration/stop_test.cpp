// How a worker ends: drained, hurried, killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;

class StopTest : public testing::TestWithParam<StoreKind> {
 protected:
  StopTest() : place(GetParam()) {
    place.install("misbehave");
    place.extra_config = "[task.\"misbehave.sleep\"]\nexecutor = \"process\"\n[task.\"misbehave.deaf\"]\nexecutor = \"process\"\n";
  }
  std::string submit_running(const std::string& task, int ms) {
    const auto id = place.submit(task, R"({"ms": )" + std::to_string(ms) + "}");
    place.until(id, [](const auto& record) { return record.status == JobStatus::running; });
    return id;
  }
  Workplace place;
};

INSTANTIATE_TEST_SUITE_P(Each, StopTest, testing::ValuesIn(all_stores()), [](const auto& param) { return param.param.name; });

TEST_P(StopTest, F10_AnIdleWorkerEndsAtOnceWithCodeZero) {
  auto& worker = place.start();
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(std::chrono::seconds(5)), 0);
}

TEST_P(StopTest, ADrainLetsRunningJobsFinish) {
  auto& worker = place.start();
  const auto id = submit_running("misbehave.deaf", 1'000);
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
  EXPECT_EQ(place.record(id).status, JobStatus::complete);
  EXPECT_EQ(place.record(id).counters.attempts, 1u);
}

TEST_P(StopTest, F11_WhatIsNotFinishedInTimeGoesBackAtNoCost) {
  place.top_config = "lease = \"10s\"\ndrain_timeout = \"300ms\"\n";
  auto& worker = place.start();
  const auto id = submit_running("misbehave.deaf", 60'000);
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
  const auto record = place.record(id);
  EXPECT_EQ(record.status, JobStatus::queued);
  EXPECT_EQ(record.counters.interruptions, 1u);
  EXPECT_EQ(record.counters.failures + record.counters.crashes, 0u);
}

TEST_P(StopTest, ASecondSignalHandsBackNow) {
  place.top_config = "lease = \"10s\"\ndrain_timeout = \"10m\"\n";
  auto& worker = place.start();
  const auto id = submit_running("misbehave.deaf", 60'000);
  worker.signal(SIGTERM);
  worker.wait_for_line("draining");
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
  EXPECT_EQ(place.record(id).status, JobStatus::queued);
}

TEST_P(StopTest, F3_AJobOfAKilledWorkerIsRunAgainByAnother) {
  auto& first = place.start();
  const auto id = submit_running("misbehave.sleep", 1'500);
  first.signal(SIGKILL);
  EXPECT_EQ(first.wait_for_exit(), -SIGKILL);
  place.start();
  const auto record = place.ended(id);
  EXPECT_EQ(record.status, JobStatus::complete);
  EXPECT_EQ(record.counters.attempts, 2u);
  EXPECT_EQ(record.counters.crashes, 1u);
}

TEST_P(StopTest, F12_HostsEndWithinASecondOfTheirSupervisor) {
  auto& worker = place.start();
  submit_running("misbehave.deaf", 60'000);
  worker.signal(SIGKILL);
  worker.wait_for_exit();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  bool alive = true;
  while (alive && std::chrono::steady_clock::now() < end) {
    run_for(place.io, std::chrono::milliseconds(20));
    alive = ::kill(-worker.pid(), 0) == 0;
  }
  EXPECT_FALSE(alive) << "processes of the worker's group are left";
}

}  // namespace
}  // namespace conduitd::test
