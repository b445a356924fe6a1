// The environment is read at the first passing, so each case is a process of its own.
#include "base/failpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

namespace conduitd::failpoint {
namespace {

/// Passes `point` so often with that setting; exits with the number of times it failed.
[[noreturn]] void pass(const char* setting, const char* point, int times) {
  ::setenv("CONDUIT_FAILPOINT", setting, 1);
  int failed = 0;
  for (int i = 0; i < times; ++i) failed += fails_at(point) ? 1 : 0;
  ::exit(failed);
}

using FailpointDeathTest = testing::Test;

TEST(FailpointDeathTest, DoesNothingUnlessAsked) { EXPECT_EXIT(pass("", "run.mid", 3), testing::ExitedWithCode(0), ""); }

TEST(FailpointDeathTest, FailsAtEachPassingOrAtTheOneThatIsNamed) {
  EXPECT_EXIT(pass("run.mid:err", "run.mid", 3), testing::ExitedWithCode(3), "failpoint run.mid: err");
  EXPECT_EXIT(pass("run.mid:err:2", "run.mid", 3), testing::ExitedWithCode(1), "failpoint run.mid: err");
  EXPECT_EXIT(pass("run.mid:err", "claim.after_begin", 3), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(pass("run.mid:sleep=1,schedule.mid:err", "schedule.mid", 2), testing::ExitedWithCode(2), "");
}

TEST(FailpointDeathTest, KillsAndSaysSoBefore) {
  EXPECT_EXIT(pass("run.mid:kill:2", "run.mid", 3), testing::KilledBySignal(SIGKILL), "failpoint run.mid: kill");
}

TEST(FailpointDeathTest, AFaultySettingEndsTheProcessWithTheReason) {
  EXPECT_EXIT(pass("run.middle:kill", "run.mid", 1), testing::ExitedWithCode(2), "no point 'run.middle'");
  EXPECT_EXIT(pass("run.mid:explode", "run.mid", 1), testing::ExitedWithCode(2), "the action is kill");
  EXPECT_EXIT(pass("run.mid:kill:soon", "run.mid", 1), testing::ExitedWithCode(2), "'soon' is no number");
}

TEST(FailpointDeathTest, ALieIsToldIfItIsNamed) {
  const auto told = [](const char* lie) {
    ::setenv("CONDUIT_BROKEN", lie, 1);
    ::exit(broken("unfenced") ? 1 : 0);
  };
  EXPECT_EXIT(told(""), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(told("unfenced"), testing::ExitedWithCode(1), "");
  EXPECT_EXIT(told("no-reclaim"), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(told("white"), testing::ExitedWithCode(2), "'white' is not one of");
}

}  // namespace
}  // namespace conduitd::failpoint
