#include "dispatch/pace.h"

#include <gtest/gtest.h>

namespace conduitd::dispatch {
namespace {

using namespace std::chrono_literals;

TEST(Pace, SendsNothingAheadBeforeItHasSeenAnAttempt) { EXPECT_EQ(Pace().ahead(8), 0u); }

TEST(Pace, SendsManyShortAttemptsAheadUpToABound) {
  Pace pace;
  pace.observe(10us);
  EXPECT_EQ(pace.ahead(8), 512u);
  EXPECT_EQ(pace.ahead(0), 0u);
}

TEST(Pace, SendsNothingAheadOfLongAttempts) {
  Pace pace;
  pace.observe(30s);
  EXPECT_EQ(pace.ahead(8), 0u);
}

TEST(Pace, OneLongAttemptAmongShortOnesCountsAtOnce) {
  Pace pace;
  for (int i = 0; i < 100; ++i) pace.observe(100us);
  ASSERT_GT(pace.ahead(4), 100u);
  pace.observe(2s);
  EXPECT_EQ(pace.ahead(4), 0u);
}

TEST(Pace, ComesBackToShortOnesBitByBit) {
  Pace pace;
  pace.observe(1s);
  int needed = 0;
  while (pace.ahead(4) == 0 && needed < 1'000) {
    pace.observe(100us);
    ++needed;
  }
  EXPECT_GT(needed, 20);
  EXPECT_LT(needed, 200);
}

}  // namespace
}  // namespace conduitd::dispatch
