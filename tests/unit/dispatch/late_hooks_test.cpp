#include "dispatch/late_hooks.h"

#include <gmock/gmock.h>
#include <signal.h>

#include "dispatcher_fixture.h"

namespace conduitd::dispatch {
namespace {

using channel::Verdict;
using job::Settlement;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

/// Attempts at a task that has hooks for on_retry and on_failure.
class LateHooksTest : public DispatcherTest {
 protected:
  hosts::Handle begin_told(const std::string& id, std::uint32_t attempt = 1, std::uint32_t crashes = 0) {
    auto made = claim_of("t.told", id);
    made.lease.attempt = made.counters.attempts = attempt;
    made.counters.crashes = crashes;
    broker.put(made);
    settle();
    const auto handle = recorder.started.rbegin()->first;
    dispatcher->began(handle);
    return handle;
  }
  void crash(hosts::Handle handle) {
    hosts::HostDeath death;
    death.signal = SIGSEGV;
    dispatcher->lost(handle, true, death);
    settle();
  }
  /// The one that a host was last asked to run.
  std::pair<hosts::Handle, channel::LateHooks> last() {
    if (recorder.late_hooks.empty()) throw std::runtime_error("none were to run");
    return *recorder.late_hooks.rbegin();
  }
  void run(hosts::Handle handle) {
    dispatcher->began(handle);
    dispatcher->outcome(handle, {});
    settle();
  }
};

TEST_F(LateHooksTest, OfACrashRunInAnotherHostOnceItIsDecided) {
  crash(begin_told("a"));
  ASSERT_THAT(broker.settled, SizeIs(1)) << "the settlement waits for nothing";
  const auto [handle, hooks] = last();
  EXPECT_EQ(hooks.start.job_id, "a");
  EXPECT_EQ(hooks.verdict.kind, Verdict::Kind::retry);
  EXPECT_EQ(hooks.verdict.error_type, "signal");
  run(handle);
  crash(begin_told("a", 3, 2));
  EXPECT_EQ(last().second.verdict.kind, Verdict::Kind::failed) << "it is poison";
  run(last().first);
  EXPECT_THAT(broker.settled, SizeIs(2));
}

TEST_F(LateHooksTest, OfAnAttemptThatIsGivenUp) {
  const auto handle = begin_told("a");
  advance(Millis{10'100});
  advance(Millis{1'100});
  EXPECT_THAT(recorder.given_up, ElementsAre(handle));
  EXPECT_EQ(last().second.verdict.kind, Verdict::Kind::retry);
  EXPECT_EQ(last().second.verdict.error_type, "timeout");
}

TEST_F(LateHooksTest, ATaskWithoutAHookForItsEndNeedsNoHost) {
  crash(begin("a"));
  const auto handle = begin_told("b");
  broker.notice({broker::Notice::Kind::cancel, "b"});
  advance(Millis{1'100});
  EXPECT_THAT(recorder.given_up, ElementsAre(handle));
  EXPECT_THAT(recorder.late_hooks, IsEmpty());
}

TEST_F(LateHooksTest, TheirHostsDeathIsNoAttemptsAndTheyAreNotRepeated) {
  crash(begin_told("a"));
  const auto handle = last().first;
  dispatcher->began(handle);
  crash(handle);
  EXPECT_THAT(broker.settled, SizeIs(1));
  EXPECT_THAT(recorder.late_hooks, SizeIs(1));
}

TEST_F(LateHooksTest, WhatHasNotBegunIsGivenToAnotherHost) {
  crash(begin_told("a"));
  const auto handle = last().first;
  recorder.late_hooks.clear();
  dispatcher->lost(handle, false, {});
  EXPECT_EQ(last().first, handle);
  recorder.late_hooks.clear();
  channel::Outcome back;
  back.kind = channel::Outcome::Kind::cancelled;
  dispatcher->outcome(handle, back);
  EXPECT_EQ(last().first, handle);
}

TEST_F(LateHooksTest, TheyMaySubmit) {
  crash(begin_told("a"));
  dispatcher->began(last().first);
  dispatcher->call(last().first, {1, channel::Call::Kind::submit, R"({"task":"t.run"})"});
  settle();
  ASSERT_THAT(broker.enqueued, SizeIs(1));
  EXPECT_EQ(broker.enqueued[0].parent_id, "a");
  ASSERT_THAT(recorder.replies, SizeIs(1));
  EXPECT_TRUE(recorder.replies[0].ok);
}

TEST_F(LateHooksTest, TooManyAreLeftOutAndThoseOfFailedJobsLast) {
  for (std::size_t i = 0; i < LateHooks::kMost + 20; ++i) crash(begin_told("r" + std::to_string(i)));
  EXPECT_THAT(recorder.late_hooks, SizeIs(1)) << "one at once in two slots";
  crash(begin_told("poison", 3, 2));
  std::vector<std::string> ran;
  while (!recorder.late_hooks.empty()) {
    const auto [handle, hooks] = last();
    recorder.late_hooks.clear();
    ran.push_back(hooks.start.job_id);
    run(handle);
  }
  EXPECT_THAT(ran, SizeIs(LateHooks::kMost));
  EXPECT_EQ(ran.back(), "poison");
  EXPECT_THAT(broker.settled, SizeIs(LateHooks::kMost + 21));
}

TEST_F(LateHooksTest, ThoseThatTakeTooLongAreGivenUpAndThoseThatNeverBeganTakenBack) {
  crash(begin_told("a"));
  const auto handle = last().first;
  dispatcher->began(handle);
  advance(LateHooks::kLongest - Millis{1'000});
  EXPECT_THAT(recorder.given_up, IsEmpty());
  crash(begin_told("b"));
  advance(Millis{1'100});
  EXPECT_THAT(recorder.given_up, ElementsAre(handle));
  const auto next = last().first;
  EXPECT_NE(next, handle) << "the next one has its turn";
  advance(LateHooks::kLongest);
  EXPECT_TRUE(recorder.cancelled.contains(next));
  channel::Outcome back;
  back.kind = channel::Outcome::Kind::cancelled;
  recorder.late_hooks.clear();
  dispatcher->outcome(next, back);
  EXPECT_THAT(recorder.late_hooks, IsEmpty()) << "its time is over";
}

TEST_F(LateHooksTest, ADrainWaitsForThemNoLongerThanItsTime) {
  crash(begin_told("a"));
  auto drained = test::start(io, dispatcher->drain(clock.now() + Millis{5'000}));
  advance(Millis{100});
  EXPECT_FALSE(drained.done());
  run(last().first);
  advance(Millis{100});
  EXPECT_TRUE(drained.done());
}

TEST_F(LateHooksTest, ADrainThatIsOverLeavesThem) {
  crash(begin_told("a"));
  dispatcher->began(last().first);
  auto drained = test::start(io, dispatcher->drain(clock.now() + Millis{500}));
  advance(Millis{600});
  ASSERT_TRUE(drained.done());
  EXPECT_TRUE(drained.take());
}

TEST_F(LateHooksTest, OfADeadWorkersAttemptRunWhereItIsFoundOut) {
  job::JobRecord record;
  record.id = "default:dead";
  record.task = "t.told";
  record.queue = "default";
  record.args = R"({"a":1})";
  job::AttemptRecord attempt;
  attempt.attempt = 2;
  attempt.failure = job::Failure{"lease expired", "worker w0 died", {}};
  record.attempts = {attempt};
  broker.records[record.id] = record;
  broker.reclaimed.entries = {{record.id, 2, false}};
  advance(Millis{2'000});
  EXPECT_EQ(last().second.start.args, R"({"a":1})");
  EXPECT_EQ(last().second.start.attempt, 2u);
  EXPECT_EQ(last().second.verdict.kind, Verdict::Kind::retry);
  EXPECT_EQ(last().second.verdict.error_message, "worker w0 died");
  run(last().first);
  broker.records[record.id].status = job::JobStatus::failed;
  broker.reclaimed.entries = {{record.id, 2, true}};
  advance(Millis{2'000});
  EXPECT_EQ(last().second.verdict.kind, Verdict::Kind::failed);
  EXPECT_THAT(broker.settled, IsEmpty());
}

}  // namespace
}  // namespace conduitd::dispatch
