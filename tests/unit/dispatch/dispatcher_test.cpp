#include "dispatch/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <optional>
#include <set>

#include "job/trace.h"
#include "support/fake_clock.h"
#include "support/loop.h"
#include "support/result_matchers.h"
#include "support/scripted_broker.h"

namespace conduitd::dispatch {
namespace {

using channel::Executor;
using job::Settlement;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Reason = channel::Cancel::Reason;

/// Hosts that do nothing but remember what they were told.
class RecordingHosts final : public hosts::Hosts {
 public:
  std::map<hosts::Handle, channel::Start> started;
  std::map<hosts::Handle, Reason> cancelled;
  std::vector<hosts::Handle> given_up;
  std::vector<channel::Reply> replies;
  std::size_t slot_count = 2;

  std::size_t slots(Executor executor) const override { return executor == Executor::thread ? slot_count : 0; }
  void set_ahead(Executor, std::size_t) override {}
  void start(hosts::Handle handle, Executor, const channel::Start& start) override { started[handle] = start; }
  void cancel(hosts::Handle handle, Reason reason) override { cancelled[handle] = reason; }
  job::Usage give_up(hosts::Handle handle) override {
    given_up.push_back(handle);
    return {};
  }
  std::size_t stuck(Executor) const override { return given_up.size(); }
  void reply(hosts::Handle, const channel::Reply& reply) override { replies.push_back(reply); }
  std::vector<hosts::Handle> set_waiting(hosts::Handle handle, bool waits) override {
    if (waits) waiting.insert(handle);
    if (!waits) waiting.erase(handle);
    return {};
  }
  std::set<hosts::Handle> waiting;
};

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() {
    channel::TaskManifest task;
    task.name = "t.run";
    task.executor = "thread";
    task.options = R"({"retries":1,"timeout":"10s","backoff":{"kind":"fixed","base":"2s","jitter":0}})";
    channel::PluginManifest plugin;
    plugin.name = "t";
    plugin.tasks = {task};
    task.name = "t.rated";
    task.options = R"({"rate_limit":"10/s"})";
    plugin.tasks.push_back(task);
    task.name = "t.gpu";
    task.options = R"({"needs":{"gpu":1}})";
    plugin.tasks.push_back(task);
    task.name = "t.both";
    task.options = R"({"needs":{"gpu":2}})";
    plugin.tasks.push_back(task);
    task.name = "t.licence";
    task.options = R"({"needs":{"licence":1}})";
    plugin.tasks.push_back(task);
    Dispatcher::Options options;
    options.worker = "w1";
    options.resources = {{"gpu", {2, {"0", "1"}}}};
    options.lease = Millis{3'000};
    options.grace = Millis{1'000};
    dispatcher = std::make_unique<Dispatcher>(io.get_executor(), clock, broker, broker, broker, broker, broker, recorder, options);
    dispatcher->set_tasks(TaskTable::build({plugin}, {}, 3).table);
    dispatcher->start();
    settle();
  }
  ~DispatcherTest() override {
    auto stopped = test::start(io, dispatcher->stop());
    broker.interrupt_claim();
    test::run_until(io, [&] { return stopped.done(); });
  }

  void settle() { clock.settle(io); }
  void advance(Millis by) { clock.advance(io, by); }

  job::Claim claim(std::string id, std::uint32_t attempt = 1) {
    job::Claim made;
    made.lease = {std::move(id), "t.run", "default", attempt, ""};
    made.counters.attempts = attempt;
    made.args = "{}";
    return made;
  }
  job::Claim claim_of(std::string task, std::string id) {
    auto made = claim(std::move(id));
    made.lease.task = std::move(task);
    return made;
  }
  /// The devices that the attempt at a job was given.
  std::string devices_of(const std::string& id) const {
    for (const auto& [handle, start] : recorder.started) {
      if (start.job_id == id) return start.devices;
    }
    return "not started";
  }
  hosts::Handle handle_of(const std::string& id) const {
    for (const auto& [handle, start] : recorder.started) {
      if (start.job_id == id) return handle;
    }
    throw std::runtime_error(id + " was not started");
  }
  /// Puts a job in and returns the handle it was started with.
  hosts::Handle begin(std::string id) {
    broker.put(claim(std::move(id)));
    settle();
    const auto handle = recorder.started.rbegin()->first;
    dispatcher->began(handle);
    return handle;
  }
  void complete(hosts::Handle handle) {
    channel::Outcome outcome;
    outcome.payload = "1";
    outcome.duration_us = 1'000'000;
    dispatcher->outcome(handle, std::move(outcome));
    settle();
  }

  /// What hooks are to be told.
  channel::Verdict conclude(hosts::Handle handle, channel::Outcome::Kind kind) {
    channel::Outcome outcome;
    outcome.kind = kind;
    if (kind == channel::Outcome::Kind::complete) {
      outcome.payload = "17";
    } else {
      outcome.error_type = "std::runtime_error";
      outcome.error_message = "broken";
    }
    dispatcher->call(handle, {0, channel::Call::Kind::conclude, channel::encode(outcome)});
    if (recorder.replies.empty()) throw std::runtime_error("no verdict");
    return channel::decode<channel::Verdict>(recorder.replies.back().payload).value();
  }

  boost::asio::io_context io;
  test::FakeClock clock;
  test::ScriptedBroker broker{io.get_executor()};
  RecordingHosts recorder;
  std::unique_ptr<Dispatcher> dispatcher;
};

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

/// What a task is answered that asks to wait; nothing as long as it waits.
class WaitTest : public DispatcherTest {
 protected:
  WaitTest() { broker.watch_clock = &clock; }
  static std::string ulid(char last) { return std::string("default:01JZZZZZZZZZZZZZZZZZZZZZZ") + last; }
  void wait(hosts::Handle handle, const std::vector<std::string>& ids, const std::string& more = "") {
    std::string payload = R"({"ids":)" + job::ids_to_json(ids) + more + "}";
    dispatcher->call(handle, {++call_, channel::Call::Kind::wait, std::move(payload)});
    settle();
  }
  std::optional<channel::Reply> answer() {
    for (const auto& reply : recorder.replies) {
      if (reply.id == call_) return reply;
    }
    return std::nullopt;
  }
  std::uint32_t call_ = 0;
  const std::string own = ulid('0');
  const std::string x = ulid('1');
  const std::string y = ulid('2');
};

TEST_F(WaitTest, WhatHasEndedIsNotWaitedFor) {
  const auto handle = begin(own);
  broker.stand(x, job::JobStatus::complete);
  broker.stand(y, job::JobStatus::failed);
  wait(handle, {x, y});
  ASSERT_TRUE(answer() && answer()->ok);
  EXPECT_EQ(answer()->payload, R"({"ended":[{"id":")" + x + R"(","status":"complete"},{"id":")" + y + R"(","status":"failed"}],"timed_out":false})");
  EXPECT_THAT(recorder.waiting, IsEmpty());
}

TEST_F(WaitTest, AnAttemptThatWaitsTakesNoSlotUntilItGoesOn) {
  const auto first = begin(own);
  broker.stand(x, job::JobStatus::running);
  begin("b");
  broker.put(claim("c"));
  settle();
  EXPECT_THAT(broker.waiting, SizeIs(1)) << "there are two slots";
  wait(first, {x});
  EXPECT_THAT(recorder.waiting, ElementsAre(first));
  EXPECT_THAT(broker.waiting, IsEmpty()) << "its slot is another's";
  EXPECT_THAT(broker.reports.at(0).waits_for.value(), ElementsAre(x));
  broker.stand(x, job::JobStatus::complete);
  advance(Millis{300});
  ASSERT_TRUE(answer() && answer()->ok) << answer()->payload;
  EXPECT_THAT(recorder.waiting, IsEmpty());
  advance(Millis{100});
  EXPECT_THAT(broker.reports.back().waits_for.value(), IsEmpty()) << "it is known that it goes on";
  broker.put(claim("d"));
  settle();
  EXPECT_THAT(broker.waiting, SizeIs(1)) << "three run in two slots: no more are taken";
}

TEST_F(WaitTest, OneOfAnyOrTheFirstFailureIsEnough) {
  const auto handle = begin(own);
  broker.stand(x, job::JobStatus::running);
  broker.stand(y, job::JobStatus::running);
  wait(handle, {x, y}, R"(,"until":"any")");
  EXPECT_FALSE(answer());
  broker.stand(y, job::JobStatus::complete);
  advance(Millis{300});
  EXPECT_THAT(answer()->payload, HasSubstr(y));
  broker.stand(y, job::JobStatus::running);
  wait(handle, {x, y}, R"(,"until":"failure")");
  broker.stand(x, job::JobStatus::complete);
  advance(Millis{300});
  EXPECT_FALSE(answer()) << "that is no failure";
  broker.stand(y, job::JobStatus::cancelled);
  advance(Millis{300});
  EXPECT_THAT(answer()->payload, HasSubstr("cancelled"));
}

TEST_F(WaitTest, ATimeoutAnswersWithWhatHasEnded) {
  const auto handle = begin(own);
  broker.stand(x, job::JobStatus::running);
  wait(handle, {x}, R"(,"timeout_ms":400)");
  advance(Millis{300});
  EXPECT_FALSE(answer());
  advance(Millis{300});
  EXPECT_EQ(answer()->payload, R"({"ended":[],"timed_out":true})");
  EXPECT_THAT(recorder.waiting, IsEmpty());
}

TEST_F(WaitTest, ItselfAncestorsAndThoseThatWaitForItAreRefused) {
  auto child = claim(own);
  child.parent_id = x;
  child.root_id = y;
  broker.put(child);
  settle();
  const auto handle = recorder.started.rbegin()->first;
  dispatcher->began(handle);
  const auto grand = ulid('3');
  broker.stand(y, job::JobStatus::running);
  broker.stand(grand, job::JobStatus::running, y);
  broker.stand(x, job::JobStatus::running, grand);
  const auto refusal = [&](const std::string& id) {
    wait(handle, {id});
    EXPECT_TRUE(answer() && !answer()->ok);
    return answer()->payload;
  };
  EXPECT_THAT(refusal(own), HasSubstr("wait for itself"));
  EXPECT_THAT(refusal(x), HasSubstr("descends from"));
  EXPECT_THAT(refusal(y), HasSubstr("descends from"));
  EXPECT_THAT(refusal(grand), HasSubstr("descends from"));
  const auto far = ulid('4');
  const auto near = ulid('5');
  broker.stand(near, job::JobStatus::running, "", {own});
  broker.stand(far, job::JobStatus::scheduled, "", {near});
  EXPECT_THAT(refusal(far), HasSubstr("waits for job " + own));
  EXPECT_THAT(refusal(ulid('6')), HasSubstr("there is no job"));
  EXPECT_THAT(recorder.waiting, IsEmpty());
  // Its own children may wait for anybody else.
  broker.stand(near, job::JobStatus::running, own, {far});
  broker.stand(far, job::JobStatus::running);
  wait(handle, {near});
  EXPECT_FALSE(answer());
}

TEST_F(WaitTest, AStopEndsTheWait) {
  const auto handle = begin(own);
  broker.stand(x, job::JobStatus::running);
  wait(handle, {x});
  broker.notice({broker::Notice::Kind::cancel, own});
  settle();
  advance(Millis{300});
  ASSERT_TRUE(answer());
  EXPECT_FALSE(answer()->ok);
  EXPECT_THAT(answer()->payload, HasSubstr("asked to stop"));
}

TEST_F(WaitTest, AJobThatEndsInVainCancelsTheChildrenBoundToIt) {
  const auto handle = begin(own);
  broker.stand(x, job::JobStatus::running, own);
  broker.stand(y, job::JobStatus::queued, own);
  broker.glances[y].on_parent_end = job::OnParentEnd::cancel;
  broker.kids[own] = {x, y};
  dispatcher->call(handle, {1, channel::Call::Kind::submit, R"({"task":"t.run"})"});
  settle();
  channel::Outcome outcome;
  outcome.kind = channel::Outcome::Kind::fail;
  dispatcher->outcome(handle, std::move(outcome));
  settle();
  EXPECT_THAT(broker.cancelled, ElementsAre(y));
}

TEST_F(WaitTest, OnlyItsOwnChildrenCanATaskCancel) {
  const auto handle = begin(own);
  broker.stand(x, job::JobStatus::running, own);
  broker.stand(y, job::JobStatus::running);
  const auto ask = [&](const std::string& id) {
    dispatcher->call(handle, {++call_, channel::Call::Kind::cancel, R"({"ids":)" + job::ids_to_json({id}) + "}"});
    settle();
    return answer()->ok;
  };
  EXPECT_TRUE(ask(x));
  EXPECT_FALSE(ask(y));
  EXPECT_THAT(broker.cancelled, ElementsAre(x));
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
