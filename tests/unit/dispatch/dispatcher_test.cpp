#include "dispatch/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "unit/dispatch/dispatcher_fixture.h"
#include "job/trace.h"
#include "support/result_matchers.h"

namespace conduitd::dispatch {
namespace {

using job::Settlement;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(DispatcherTest, SettlesAJobThatCompletes) {
  complete(begin("a"));
  ASSERT_THAT(broker.settled, SizeIs(1));
  EXPECT_EQ(broker.settled[0].kind, Settlement::Kind::complete);
  EXPECT_EQ(broker.settled[0].result, "1");
  EXPECT_EQ(broker.settled[0].worker, "w1");
}

TEST_F(DispatcherTest, TakesNoMoreThanItHasSlotsForUntilItKnowsHowLongAttemptsTake) {
  for (int i = 0; i < 10; ++i) broker.put(claim("j" + std::to_string(i)));
  settle();
  EXPECT_THAT(recorder.started, SizeIs(2));
  EXPECT_THAT(broker.waiting, SizeIs(8));
}

TEST_F(DispatcherTest, TakesNoJobOfARatedTaskAheadAndTheNextAsSoonAsASlotIsFree) {
  channel::Outcome quick;
  quick.payload = "1";
  quick.duration_us = 10;
  for (int i = 0; i < 50; ++i) {
    dispatcher->outcome(begin("quick" + std::to_string(i)), quick);
    settle();
  }
  for (int i = 0; i < 5; ++i) {
    auto rated = claim("rated" + std::to_string(i));
    rated.lease.task = "t.rated";
    broker.put(std::move(rated));
  }
  settle();
  EXPECT_THAT(broker.waiting, SizeIs(3)) << "there are two slots";
  const auto last = recorder.started.rbegin()->first;
  dispatcher->began(last);
  complete(last);
  EXPECT_THAT(broker.waiting, SizeIs(2));
}

TEST_F(DispatcherTest, TakesNoMoreJobsThanItsResourcesAdmitAndTheNextWhenOneIsGivenBack) {
  recorder.slot_count = 10;
  for (int i = 0; i < 4; ++i) broker.put(claim_of("t.gpu", "g" + std::to_string(i)));
  settle();
  EXPECT_THAT(recorder.started, SizeIs(2)) << "there are slots for all";
  EXPECT_THAT(broker.waiting, SizeIs(2));
  EXPECT_EQ(devices_of("g0"), "0");
  EXPECT_EQ(devices_of("g1"), "1");
  dispatcher->began(handle_of("g0"));
  complete(handle_of("g0"));
  EXPECT_EQ(devices_of("g2"), "0");
  EXPECT_THAT(broker.waiting, SizeIs(1));
}

TEST_F(DispatcherTest, WhatOneClaimTakesOfSeveralTasksFitsTogether) {
  recorder.slot_count = 0;
  dispatcher->capacity_changed();
  settle();
  broker.put(claim_of("t.gpu", "small"));
  broker.put(claim_of("t.both", "large"));
  broker.put(claim_of("t.gpu", "small2"));
  recorder.slot_count = 10;
  dispatcher->capacity_changed();
  settle();
  EXPECT_EQ(devices_of("large"), "not started");
  EXPECT_THAT(recorder.started, SizeIs(2));
  EXPECT_THAT(broker.settled, IsEmpty()) << "nothing was taken to be put back";
}

TEST_F(DispatcherTest, ResourcesComeBackHoweverAnAttemptEnds) {
  recorder.slot_count = 10;
  int number = 0;
  const auto start = [&] {
    const auto id = "j" + std::to_string(number++);
    broker.put(claim_of("t.both", id));
    settle();
    const auto handle = handle_of(id);
    dispatcher->began(handle);
    return handle;
  };
  channel::Outcome broken;
  broken.kind = channel::Outcome::Kind::retry;
  dispatcher->outcome(start(), broken);
  dispatcher->lost(start(), true, {});
  const auto stuck = start();
  broker.notice({broker::Notice::Kind::cancel, "j2"});
  advance(Millis{2'000});
  EXPECT_THAT(recorder.given_up, ElementsAre(stuck));
  const auto lost = start();
  broker.lease_answer = broker::LeaseState::lost;
  advance(Millis{2'000});
  channel::Outcome outcome;
  dispatcher->outcome(lost, outcome);
  broker.lease_answer = broker::LeaseState::held;
  EXPECT_EQ(devices_of("j4"), "not started");
  start();
  EXPECT_EQ(devices_of("j4"), "0,1");
}

TEST_F(DispatcherTest, AJobWhoseNeedsItHasNotIsLeftToOthers) {
  broker.put(claim_of("t.licence", "a"));
  broker.put(claim_of("t.gpu", "b"));
  advance(Millis{2'000});
  EXPECT_THAT(broker.waiting, SizeIs(1));
  EXPECT_EQ(devices_of("b"), "0");
}

TEST_F(DispatcherTest, SmallJobsThatKeepComingDoNotStarveALargeOne) {
  recorder.slot_count = 10;
  int number = 0;
  std::vector<std::string> running;
  const auto put_small = [&] {
    running.push_back("small" + std::to_string(number++));
    broker.put(claim_of("t.gpu", running.back()));
    settle();
  };
  put_small();
  put_small();
  broker.put(claim_of("t.both", "large"));
  int rounds = 0;
  while (devices_of("large") == "not started" && rounds < 40) {
    // One of them ends at a time, and the next is there before it does.
    put_small();
    advance(Millis{200});
    if (devices_of(running.front()) != "not started") {
      dispatcher->began(handle_of(running.front()));
      complete(handle_of(running.front()));
      running.erase(running.begin());
    }
    ++rounds;
  }
  EXPECT_EQ(devices_of("large"), "0,1");
  EXPECT_GE(rounds, 9) << "it is overtaken for two seconds";
  EXPECT_LE(rounds, 20) << "and not for much longer";
  dispatcher->began(handle_of("large"));
  complete(handle_of("large"));
  settle();
  EXPECT_NE(devices_of(running.front()), "not started") << "then the small ones go on";
}

TEST_F(DispatcherTest, NothingIsHeldBackForALargeTaskWithoutJobs) {
  recorder.slot_count = 10;
  broker.put(claim_of("t.gpu", "a"));
  settle();
  advance(Millis{10'000});
  EXPECT_GE(broker.asked_about["t.both"], 5U);
  EXPECT_LE(broker.asked_about["t.both"], 11U) << "once a second, for one queue";
  EXPECT_EQ(broker.asked_about["t.gpu"], 0U) << "it fits";
  EXPECT_EQ(broker.asked_about["t.licence"], 0U) << "it never will";
  broker.put(claim_of("t.gpu", "b"));
  settle();
  EXPECT_EQ(devices_of("b"), "1");
}

TEST_F(DispatcherTest, AnnouncesWhatItHasAndWhatIsFree) {
  recorder.slot_count = 10;
  broker.put(claim_of("t.gpu", "a"));
  settle();
  advance(Millis{6'000});
  EXPECT_THAT(broker.announced.back().detail, HasSubstr(R"("resources":{"gpu":{"units":2,"free":1,"devices":["0","1"]}})"));
}

TEST_F(DispatcherTest, WritesWhatAnAttemptSaidBeforeItsEnd) {
  const auto handle = begin("a");
  dispatcher->command(handle, channel::FrameType::checkpoint, R"({"at":1})");
  complete(handle);
  EXPECT_THAT(broker.calls, ElementsAre("report", "settle"));
  EXPECT_EQ(broker.reports[0].checkpoint, R"({"at":1})");
}

TEST_F(DispatcherTest, WritesWhatARunningAttemptSaysWhileItRuns) {
  const auto handle = begin("a");
  channel::Progress progress{0.5, "half"};
  dispatcher->command(handle, channel::FrameType::progress, channel::encode(progress));
  advance(Millis{200});
  ASSERT_THAT(broker.reports, SizeIs(1));
  EXPECT_EQ(broker.reports[0].progress->message, "half");
  EXPECT_THAT(broker.settled, IsEmpty());
}

TEST_F(DispatcherTest, F6_ASettleWhoseAnswerWasLostIsRepeatedAndCountsOnce) {
  broker.failing_settles = 2;
  complete(begin("a"));
  advance(Millis{2'000});
  EXPECT_THAT(broker.settled, SizeIs(1));
  EXPECT_EQ(dispatcher->stats().settled, 1u);
}

TEST_F(DispatcherTest, KeepsASettlementUntilTheBrokerIsBackAndKeepsItsLease) {
  const auto handle = begin("a");
  broker.fault = Error(Errc::unavailable, "connection refused");
  complete(handle);
  advance(Millis{5'000});
  EXPECT_THAT(broker.settled, IsEmpty());
  EXPECT_EQ(dispatcher->stats().broker_fault, "connection refused");
  broker.fault.reset();
  advance(Millis{2'000});
  EXPECT_THAT(broker.settled, SizeIs(1));
  EXPECT_EQ(dispatcher->stats().broker_fault, "");
}

TEST_F(DispatcherTest, HasTheStoreMendedEachThirtySeconds) {
  advance(Millis{29'000});
  EXPECT_EQ(broker.reconciled, 0U);
  broker.mended = {{"default:1", "it was mended"}};
  advance(Millis{1'500});
  EXPECT_EQ(broker.reconciled, 1U);
  EXPECT_THAT(broker.mended, testing::IsEmpty());
  advance(Millis{30'000});
  EXPECT_EQ(broker.reconciled, 2U);
}

TEST_F(DispatcherTest, RenewsTheLeaseOfWhatRunsLong) {
  begin("a");
  advance(Millis{3'000});
  ASSERT_GE(broker.extended.size(), 2u);
  EXPECT_EQ(broker.extended[0][0].job_id, "a");
}

TEST_F(DispatcherTest, StopsAnAttemptWhoseLeaseWasLostAndWritesNothingOfIt) {
  const auto handle = begin("a");
  broker.lease_answer = broker::LeaseState::lost;
  advance(Millis{2'000});
  ASSERT_EQ(recorder.cancelled.count(handle), 1u);
  EXPECT_EQ(recorder.cancelled[handle], Reason::lease_lost);
  complete(handle);
  EXPECT_THAT(broker.settled, IsEmpty());
}

TEST_F(DispatcherTest, AnErrorIsRetriedAfterTheTasksBackoffAndThenFails) {
  auto fail = [this](std::uint32_t failures) {
    auto made = claim("a", failures + 1);
    made.counters.failures = failures;
    broker.put(made);
    settle();
    const auto handle = recorder.started.rbegin()->first;
    dispatcher->began(handle);
    channel::Outcome outcome;
    outcome.kind = channel::Outcome::Kind::retry;
    outcome.duration_us = 1'000'000;
    dispatcher->outcome(handle, outcome);
    settle();
  };
  fail(0);
  EXPECT_EQ(broker.settled[0].kind, Settlement::Kind::retry);
  EXPECT_EQ(broker.settled[0].retry_after, Millis{2'000});
  fail(1);
  EXPECT_EQ(broker.settled[1].kind, Settlement::Kind::fail);
  EXPECT_EQ(broker.settled[1].reason, job::FailureReason::exhausted);
}

TEST_F(DispatcherTest, AskedToStopAtItsTimeoutAndGivenUpAfterTheGrace) {
  const auto handle = begin("a");
  advance(Millis{10'100});
  ASSERT_EQ(recorder.cancelled.count(handle), 1u);
  EXPECT_EQ(recorder.cancelled[handle], Reason::timeout);
  EXPECT_THAT(recorder.given_up, IsEmpty());
  advance(Millis{1'100});
  EXPECT_THAT(recorder.given_up, ElementsAre(handle));
  ASSERT_THAT(broker.settled, SizeIs(1));
  EXPECT_EQ(broker.settled[0].failure->type, "timeout");
}

TEST_F(DispatcherTest, ACancelNoticeReachesTheRunningAttempt) {
  const auto handle = begin("a");
  broker.notice({broker::Notice::Kind::cancel, "a"});
  ASSERT_EQ(recorder.cancelled.count(handle), 1u);
  channel::Outcome outcome;
  outcome.kind = channel::Outcome::Kind::cancelled;
  dispatcher->outcome(handle, outcome);
  settle();
  EXPECT_EQ(broker.settled[0].kind, Settlement::Kind::cancel);
}

TEST_F(DispatcherTest, ACrashIsChargedAndTheThirdMakesTheJobPoison) {
  for (std::uint32_t crashes = 0; crashes < 3; ++crashes) {
    auto made = claim("a", crashes + 1);
    made.counters.crashes = crashes;
    broker.put(made);
    settle();
    const auto handle = recorder.started.rbegin()->first;
    dispatcher->began(handle);
    hosts::HostDeath death;
    death.signal = SIGSEGV;
    dispatcher->lost(handle, true, death);
    settle();
  }
  ASSERT_THAT(broker.settled, SizeIs(3));
  EXPECT_EQ(broker.settled[1].kind, Settlement::Kind::retry);
  EXPECT_EQ(broker.settled[1].charge, Settlement::Charge::crash);
  EXPECT_EQ(broker.settled[2].kind, Settlement::Kind::fail);
  EXPECT_EQ(broker.settled[2].reason, job::FailureReason::poison);
}

TEST_F(DispatcherTest, ADrainWaitsForWhatRunsAndTakesNothingNew) {
  const auto handle = begin("a");
  auto drained = test::start(io, dispatcher->drain(clock.now() + Millis{30'000}));
  advance(Millis{100});
  EXPECT_FALSE(drained.done());
  broker.put(claim("b"));
  complete(handle);
  advance(Millis{100});
  ASSERT_TRUE(drained.done());
  EXPECT_TRUE(drained.take());
  for (const auto& settlement : broker.settled) {
    if (settlement.lease.job_id == "b") {
      EXPECT_EQ(settlement.kind, Settlement::Kind::release);
    }
  }
}

TEST_F(DispatcherTest, ADrainThatIsOverHandsTheRestBackAtNoCost) {
  const auto handle = begin("a");
  auto drained = test::start(io, dispatcher->drain(clock.now() + Millis{500}));
  advance(Millis{600});
  ASSERT_TRUE(drained.done());
  EXPECT_THAT(recorder.given_up, ElementsAre(handle));
  ASSERT_THAT(broker.settled, SizeIs(1));
  EXPECT_EQ(broker.settled[0].kind, Settlement::Kind::release);
  EXPECT_EQ(broker.settled[0].charge, Settlement::Charge::interruption);
}

TEST_F(DispatcherTest, StagedBehindALongAttemptItGoesBackForAnotherWorker) {
  complete(begin("warm"));
  broker.put(claim("staged"));
  settle();
  const auto handle = recorder.started.rbegin()->first;  // sent, but its host does not begin it
  advance(Millis{1'200});
  ASSERT_EQ(recorder.cancelled.count(handle), 1u);
  channel::Outcome outcome;
  outcome.kind = channel::Outcome::Kind::cancelled;
  dispatcher->outcome(handle, outcome);
  settle();
  EXPECT_EQ(broker.settled.back().kind, Settlement::Kind::release);
  EXPECT_EQ(broker.settled.back().charge, Settlement::Charge::nothing);
}

TEST_F(DispatcherTest, F75_ARecordThatCannotBeReadFailsAsInvalidAndHoldsUpNobody) {
  auto garbage = claim("g");
  garbage.invalid = true;
  garbage.error = "not JSON";
  broker.put(garbage);
  settle();
  ASSERT_THAT(broker.settled, SizeIs(1));
  EXPECT_EQ(broker.settled[0].reason, job::FailureReason::invalid);
  EXPECT_THAT(broker.settled[0].failure->message, HasSubstr("not JSON"));
  complete(begin("a"));
  EXPECT_THAT(broker.settled, SizeIs(2));
}

TEST_F(DispatcherTest, AJobSubmittedByATaskHasThatJobAsItsParent) {
  const auto handle = begin("parent");
  channel::Call call{7, channel::Call::Kind::submit, R"({"task":"t.run","args":{"n":1}})"};
  dispatcher->call(handle, call);
  settle();
  ASSERT_THAT(broker.enqueued, SizeIs(1));
  EXPECT_EQ(broker.enqueued[0].parent_id, "parent");
  EXPECT_EQ(broker.enqueued[0].root_id, "parent");
  EXPECT_EQ(broker.enqueued[0].args, R"({"n":1})");
  ASSERT_THAT(recorder.replies, SizeIs(1));
  EXPECT_TRUE(recorder.replies[0].ok);
  EXPECT_EQ(recorder.replies[0].id, 7u);
}

TEST_F(DispatcherTest, AnEventTriggeredByATaskHasItsJobAsTheParentOfWhatIsMadeOfIt) {
  const auto handle = begin("parent");
  dispatcher->call(handle, {7, channel::Call::Kind::trigger, R"({"event":"order.placed","payload":{"n": 1}})"});
  dispatcher->call(handle, {8, channel::Call::Kind::trigger, R"({"event":"order.*"})"});
  settle();
  ASSERT_THAT(broker.events, SizeIs(1));
  EXPECT_EQ(broker.events[0].parent_id, "parent");
  EXPECT_EQ(broker.events[0].root_id, "parent");
  EXPECT_EQ(broker.events[0].payload, R"({"n": 1})");
  ASSERT_THAT(recorder.replies, SizeIs(2));
  for (const auto& reply : recorder.replies) {
    EXPECT_EQ(reply.ok, reply.id == 7U);
    if (reply.ok) {
      EXPECT_EQ(reply.payload, R"({"id":"event","jobs":["default:made-of-order.placed"],"collected":1,"repeated":false})");
    } else {
      EXPECT_THAT(reply.payload, testing::HasSubstr("'order.*' is no event"));
    }
  }
}

TEST_F(DispatcherTest, AJobSubmittedByATaskBelongsToItsTraceWithTheAttemptAsItsParent) {
  auto traced = claim("parent");
  traced.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  broker.put(traced);
  settle();
  ASSERT_THAT(recorder.started, SizeIs(1));
  const auto& [handle, start] = *recorder.started.begin();
  EXPECT_EQ(start.traceparent, traced.traceparent);
  dispatcher->call(handle, {1, channel::Call::Kind::submit, R"({"task":"t.run"})"});
  dispatcher->call(handle, {2, channel::Call::Kind::submit, R"({"task":"t.run"})"});
  const std::string own = "00-0000000000000000000000000000000a-000000000000000b-00";
  dispatcher->call(handle, {3, channel::Call::Kind::submit, R"({"task":"t.run","traceparent":")" + own + R"("})"});
  settle();
  ASSERT_THAT(broker.enqueued, SizeIs(3));
  const auto& child = broker.enqueued[0].traceparent;
  EXPECT_OK(job::check_traceparent(child));
  EXPECT_EQ(child.substr(0, 36), traced.traceparent.substr(0, 36)) << "the same trace";
  EXPECT_NE(child.substr(36, 16), traced.traceparent.substr(36, 16)) << "a new parent";
  EXPECT_EQ(child.substr(52), traced.traceparent.substr(52)) << "the same flags";
  EXPECT_EQ(broker.enqueued[1].traceparent, child) << "the attempt is the parent of all that it submits";
  EXPECT_EQ(broker.enqueued[2].traceparent, own) << "what the task says itself stays";
}

TEST_F(DispatcherTest, AHostWithHooksIsToldWhatItsOutcomeMeansAndThatIsSettled) {
  const auto handle = begin("a");
  const auto verdict = conclude(handle, channel::Outcome::Kind::retry);
  EXPECT_EQ(verdict.kind, channel::Verdict::Kind::retry);
  EXPECT_EQ(verdict.retry_after_ms, 2'000);
  EXPECT_EQ(verdict.error_message, "broken");
  advance(Millis{700});
  EXPECT_THAT(broker.settled, IsEmpty()) << "its hooks run";
  dispatcher->outcome(handle, {});
  settle();
  ASSERT_THAT(broker.settled, SizeIs(1));
  EXPECT_EQ(broker.settled[0].kind, Settlement::Kind::retry);
  EXPECT_EQ(broker.settled[0].retry_after, Millis{2'000});
  EXPECT_LT(broker.settled[0].duration, Millis{700}) << "the time of the hooks is not the attempt's";
}

TEST_F(DispatcherTest, WhatIsConcludedStandsWhenItsHostDiesOrACancelComes) {
  const auto handle = begin("a");
  EXPECT_EQ(conclude(handle, channel::Outcome::Kind::complete).kind, channel::Verdict::Kind::complete);
  broker.notice({broker::Notice::Kind::cancel, "a"});
  advance(Millis{20'000});  // past its timeout and its grace
  EXPECT_THAT(recorder.cancelled, IsEmpty());
  hosts::HostDeath death;
  death.signal = SIGSEGV;
  dispatcher->lost(handle, true, death);
  settle();
  ASSERT_THAT(broker.settled, SizeIs(1));
  EXPECT_EQ(broker.settled[0].kind, Settlement::Kind::complete);
  EXPECT_EQ(broker.settled[0].result, "17");
  EXPECT_EQ(broker.settled[0].charge, Settlement::Charge::nothing);
}

TEST_F(DispatcherTest, HooksThatDoNotEndAreGivenUpAndTheOutcomeStands) {
  const auto handle = begin("a");
  EXPECT_EQ(conclude(handle, channel::Outcome::Kind::fail).kind, channel::Verdict::Kind::failed);
  advance(Millis{29'000});
  EXPECT_THAT(broker.settled, IsEmpty());
  advance(Millis{2'000});
  EXPECT_THAT(recorder.given_up, ElementsAre(handle));
  ASSERT_THAT(broker.settled, SizeIs(1));
  EXPECT_EQ(broker.settled[0].kind, Settlement::Kind::fail);
  EXPECT_EQ(broker.settled[0].failure->message, "broken");
}

TEST_F(DispatcherTest, AJobOfATaskThatNobodyHasAnnouncedIsAWarningOnceInTheLogOfItsParent) {
  broker.known_tasks.emplace(1);
  broker.known_tasks->front().name = "elsewhere.run";
  const auto handle = begin("parent");
  for (std::uint32_t id = 1; id <= 2; ++id) {
    dispatcher->call(handle, {id, channel::Call::Kind::submit, R"([{"task":"no.such"},{"task":"elsewhere.run"},{"task":"no.such"}])"});
    settle();
  }
  advance(Millis{300});
  EXPECT_THAT(broker.enqueued, SizeIs(6)) << "a worker may yet come";
  std::vector<std::string> lines;
  for (const auto& report : broker.reports) {
    for (const auto& line : report.logs) lines.push_back(line.message);
  }
  EXPECT_THAT(lines, ElementsAre("it has submitted a job of the task no.such, which no worker has announced: that waits until one does"));
}

TEST_F(DispatcherTest, ABadSubmitOfATaskIsAnsweredWithASentence) {
  dispatcher->call(begin("parent"), {1, channel::Call::Kind::submit, R"({"tusk":"t.run"})"});
  settle();
  ASSERT_THAT(recorder.replies, SizeIs(1));
  EXPECT_FALSE(recorder.replies[0].ok);
  EXPECT_THAT(recorder.replies[0].payload, HasSubstr("did you mean 'task'?"));
}

}  // namespace
}  // namespace conduitd::dispatch
