#include "dispatch/attempt_end.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

namespace conduitd::dispatch {
namespace {

using Kind = job::AttemptEnd::Kind;
using Reason = channel::Cancel::Reason;
using testing::HasSubstr;

class AttemptEnd : public testing::Test {
 protected:
  AttemptEnd() {
    attempt.task = &task;
    attempt.begun = true;
    task.timeout = Millis{1'500};
  }
  static channel::Outcome outcome(channel::Outcome::Kind kind) {
    channel::Outcome made;
    made.kind = kind;
    made.payload = "42";
    made.error_type = "Oops";
    made.error_message = "it broke";
    return made;
  }
  static hosts::HostDeath killed_by(int signal) {
    hosts::HostDeath death;
    death.pid = 77;
    death.signal = signal;
    death.output = {"last words"};
    return death;
  }

  Task task;
  Attempt attempt;
};

TEST_F(AttemptEnd, AResultCompletesEvenIfAStopWasOnItsWay) {
  attempt.stop = Reason::timeout;
  const auto end = end_by_outcome(attempt, outcome(channel::Outcome::Kind::complete));
  EXPECT_EQ(end.kind, Kind::complete);
  EXPECT_EQ(end.result, "42");
}

TEST_F(AttemptEnd, AnErrorAfterACancelIsACancel) {
  attempt.stop = Reason::requested;
  EXPECT_EQ(end_by_outcome(attempt, outcome(channel::Outcome::Kind::retry)).kind, Kind::cancelled);
}

TEST_F(AttemptEnd, AnErrorAfterATimeoutIsATimeoutThatNamesTheLimit) {
  attempt.stop = Reason::timeout;
  const auto end = end_by_outcome(attempt, outcome(channel::Outcome::Kind::cancelled));
  EXPECT_EQ(end.kind, Kind::error);
  EXPECT_EQ(end.failure.type, "timeout");
  EXPECT_THAT(end.failure.message, HasSubstr("1500ms"));
}

TEST_F(AttemptEnd, InterruptedByADrainItGoesBack) {
  attempt.stop = Reason::shutdown;
  const auto end = end_by_outcome(attempt, outcome(channel::Outcome::Kind::cancelled));
  EXPECT_EQ(end.kind, Kind::returned);
  EXPECT_TRUE(end.interrupted);
}

TEST_F(AttemptEnd, NeverBegunItGoesBackAtNoCost) {
  attempt.begun = false;
  const auto end = end_by_outcome(attempt, outcome(channel::Outcome::Kind::cancelled));
  EXPECT_EQ(end.kind, Kind::returned);
  EXPECT_FALSE(end.interrupted);
}

TEST_F(AttemptEnd, ASignalIsACrashThatNamesItAndKeepsTheLastLines) {
  const auto end = end_by_death(attempt, true, killed_by(SIGSEGV));
  EXPECT_EQ(end.kind, Kind::crashed);
  EXPECT_EQ(end.failure.type, "signal");
  EXPECT_THAT(end.failure.message, HasSubstr("SIGSEGV"));
  EXPECT_THAT(end.failure.detail, HasSubstr("last words"));
}

TEST_F(AttemptEnd, StagedInAHostThatDiedItGoesBackAtNoCost) {
  const auto end = end_by_death(attempt, false, killed_by(SIGSEGV));
  EXPECT_EQ(end.kind, Kind::returned);
  EXPECT_FALSE(end.interrupted);
}

TEST_F(AttemptEnd, WhatRanBesideTheOneToBlameIsInterruptedNotCharged) {
  auto death = killed_by(SIGKILL);
  death.innocent = true;
  death.fault = "an attempt in it did not stop";
  const auto end = end_by_death(attempt, true, death);
  EXPECT_EQ(end.kind, Kind::returned);
  EXPECT_TRUE(end.interrupted);
}

TEST_F(AttemptEnd, F41_ExitingWithoutAResultIsAFailureAlsoWithCodeZero) {
  task.executor = channel::Executor::process;
  const auto end = end_by_death(attempt, true, killed_by(0));
  EXPECT_EQ(end.kind, Kind::error);
  EXPECT_EQ(end.failure.type, "exit");
}

TEST_F(AttemptEnd, KilledBecauseOfACancelItIsCancelledNotCrashed) {
  attempt.stop = Reason::requested;
  EXPECT_EQ(end_by_death(attempt, true, killed_by(SIGKILL)).kind, Kind::cancelled);
}

TEST_F(AttemptEnd, GivenUpItSaysHowLongItWasWaitedFor) {
  attempt.stop = Reason::timeout;
  const auto end = end_by_giving_up(attempt, Millis{5'000});
  EXPECT_EQ(end.kind, Kind::error);
  EXPECT_THAT(end.failure.message, HasSubstr("did not stop within 5s"));
}

}  // namespace
}  // namespace conduitd::dispatch
