// What a job may use and for how long, and what its record says when it used more: limits of a child, deadlines, crashes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>

#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::FailureReason;
using job::JobStatus;
using testing::HasSubstr;

class LimitsTest : public testing::TestWithParam<StoreKind> {
 protected:
  LimitsTest() : place(GetParam()) {
    place.install("misbehave");
    set_process("");
  }
  /// One child, with these limits.
  void set_process(const std::string& limits) {
    place.executors = "[executors]\ngrace = \"300ms\"\n[executors.thread]\nthreads = 1\n[executors.process]\nchildren = 1\n"
                      "grace = \"300ms\"\n" + limits;
  }
  void use(const std::string& task, const std::string& executor, const std::string& more = "retries = 0\n") {
    place.extra_config += "[task.\"" + task + "\"]\nexecutor = \"" + executor + "\"\n" + more;
  }
  static std::string text(const job::JobRecord& record) { return job::to_json(record).text(true); }
  /// The process that ran the only attempt, as the record of a crash or the result of misbehave.info names it.
  std::int64_t child_of(const job::JobRecord& record) {
    const auto json = parse_json(record.result);
    return json.has_value() ? json.value().int_or("pid", 0) : 0;
  }

  Workplace place;
};
INSTANTIATE_TEST_SUITE_P(Each, LimitsTest, testing::ValuesIn(all_stores()), [](const auto& param) { return param.param.name; });

