// How a worker ends: drained, hurried, killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <tuple>

#include "support/loop.h"
#include "support/result_matchers.h"
#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;

/// One broker, one executor.
using StopCase = std::tuple<StoreKind, std::string>;
const auto kEach = testing::Combine(testing::ValuesIn(all_stores()), testing::Values("async", "thread", "process"));
std::string name_of(const testing::TestParamInfo<StopCase>& info) {
  return std::get<0>(info.param).name + "_" + std::get<1>(info.param);
}
/// Who has the tasks of these tests: both plugins have sleep, deaf and echo.
std::string plugin_for(const std::string& executor) { return executor == "async" ? "coroutines" : "misbehave"; }

class StopTest : public testing::TestWithParam<StopCase> {
 protected:
  StopTest() : place(std::get<0>(GetParam())), executor(std::get<1>(GetParam())), plugin(plugin_for(executor)) {
    place.install(plugin);
    for (const auto* verb : {"sleep", "deaf"}) {
      place.extra_config += "[task.\"" + plugin + "." + verb + "\"]\nexecutor = \"" + executor + "\"\n";
    }
  }
  std::string submit_running(const std::string& verb, int ms) {
    const auto id = place.submit(plugin + "." + verb, R"({"ms": )" + std::to_string(ms) + "}");
    place.until(id, [](const auto& record) { return record.progress.has_value(); });  // not only claimed: begun
    return id;
  }
  Workplace place;
  const std::string executor;
  const std::string plugin;
};

INSTANTIATE_TEST_SUITE_P(Each, StopTest, kEach, name_of);

TEST_P(StopTest, F10_AnIdleWorkerEndsAtOnceWithCodeZero) {
  auto& worker = place.start();
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(std::chrono::seconds(5)), 0);
}

TEST_P(StopTest, ADrainLetsRunningJobsFinish) {
  auto& worker = place.start();
  const auto id = submit_running("deaf", 1'000);
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
  EXPECT_EQ(place.record(id).status, JobStatus::complete);
  EXPECT_EQ(place.record(id).counters.attempts, 1u);
}

TEST_P(StopTest, F11_WhatIsNotFinishedInTimeGoesBackAtNoCost) {
  place.top_config = "lease = \"10s\"\ndrain_timeout = \"300ms\"\n";
  auto& worker = place.start();
  const auto id = submit_running("deaf", 60'000);
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
  const auto record = place.record(id);
  EXPECT_EQ(record.status, JobStatus::queued);
  EXPECT_EQ(record.counters.interruptions, 1u);
  EXPECT_EQ(record.counters.failures + record.counters.crashes, 0u);
}

TEST_P(StopTest, F10_ASecondSignalHandsBackNow) {
  place.top_config = "lease = \"10s\"\ndrain_timeout = \"10m\"\n";
  auto& worker = place.start();
  const auto id = submit_running("deaf", 60'000);
  worker.signal(SIGTERM);
  worker.wait_for_line("draining");
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
  EXPECT_EQ(place.record(id).status, JobStatus::queued);
}

TEST_P(StopTest, F3_AJobOfAKilledWorkerIsRunAgainByAnother) {
  auto& first = place.start();
  const auto id = submit_running("sleep", 1'500);
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
  submit_running("deaf", 60'000);
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

class HostDeathTest : public testing::TestWithParam<StopCase> {};

INSTANTIATE_TEST_SUITE_P(Each, HostDeathTest, kEach, name_of);

TEST_P(HostDeathTest, AHostKilledInMidJobCostsOneAttemptAndTheRecordNamesTheSignal) {
  const auto& [store, executor] = GetParam();
  Workplace place(store);
  const auto task = plugin_for(executor) + ".sleep";
  place.install(plugin_for(executor));
  place.extra_config = "[task.\"" + task + "\"]\nexecutor = \"" + executor + "\"\n";
  auto& worker = place.start();
  const auto id = place.submit(task, R"({"ms": 700})");
  place.until(id, [](const auto& record) { return record.progress.has_value(); });  // not only claimed: begun
  const auto hosts = hosts_of(worker.pid(), "conduit-" + executor);
  ASSERT_FALSE(hosts.empty());
  for (const pid_t host : hosts) ::kill(host, SIGSEGV);
  const auto record = place.ended(id);
  EXPECT_EQ(record.status, JobStatus::complete);
  EXPECT_EQ(record.counters.attempts, 2u);
  EXPECT_EQ(record.counters.crashes, 1u);
  ASSERT_EQ(record.attempts.size(), 2u);
  ASSERT_TRUE(record.attempts[0].failure);
  EXPECT_THAT(record.attempts[0].failure->message, testing::HasSubstr("SIGSEGV"));
  EXPECT_TRUE(worker.running());
}

TEST_P(HostDeathTest, AZygoteThatDiesIsReplacedAndNoJobIsLost) {
  const auto& [store, executor] = GetParam();
  Workplace place(store);
  const auto task = plugin_for(executor) + ".echo";
  place.install(plugin_for(executor));
  place.extra_config = "[task.\"" + task + "\"]\nexecutor = \"" + executor + "\"\n";
  auto& worker = place.start();
  EXPECT_EQ(place.ended(place.submit(task)).status, JobStatus::complete);
  const pid_t zygote = zygote_of(worker.pid());
  ASSERT_GT(zygote, 0);
  ::kill(zygote, SIGKILL);
  worker.wait_for_line("the zygote died");
  EXPECT_EQ(place.ended(place.submit(task)).status, JobStatus::complete);
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
}

class FarewellTest : public testing::TestWithParam<StoreKind> {};
INSTANTIATE_TEST_SUITE_P(Stores, FarewellTest, testing::ValuesIn(all_stores()), [](const auto& kind) { return kind.param.name; });

TEST_P(FarewellTest, AWorkerWithoutHostsIsGoneFromTheListWhenItHasStopped) {
  Workplace place(GetParam());
  auto& worker = place.start();
  // It has announced itself, and would again at once if something changed.
  const auto settled = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  run_until(place.io, [&] { return std::chrono::steady_clock::now() > settled; });
  ASSERT_EQ(must(run(place.io, place.broker().directory->workers())).size(), 1U);
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
  EXPECT_THAT(must(run(place.io, place.broker().directory->workers())), testing::IsEmpty());
}

}  // namespace
}  // namespace conduitd::test
