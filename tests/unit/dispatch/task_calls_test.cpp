// What tasks ask of the dispatcher about other jobs: to wait for them, to cancel them.
#include "dispatch/task_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "unit/dispatch/dispatcher_fixture.h"

namespace conduitd::dispatch {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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
  EXPECT_THAT(refusal(near), EndsWith("job " + near + " waits for job " + own + " itself"));
  EXPECT_THAT(refusal(far), EndsWith("job " + far + " waits for job " + own + " itself, through " + near));
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

TEST_F(WaitTest, AnAttemptThatEndsWhileItsWaitIsBeingLookedIntoIsAnswered) {
  const auto handle = begin(own);
  broker.stand(x, job::JobStatus::running);
  broker.on_report = [&] {
    channel::Outcome outcome;
    outcome.payload = "1";
    dispatcher->outcome(handle, std::move(outcome));
  };
  wait(handle, {x});
  ASSERT_TRUE(answer());
  EXPECT_FALSE(answer()->ok);
  for (const auto* id : {"b", "c", "d"}) broker.put(claim(id));
  settle();
  EXPECT_THAT(broker.waiting, SizeIs(1)) << "there are two slots, and it holds none of them";
}

TEST_F(WaitTest, ARefusedWaitIsNotShown) {
  const auto handle = begin(own);
  broker.stand(x, job::JobStatus::running, "", {own});
  wait(handle, {x});
  ASSERT_TRUE(answer() && !answer()->ok);
  advance(Millis{100});
  EXPECT_THAT(broker.reports.back().waits_for.value(), IsEmpty());
}

TEST_F(WaitTest, AnAttemptWaitsOnceAtATimeAndTheFirstWaitIsTheOneThatIsShown) {
  const auto handle = begin(own);
  broker.stand(x, job::JobStatus::running);
  broker.stand(y, job::JobStatus::running);
  wait(handle, {x});
  wait(handle, {y});
  EXPECT_THAT(answer()->payload, HasSubstr("waits already"));
  EXPECT_THAT(broker.reports.back().waits_for.value(), ElementsAre(x));
  EXPECT_THAT(recorder.waiting, ElementsAre(handle));
}

}  // namespace
}  // namespace conduitd::dispatch