TEST_P(LimitsTest, AProcessJobsRecordSaysWhatItUsedAndWhichCodeItWas) {
  use("misbehave.burn", "process");
  use("misbehave.eat", "process");
  place.start();
  const auto burnt = place.ended(place.submit("misbehave.burn", R"({"ms": 120})"));
  ASSERT_EQ(burnt.attempts.size(), 1u) << text(burnt);
  EXPECT_GE(burnt.attempts[0].usage.cpu_us, 100'000);
  EXPECT_LT(burnt.attempts[0].usage.cpu_us, 10'000'000);
  EXPECT_EQ(burnt.attempts[0].code.plugin, "misbehave");
  EXPECT_EQ(burnt.attempts[0].code.version, "1.0.0");
  EXPECT_EQ(burnt.attempts[0].code.build_id.size(), 16u);
  const auto eaten = place.ended(place.submit("misbehave.eat", R"({"mib": 96})"));
  ASSERT_EQ(eaten.attempts.size(), 1u) << text(eaten);
  EXPECT_GE(eaten.attempts[0].usage.peak_rss_kib, 96 * 1024);
  EXPECT_LT(eaten.attempts[0].usage.cpu_us, 5'000'000) << "the CPU time of an earlier attempt is not this one's";
}

TEST_P(LimitsTest, ACrashIsToldWithTheFunctionOfThePluginItHappenedIn) {
  use("misbehave.crash", "process", "");
  use("misbehave.abort", "thread", "");
  place.start();
  const auto crashed = place.ended(place.submit("misbehave.crash"));
  ASSERT_TRUE(crashed.failure) << text(crashed);
  EXPECT_EQ(crashed.failure->type, "signal");
  EXPECT_THAT(crashed.failure->detail, HasSubstr("crashed: SIGSEGV at 0x0"));
  EXPECT_THAT(crashed.failure->detail, HasSubstr(R"("backtrace":["run_crash +0x)"));
  EXPECT_THAT(crashed.failure->detail, HasSubstr("(misbehave)"));
  EXPECT_GE(crashed.attempts.at(0).usage.peak_rss_kib, 1'000);
  const auto aborted = place.ended(place.submit("misbehave.abort"));
  ASSERT_TRUE(aborted.failure) << text(aborted);
  EXPECT_THAT(aborted.failure->detail, HasSubstr("run_abort +0x"));
  EXPECT_THAT(aborted.failure->detail, HasSubstr("SIGABRT"));
}

TEST_P(LimitsTest, TheCpuLimitIsOfEachAttemptAndMissingItIsAFailureNotACrash) {
  set_process("cpu = \"1s\"\n");
  use("misbehave.burn", "process");
  use("misbehave.hang", "process");
  place.start();
  // Three of 0.6 s in one child: within the limit each, beyond it together.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(place.ended(place.submit("misbehave.burn", R"({"ms": 600})")).status, JobStatus::complete);
  const auto hung = place.ended(place.submit("misbehave.hang"));
  EXPECT_EQ(hung.status, JobStatus::failed);
  EXPECT_EQ(hung.reason, FailureReason::exhausted);
  ASSERT_TRUE(hung.failure) << text(hung);
  EXPECT_EQ(hung.failure->type, "cpu_limit");
  EXPECT_EQ(hung.counters.failures, 1u);
  EXPECT_EQ(hung.counters.crashes, 0u);
}

TEST_P(LimitsTest, F54_AChildThatHoldsTooMuchIsReplacedBetweenJobsAndLosesNone) {
  set_process("recycle_memory = \"1MiB\"\n");  // every process holds more
  use("misbehave.info", "process");
  use("misbehave.print", "process");
  place.start();
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(place.submit("misbehave.print", R"({"lines": 1})"));
  for (const auto& id : ids) {
    const auto record = place.ended(id);
    EXPECT_EQ(record.status, JobStatus::complete) << text(record);
    EXPECT_EQ(record.counters.attempts, 1u);
  }
}

TEST_P(LimitsTest, F14_AThreadTaskThatCrashesItsHostThriceIsPoisonAndWhatRanBesideItIsNot) {
  place.executors = "[executors.thread]\nthreads = 2\n";
  use("misbehave.sleep", "thread");
  use("misbehave.crash", "thread");
  place.start();
  const auto beside = place.submit("misbehave.sleep", R"({"ms": 2000})");
  place.until(beside, [](const auto& record) { return record.progress.has_value(); });
  const auto poison = place.ended(place.submit("misbehave.crash"));
  EXPECT_EQ(poison.reason, FailureReason::poison) << text(poison);
  EXPECT_EQ(poison.counters.crashes, 3u);
  const auto record = place.ended(beside);
  EXPECT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_EQ(record.counters.crashes, 0u);
  EXPECT_GE(record.counters.interruptions, 1u) << text(record);
}

TEST_P(LimitsTest, F42_AnAllocationThatFailsUnderTheMemoryLimitFailsTheJob) {
  set_process("memory = \"256MiB\"\n");
  use("misbehave.eat", "process");
  place.start();
  const auto record = place.ended(place.submit("misbehave.eat", R"({"mib": 1024})"));
  EXPECT_EQ(record.status, JobStatus::failed);
  ASSERT_TRUE(record.failure) << text(record);
  EXPECT_EQ(record.failure->message, "out of memory");
  EXPECT_EQ(place.ended(place.submit("misbehave.eat", R"({"mib": 8})")).status, JobStatus::complete);
}

TEST_P(LimitsTest, ADeadlineStopsARunningJobAndGrantsNoRetry) {
  use("misbehave.sleep", "thread", "retries = 5\n");
  place.start();
  job::NewJob late;
  late.task = "misbehave.sleep";
  late.args = R"({"ms": 60000})";
  late.deadline = Millis{400};
  const auto record = place.ended(place.submit(late));
  EXPECT_EQ(record.status, JobStatus::failed);
  EXPECT_EQ(record.reason, FailureReason::exhausted);
  ASSERT_TRUE(record.failure) << text(record);
  EXPECT_EQ(record.failure->type, "deadline");
  EXPECT_EQ(record.counters.attempts, 1u);
}

TEST_P(LimitsTest, ADeadlineEndsAJobWhoseNextAttemptWouldComeTooLate) {
  use("misbehave.fail", "thread", "retries = 5\nbackoff = { kind = \"fixed\", base = \"5m\", jitter = 0.0 }\n");
  place.start();
  job::NewJob late;
  late.task = "misbehave.fail";
  late.deadline = Millis{60'000};
  const auto record = place.ended(place.submit(late));
  EXPECT_EQ(record.status, JobStatus::failed);
  ASSERT_TRUE(record.failure) << text(record);
  EXPECT_THAT(record.failure->message, HasSubstr("deadline passes before it could run again"));
}

TEST_P(LimitsTest, AnErrorRuleOfTheConfigOverridesTheTasksRetries) {
  use("misbehave.fail", "thread", "retries = 5\nerrors = [{ text = \"on purpose\", action = \"fail\" }, { type = \"misbehave\", action = \"fail\" }]\n");
  place.start();
  const auto record = place.ended(place.submit("misbehave.fail", R"({"message": "on purpose"})"));
  EXPECT_EQ(record.status, JobStatus::failed);
  EXPECT_EQ(record.reason, FailureReason::rejected) << text(record);
  EXPECT_EQ(record.counters.attempts, 1u);
}

TEST_P(LimitsTest, AThreadThatDoesNotStopIsGivenUpCountedAndShown) {
  use("misbehave.deaf", "thread");
  place.start();
  job::NewJob deaf;
  deaf.task = "misbehave.deaf";
  deaf.timeout = Millis{100};
  const auto record = place.ended(place.submit(deaf));
  EXPECT_EQ(record.status, JobStatus::failed);
  EXPECT_EQ(record.failure->type, "timeout") << text(record);
  EXPECT_THAT(record.failure->message, HasSubstr("did not stop within"));
  const auto shown = [this] {
    const auto workers = run(place.io, place.broker().directory->workers());
    if (!workers.has_value() || workers.value().empty()) return false;
    const auto detail = parse_json(workers.value()[0].detail);
    const auto* lane = detail.has_value() ? detail.value().find("thread") : nullptr;
    return lane != nullptr && lane->int_or("stuck", 0) == 1 && lane->int_or("slots", 0) == 1;
  };
  for (int i = 0; i < 500 && !shown(); ++i) run_for(place.io, Millis{20});
  EXPECT_TRUE(shown());
}

TEST_P(LimitsTest, F43_AStuckChildIsGoneWithItsGroupWithinItsGraceAndASecond) {
  use("misbehave.deaf", "process");
  use("misbehave.noop", "process");
  place.start();
  SystemClock clock;
  job::NewJob deaf;
  deaf.task = "misbehave.deaf";
  deaf.timeout = Millis{200};
  const auto began = clock.now();
  const auto stuck = place.submit(deaf);
  const auto next = place.submit("misbehave.noop");
  EXPECT_EQ(place.ended(stuck).failure->type, "timeout");
  EXPECT_EQ(place.ended(next).status, JobStatus::complete);
  EXPECT_LT(clock.now() - began, Millis{200 + 300 + 1'000}) << "timeout, grace and a second, in the only child there is";
  EXPECT_GE(place.record(stuck).attempts.at(0).usage.cpu_us, 0);
}

}  // namespace
}  // namespace conduitd::test
