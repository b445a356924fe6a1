// SIGHUP: configuration and plugins anew, or the old ones go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;

class ReloadTest : public testing::Test {
 protected:
  ReloadTest() {
    place.install("misbehave");
    // What a reload does not cost must not be charged for a machine that is busy.
    place.top_config = "lease = \"15s\"\ndrain_timeout = \"5s\"\n";
  }
  Workplace place{all_stores().front()};
};

TEST_F(ReloadTest, APluginDroppedInServesAfterASignalAndNoJobIsLost) {
  auto& worker = place.start();
  const auto running = place.submit("misbehave.sleep", R"({"ms": 1000})");
  const auto early = place.submit("noop.run");
  place.until(running, [](const auto& record) { return record.status == JobStatus::running; });
  EXPECT_EQ(place.record(early).status, JobStatus::queued);
  place.install("noop");
  worker.signal(SIGHUP);
  worker.wait_for_line("reloaded");
  EXPECT_EQ(place.ended(early).status, JobStatus::complete);
  const auto survivor = place.ended(running);
  EXPECT_EQ(survivor.status, JobStatus::complete);
  EXPECT_EQ(survivor.counters.attempts, 1u);
}

TEST_F(ReloadTest, OneWordInTheConfigurationMovesATaskToAnotherExecutor) {
  const auto use = [this](const std::string& executor) {
    place.extra_config.clear();
    for (const auto* task : {"misbehave.info", "misbehave.sleep"}) {
      place.extra_config += std::string("[task.\"") + task + "\"]\nexecutor = \"" + executor + "\"\n";
    }
  };
  const auto executor_of_a_job = [this] {
    const auto record = place.ended(place.submit("misbehave.info"));
    const auto result = parse_json(record.result);
    return result.has_value() ? result.value().string_or("executor", record.result) : job::to_json(record).text(true);
  };
  use("thread");
  auto& worker = place.start();
  EXPECT_EQ(executor_of_a_job(), "thread");
  const auto running = place.submit("misbehave.sleep", R"({"ms": 1000})");
  place.until(running, [](const auto& record) { return record.status == JobStatus::running; });
  use("process");
  place.write_config();
  worker.signal(SIGHUP);
  worker.wait_for_line("reloaded");
  EXPECT_EQ(executor_of_a_job(), "process");
  // What the thread had begun it ends.
  const auto survivor = place.ended(running);
  EXPECT_EQ(survivor.status, JobStatus::complete);
  EXPECT_EQ(survivor.counters.attempts, 1u);
}

TEST_F(ReloadTest, F78_ABadConfigurationIsReportedAndTheOldOneGoesOn) {
  auto& worker = place.start();
  std::ofstream(place.config_file(), std::ios::app) << "\n[log]\nlevle = \"debug\"\n";
  worker.signal(SIGHUP);
  const auto fault = worker.wait_for_line("levle");
  EXPECT_THAT(fault, testing::HasSubstr("conduit.toml:"));
  worker.wait_for_line("reload refused");
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
}

TEST_F(ReloadTest, APluginThatCannotStartInAHostIsReportedAndTheOldOnesGoOn) {
  auto& worker = place.start();
  place.install("host_start_fails");
  worker.signal(SIGHUP);
  EXPECT_THAT(worker.wait_for_line("the new plugins cannot serve"), testing::HasSubstr("on_host_start of plugin 'faulty' failed: no GPU"));
  worker.wait_for_line("reload refused");
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
}

TEST_F(ReloadTest, ABadPluginIsReportedAndTheOldOnesGoOn) {
  auto& worker = place.start();
  place.install("crashes");
  worker.signal(SIGHUP);
  worker.wait_for_line("crashes.so");
  worker.wait_for_line("reload refused");
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
}

TEST_F(ReloadTest, AMissingPluginDirectoryIsReportedAndTheOldPluginsGoOn) {
  auto& worker = place.start();
  std::filesystem::rename(place.plugin_directory(), place.plugin_directory() + ".away");
  worker.signal(SIGHUP);
  worker.wait_for_line("plugin directory");
  worker.wait_for_line("reload refused");
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
}

TEST_F(ReloadTest, AtTheStartABadPluginIsLeftOutAndTheOthersServe) {
  place.install("crashes");
  place.install("exits");
  place.install("throws");
  auto& worker = place.start();
  EXPECT_THAT(worker.output(), testing::HasSubstr("crashes.so"));
  EXPECT_THAT(worker.output(), testing::HasSubstr("exits.so"));
  EXPECT_THAT(worker.output(), testing::HasSubstr("throws.so"));
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
}

TEST_F(ReloadTest, F78_ManySignalsAtOnceEndInOneGoodState) {
  auto& worker = place.start();
  for (int i = 0; i < 50; ++i) worker.signal(SIGHUP);
  worker.wait_for_line("reloaded");
  EXPECT_EQ(place.ended(place.submit("misbehave.echo")).status, JobStatus::complete);
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
}

}  // namespace
}  // namespace conduitd::test
