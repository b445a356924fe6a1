// A worker that dies, or is cut off, at the worst moments: another one finishes the work, and counts it right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;

class FailpointTest : public testing::TestWithParam<StoreKind> {
 protected:
  static constexpr int kJobs = 10;

  FailpointTest() : place(GetParam()) {
    place.install("misbehave");
    for (const auto* task : {"misbehave.noop", "misbehave.sleep", "misbehave.deaf"}) {
      place.extra_config += std::string("[task.\"") + task + "\"]\nexecutor = \"process\"\n";
    }
  }
  /// A worker that dies when it first comes by that point.
  ChildProcess& doomed(const std::string& point) {
    place.environment = {"CONDUIT_FAILPOINT=" + point + ":kill"};
    auto& worker = place.launch();
    place.environment.clear();
    return worker;
  }
  std::vector<std::string> submit_some() {
    std::vector<std::string> ids;
    for (int i = 0; i < kJobs; ++i) ids.push_back(place.submit("misbehave.noop"));
    return ids;
  }
  /// What was submitted is finished by a second worker after the first died at `point`; the records in order.
  std::vector<job::JobRecord> survive(const std::string& point) {
    const auto ids = submit_some();
    EXPECT_EQ(doomed(point).wait_for_exit(), -SIGKILL);
    place.start();
    std::vector<job::JobRecord> records;
    for (const auto& id : ids) {
      records.push_back(place.ended(id));
      const auto& counters = records.back().counters;
      EXPECT_EQ(records.back().status, JobStatus::complete);
      EXPECT_EQ(counters.failures, 0u);
      EXPECT_EQ(counters.attempts, 1 + counters.crashes) << job::to_json(records.back()).text(true);
    }
    return records;
  }

  /// Whether it is in the middle of a transaction that keeps others from writing: a database in WAL mode has its locks for writing,
  /// checkpoints and recovery at the bytes 120 to 122 of its -shm file (sqlite.org/walformat.html, 2.3).
  static bool keeps_others_from_writing(pid_t pid) {
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
      std::istringstream words(line);
      std::string number, type, how, kind, file;
      pid_t holder = 0;
      int first = 0;
      words >> number >> type >> how >> kind >> holder >> file >> first;
      if (type == "POSIX" && kind == "WRITE" && holder == pid && first >= 120 && first <= 122) return true;
    }
    return false;
  }
  /// A worker that is stopped in the middle of a transaction stops all others of an SQLite file, which is another fault.
  static void stop_between_writes(const ChildProcess& worker) {
    for (int tries = 0; tries < 1'000; ++tries) {
      worker.signal(SIGSTOP);
      siginfo_t stopped{};
      ::waitid(P_PID, static_cast<id_t>(worker.pid()), &stopped, WSTOPPED);
      if (!keeps_others_from_writing(worker.pid())) return;
      worker.signal(SIGCONT);
    }
    throw std::runtime_error("the worker writes without end");
  }

  Workplace place;
};

INSTANTIATE_TEST_SUITE_P(Each, FailpointTest, testing::ValuesIn(all_stores()), [](const auto& param) { return param.param.name; });

TEST_P(FailpointTest, F1_KilledWithJobsDeliveredAndNotBegunItLosesNone) { survive("claim.after_deliver"); }

TEST_P(FailpointTest, F2_KilledBeforeUserCodeItLosesNone) { survive("claim.after_begin"); }

TEST_P(FailpointTest, F3_KilledInMidJobItLosesNone) { survive("run.mid"); }

TEST_P(FailpointTest, F4_KilledBeforeTheEndIsSentTheJobRunsAgain) {
  const auto records = survive("finish.before_send");
  EXPECT_GE(std::count_if(records.begin(), records.end(), [](const auto& record) { return record.counters.attempts == 2; }), 1);
}

