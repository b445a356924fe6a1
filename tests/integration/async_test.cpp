// What is particular to coroutines: many attempts share a loop, so that one that does not stop must not take the others along.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;
using testing::HasSubstr;

class AsyncTest : public testing::TestWithParam<StoreKind> {
 protected:
  AsyncTest() : place(GetParam()) {
    place.executors = "[executors]\ngrace = \"300ms\"\n";
    place.install("coroutines");
  }
  static job::NewJob job_of(const std::string& verb, int ms, std::optional<Millis> timeout = {}) {
    job::NewJob job;
    job.task = "coroutines." + verb;
    job.args = R"({"ms": )" + std::to_string(ms) + "}";
    if (verb == "hang") job.args = "{}";
    job.timeout = timeout;
    job.retries = 0;
    return job;
  }
  std::string submit_begun(const job::NewJob& job) {
    const auto id = place.submit(job);
    place.until(id, [](const auto& record) { return record.progress.has_value(); });
    return id;
  }
  static std::string text(const job::JobRecord& record) { return job::to_json(record).text(true); }

  Workplace place;
};
INSTANTIATE_TEST_SUITE_P(Each, AsyncTest, testing::ValuesIn(all_stores()), [](const auto& param) { return param.param.name; });

TEST_P(AsyncTest, ATimeoutReachesACoroutineThroughItsSlotAndOneThatOnlyLooks) {
  place.start();
  for (const auto* verb : {"sleep", "heed"}) {
    const auto record = place.ended(place.submit(job_of(verb, 60'000, Millis{200})));
    EXPECT_EQ(record.status, JobStatus::failed) << text(record);
    ASSERT_TRUE(record.failure);
    EXPECT_EQ(record.failure->type, "timeout");
    EXPECT_THAT(record.failure->message, testing::Not(HasSubstr("did not stop"))) << verb;
  }
}

TEST_P(AsyncTest, ACancelReachesACoroutineThroughItsSlotAndOneThatOnlyLooks) {
  place.start();
  for (const auto* verb : {"sleep", "heed"}) {
    const auto id = submit_begun(job_of(verb, 60'000));
    ASSERT_TRUE(run(place.io, place.broker().directory->cancel(id)).has_value());
    const auto record = place.ended(id);
    EXPECT_EQ(record.status, JobStatus::cancelled) << text(record);
  }
}

TEST_P(AsyncTest, ACoroutineThatDoesNotStopIsGivenUpAndItsNeighboursFinish) {
  place.start();
  const auto neighbour = submit_begun(job_of("sleep", 2'500));
  const auto deaf = place.ended(place.submit(job_of("deaf", 60'000, Millis{200})));
  ASSERT_TRUE(deaf.failure) << text(deaf);
  EXPECT_EQ(deaf.failure->type, "timeout");
  EXPECT_THAT(deaf.failure->message, HasSubstr("did not stop within"));
  EXPECT_EQ(place.ended(place.submit(job_of("sleep", 1))).status, JobStatus::complete);
  const auto record = place.ended(neighbour);
  EXPECT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_EQ(record.counters.attempts, 1u) << "the loop it ran on was well";
}

TEST_P(AsyncTest, F43_ABlockedLoopIsGivenUpWithItsHostAndItsOtherJobsRunAgainAtNoCost) {
  auto& worker = place.start();
  const auto begun = submit_begun(job_of("sleep", 1'000));
  const auto blocker = place.submit(job_of("hang", 0, Millis{300}));
  const auto behind = place.submit(job_of("sleep", 1));
  const auto record = place.ended(blocker);
  ASSERT_TRUE(record.failure) << text(record);
  EXPECT_EQ(record.failure->type, "timeout");
  for (const auto& id : {begun, behind}) {
    const auto other = place.ended(id);
    EXPECT_EQ(other.status, JobStatus::complete) << text(other);
    EXPECT_EQ(other.counters.failures + other.counters.crashes, 0u) << text(other);
  }
  EXPECT_EQ(place.record(begun).counters.interruptions, 1u);
  EXPECT_TRUE(worker.running());
}

TEST_P(AsyncTest, AJobThatIsHandedBackBeforeItBeganIsNotRunAndPaysNothing) {
  place.top_config = "lease = \"10s\"\ndrain_timeout = \"300ms\"\n";
  auto& worker = place.start();
  const auto blocker = submit_begun(job_of("hang", 0));
  const auto behind = place.submit(job_of("sleep", 60'000));
  place.until(behind, [](const auto& record) { return record.status == JobStatus::running; });
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
  EXPECT_EQ(place.record(blocker).counters.interruptions, 1u);
  const auto record = place.record(behind);
  EXPECT_EQ(record.status, JobStatus::queued) << text(record);
  EXPECT_EQ(record.counters.interruptions, 0u) << text(record);
}

}  // namespace
}  // namespace conduitd::test
