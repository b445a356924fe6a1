#include "job/retry.h"

#include <gtest/gtest.h>

namespace conduitd::job {
namespace {

using Kind = AttemptEnd::Kind;
using Charge = Settlement::Charge;

TEST(BackoffTest, GrowsAsItsKindSays) {
  Backoff backoff{.kind = Backoff::Kind::fixed, .base = Millis(1'000), .max = Millis(5'000), .jitter = 0};
  const auto delays = [&] {
    std::vector<std::int64_t> out;
    for (std::uint32_t n = 1; n <= 5; ++n) out.push_back(backoff_delay(backoff, n, 0.9).count());
    return out;
  };
  EXPECT_EQ(delays(), (std::vector<std::int64_t>{1'000, 1'000, 1'000, 1'000, 1'000}));
  backoff.kind = Backoff::Kind::linear;
  EXPECT_EQ(delays(), (std::vector<std::int64_t>{1'000, 2'000, 3'000, 4'000, 5'000}));
  backoff.kind = Backoff::Kind::exponential;
  EXPECT_EQ(delays(), (std::vector<std::int64_t>{1'000, 2'000, 4'000, 5'000, 5'000}));
  backoff.kind = Backoff::Kind::polynomial;
  backoff.max = Millis(300'000);
  EXPECT_EQ(delays(), (std::vector<std::int64_t>{1'000, 16'000, 81'000, 256'000, 300'000}));
  backoff.kind = Backoff::Kind::list;
  backoff.delays = {Millis(5), Millis(400'000), Millis(7)};
  EXPECT_EQ(delays(), (std::vector<std::int64_t>{5, 400'000, 7, 7, 7}));
}

TEST(BackoffTest, NeverOverflowsAndNeverGoesBelowZero) {
  const Backoff backoff{.kind = Backoff::Kind::exponential, .base = Millis(1), .max = Millis(31'536'000'000), .jitter = 1};
  for (const std::uint32_t failures : {0U, 1U, 64U, 4'000'000'000U}) {
    for (const double random : {0.0, 0.5, 0.999}) {
      const auto delay = backoff_delay(backoff, failures, random);
      EXPECT_GE(delay.count(), 0);
      EXPECT_LE(delay.count(), 2 * backoff.max.count());
    }
  }
}

TEST(BackoffTest, JitterIsTheShareOfTheDelayThatIsRandom) {
  const Backoff backoff{.kind = Backoff::Kind::fixed, .base = Millis(1'000), .max = Millis(9'000), .jitter = 0.2};
  EXPECT_EQ(backoff_delay(backoff, 1, 0.0), Millis(900));
  EXPECT_EQ(backoff_delay(backoff, 1, 0.5), Millis(1'000));
  EXPECT_EQ(backoff_delay(backoff, 1, 1.0), Millis(1'100));
}

TEST(BackoffTest, EveryKindReadsBack) {
  for (const auto kind : {Backoff::Kind::fixed, Backoff::Kind::linear, Backoff::Kind::exponential, Backoff::Kind::polynomial,
                          Backoff::Kind::list}) {
    EXPECT_EQ(parse_backoff(to_string(kind)), kind);
  }
  EXPECT_EQ(parse_backoff("cubic"), std::nullopt);
}

class DecideTest : public testing::Test {
 protected:
  Settlement decide_for(Kind kind, Counters counters = {.attempts = 1}) {
    AttemptEnd end;
    end.kind = kind;
    end.failure.message = "m";
    end.result = "1";
    return decide(policy, counters, std::move(end), 0.5);
  }

  RetryPolicy policy{.retries = 2, .backoff = {}, .quarantine_after = 3};
};

TEST_F(DecideTest, AResultCompletes) {
  const auto settlement = decide_for(Kind::complete);
  EXPECT_EQ(settlement.kind, Settlement::Kind::complete);
  EXPECT_EQ(settlement.result, "1");
  EXPECT_FALSE(settlement.failure.has_value());
}

TEST_F(DecideTest, AnErrorIsRetriedUntilTheRetriesAreUsedUp) {
  EXPECT_EQ(decide_for(Kind::error, {.attempts = 1}).kind, Settlement::Kind::retry);
  EXPECT_EQ(decide_for(Kind::error, {.attempts = 1}).charge, Charge::failure);
  EXPECT_EQ(decide_for(Kind::error, {.attempts = 2, .failures = 1}).retry_after, Millis(2'000));
  const auto last = decide_for(Kind::error, {.attempts = 3, .failures = 2});
  EXPECT_EQ(last.kind, Settlement::Kind::fail);
  EXPECT_EQ(last.reason, FailureReason::exhausted);
  policy.retries = 0;
  EXPECT_EQ(decide_for(Kind::error).kind, Settlement::Kind::fail);
}

TEST_F(DecideTest, InterruptionsAndCrashesUseUpNoRetries) {
  EXPECT_EQ(decide_for(Kind::error, {.attempts = 40, .failures = 0, .crashes = 2, .interruptions = 37}).kind,
            Settlement::Kind::retry);
}

TEST_F(DecideTest, TheDelayUserCodeAskedForWins) {
  AttemptEnd end;
  end.kind = Kind::error;
  end.after = Millis(7);
  EXPECT_EQ(decide(policy, {.attempts = 1}, end, 0.5).retry_after, Millis(7));
}

TEST_F(DecideTest, WhatCannotGetBetterIsNotRetried) {
  EXPECT_EQ(decide_for(Kind::rejected).reason, FailureReason::rejected);
  EXPECT_EQ(decide_for(Kind::invalid).reason, FailureReason::invalid);
  EXPECT_EQ(decide_for(Kind::cancelled).kind, Settlement::Kind::cancel);
}

TEST_F(DecideTest, TheThirdCrashIsPoisonAndTheOthersRunAgainAtOnce) {
  const auto first = decide_for(Kind::crashed, {.attempts = 1});
  EXPECT_EQ(first.kind, Settlement::Kind::retry);
  EXPECT_EQ(first.charge, Charge::crash);
  EXPECT_EQ(first.retry_after, Millis(0));
  EXPECT_EQ(decide_for(Kind::crashed, {.attempts = 2, .failures = 0, .crashes = 1}).kind, Settlement::Kind::retry);
  EXPECT_EQ(decide_for(Kind::crashed, {.attempts = 3, .failures = 0, .crashes = 2}).reason, FailureReason::poison);
}

TEST_F(DecideTest, WhatIsHandedBackCostsNothing) {
  AttemptEnd end;
  end.kind = Kind::returned;
  EXPECT_EQ(decide(policy, {.attempts = 1}, end, 0.5).kind, Settlement::Kind::release);
  EXPECT_EQ(decide(policy, {.attempts = 1}, end, 0.5).charge, Charge::nothing);
  end.interrupted = true;
  EXPECT_EQ(decide(policy, {.attempts = 1}, end, 0.5).charge, Charge::interruption);
  EXPECT_EQ(decide_for(Kind::snoozed).charge, Charge::nothing);
  EXPECT_EQ(decide_for(Kind::snoozed).kind, Settlement::Kind::retry);
}

TEST_F(DecideTest, ALongMessageIsCut) {
  AttemptEnd end;
  end.kind = Kind::error;
  end.failure.message = std::string(1'000'000, 'x');
  EXPECT_LT(decide(policy, {.attempts = 1}, end, 0.5).failure->message.size(), 17'000U);
}

class ErrorRulesTest : public testing::Test {
 protected:
  Settlement decide_for(Kind kind, std::string type, std::string message, Counters counters = {.attempts = 1}) {
    AttemptEnd end;
    end.kind = kind;
    end.failure = {std::move(type), std::move(message), {}};
    return decide(policy, counters, std::move(end), 0.5);
  }
  RetryPolicy policy{.retries = 2, .backoff = {}};
};

TEST_F(ErrorRulesTest, ARuleOfTypeFailsAtOnceWhateverRetriesAreLeft) {
  policy.errors = {{.type = "std::invalid_argument", .action = ErrorRule::Action::fail}};
  const auto settlement = decide_for(Kind::error, "std::invalid_argument", "no");
  EXPECT_EQ(settlement.kind, Settlement::Kind::fail);
  EXPECT_EQ(settlement.reason, FailureReason::rejected);
  EXPECT_EQ(settlement.charge, Charge::failure);
  EXPECT_EQ(decide_for(Kind::error, "std::invalid_argument_of_ours", "no").kind, Settlement::Kind::retry);
}

TEST_F(ErrorRulesTest, ARuleOfTextRetriesWithItsOwnPauseAlsoWhatTheTaskRejected) {
  policy.errors = {{.text = "busy", .action = ErrorRule::Action::retry, .after = Millis(70)}};
  const auto settlement = decide_for(Kind::rejected, "conduit::Fail", "the camera is busy now");
  EXPECT_EQ(settlement.kind, Settlement::Kind::retry);
  EXPECT_EQ(settlement.retry_after, Millis(70));
  EXPECT_EQ(decide_for(Kind::rejected, "conduit::Fail", "no such camera").reason, FailureReason::rejected);
}

TEST_F(ErrorRulesTest, ARetryRuleGrantsNoMoreRetriesThanThereAre) {
  policy.errors = {{.text = "busy"}};
  const auto settlement = decide_for(Kind::error, "E", "busy", {.attempts = 3, .failures = 2});
  EXPECT_EQ(settlement.reason, FailureReason::exhausted);
}

TEST_F(ErrorRulesTest, TheFirstRuleThatMatchesCounts) {
  policy.errors = {{.type = "E", .text = "lost", .action = ErrorRule::Action::fail}, {.type = "E", .after = Millis(5)}};
  EXPECT_EQ(decide_for(Kind::error, "E", "all is lost").kind, Settlement::Kind::fail);
  EXPECT_EQ(decide_for(Kind::error, "E", "all is well").retry_after, Millis(5));
}

TEST_F(ErrorRulesTest, AnInvalidJobIsNeverTriedAgain) {
  policy.errors = {{.text = "", .action = ErrorRule::Action::retry}};
  policy.errors[0].type = "invalid_arguments";
  EXPECT_EQ(decide_for(Kind::invalid, "invalid_arguments", "m").reason, FailureReason::invalid);
}

TEST_F(DecideTest, ADeadlineThatPassesBeforeTheNextAttemptEndsTheJob) {
  AttemptEnd end;
  end.kind = Kind::error;
  end.failure = {"E", "m", {}};
  end.after = Millis(100);
  end.remaining = Millis(100);
  auto settlement = decide(policy, {.attempts = 1}, end, 0.5);
  EXPECT_EQ(settlement.kind, Settlement::Kind::fail);
  EXPECT_EQ(settlement.reason, FailureReason::exhausted);
  EXPECT_EQ(settlement.failure->message, "m; the job's deadline passes before it could run again");
  end.remaining = Millis(101);
  EXPECT_EQ(decide(policy, {.attempts = 1}, end, 0.5).kind, Settlement::Kind::retry);
}

TEST_F(DecideTest, OverdueIsExhaustedAndCountsAsAFailure) {
  const auto settlement = decide_for(Kind::overdue);
  EXPECT_EQ(settlement.kind, Settlement::Kind::fail);
  EXPECT_EQ(settlement.reason, FailureReason::exhausted);
  EXPECT_EQ(settlement.charge, Charge::failure);
}

TEST_F(DecideTest, InterruptionsEndAJobOnlyBeyondTheirOwnLimit) {
  AttemptEnd end;
  end.kind = Kind::returned;
  end.interrupted = true;
  const Counters often{.attempts = 9, .interruptions = 8};
  EXPECT_EQ(decide(policy, often, end, 0.5).kind, Settlement::Kind::release);
  policy.interruptions = 9;
  EXPECT_EQ(decide(policy, often, end, 0.5).kind, Settlement::Kind::release);
  policy.interruptions = 8;
  const auto settlement = decide(policy, often, end, 0.5);
  EXPECT_EQ(settlement.kind, Settlement::Kind::fail);
  EXPECT_EQ(settlement.charge, Charge::interruption);
  EXPECT_EQ(settlement.failure->type, "interrupted");
  end.interrupted = false;
  EXPECT_EQ(decide(policy, often, end, 0.5).kind, Settlement::Kind::release);
}

}  // namespace
}  // namespace conduitd::job