TEST_P(FailpointTest, F5_KilledWithTheAnswerUnreadWhatWasEndedIsNotRunAgain) {
  const auto id = place.submit("misbehave.noop");
  EXPECT_EQ(doomed("finish.after_send").wait_for_exit(), -SIGKILL);
  const auto before = place.record(id);
  EXPECT_EQ(before.status, JobStatus::complete);
  place.start();
  // The next job goes through a whole claim, and the first one stays as it was.
  EXPECT_EQ(place.ended(place.submit("misbehave.noop")).status, JobStatus::complete);
  EXPECT_EQ(place.record(id).counters.attempts, 1u);
}

TEST_P(FailpointTest, F6_AnEndWhoseAnswerWasLostIsRepeatedAndCountsOnce) {
  place.environment = {"CONDUIT_FAILPOINT=finish.after_send:err:1"};
  auto& worker = place.start();
  const auto record = place.ended(place.submit("misbehave.noop"));
  EXPECT_EQ(record.status, JobStatus::complete);
  EXPECT_EQ(record.counters.attempts, 1u);
  EXPECT_EQ(record.attempts.size(), 1u);
  EXPECT_EQ(place.ended(place.submit("misbehave.noop")).status, JobStatus::complete);
  EXPECT_TRUE(worker.running());
}

TEST_P(FailpointTest, F7_KilledWhileMovingDueJobsItLosesNone) {
  job::NewJob later;
  later.task = "misbehave.noop";
  later.delay = Millis{200};
  const auto id = place.submit(later);
  EXPECT_EQ(doomed("schedule.mid").wait_for_exit(), -SIGKILL);
  place.start();
  const auto record = place.ended(id);
  EXPECT_EQ(record.status, JobStatus::complete);
  EXPECT_EQ(record.counters.attempts, 1u);
}

TEST_P(FailpointTest, F8_KilledWhileTakingLeasesBackItTakesNoneTwice) {
  const auto id = place.submit("misbehave.noop");
  EXPECT_EQ(doomed("run.mid").wait_for_exit(), -SIGKILL);
  EXPECT_EQ(doomed("reclaim.after_scan").wait_for_exit(), -SIGKILL);
  place.start();
  const auto record = place.ended(id);
  EXPECT_EQ(record.status, JobStatus::complete);
  EXPECT_EQ(record.counters.attempts, 2u);
  EXPECT_EQ(record.counters.crashes, 1u);
}

TEST_P(FailpointTest, F9_F68_AWorkerThatWasStoppedBeyondItsLeaseWritesNothingMore) {
  auto& first = place.start();
  const auto id = place.submit("misbehave.sleep", R"({"ms": 1500})");
  const auto running = place.until(id, [](const auto& record) { return record.status == JobStatus::running; });
  stop_between_writes(first);
  place.start();
  const auto taken = [&running](const auto& record) { return record.counters.attempts == 2 && record.worker != running.worker; };
  const auto second = place.until(id, taken);
  first.signal(SIGCONT);
  first.wait_for_line("lease");
  const auto record = place.ended(id);
  EXPECT_EQ(record.status, JobStatus::complete);
  EXPECT_EQ(record.counters.attempts, 2u);
  EXPECT_EQ(record.worker, second.worker);
  EXPECT_EQ(record.attempts.size(), 2u) << job::to_json(record).text(true);
}

TEST_P(FailpointTest, F63_AJobWhoseTaskNobodyHasWaitsAndHoldsUpNobody) {
  const auto strange = place.submit("nobody.has");
  place.start();
  for (const auto& id : submit_some()) EXPECT_EQ(place.ended(id).status, JobStatus::complete);
  const auto record = place.record(strange);
  EXPECT_EQ(record.status, JobStatus::queued);
  EXPECT_EQ(record.counters.attempts, 0u);
}

TEST_P(FailpointTest, F79_WithNoRoomForItsLogTheWorkerGoesOn) {
  place.write_config();
  const ChildProcess worker({"/bin/sh", "-c", "exec \"$0\" --config \"$1\" >/dev/full 2>&1", CONDUITD_BINARY, place.config_file()},
                            {place.mark().variable()});
  for (const auto& id : submit_some()) EXPECT_EQ(place.ended(id).status, JobStatus::complete);
}

}  // namespace
}  // namespace conduitd::test
