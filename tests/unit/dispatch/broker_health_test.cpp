#include "dispatch/broker_health.h"

#include <gtest/gtest.h>

namespace conduitd::dispatch {
namespace {

TEST(BrokerHealth, IsAwayWithTheFirstFailureAndBackWhenNothingFails) {
  BrokerHealth health;
  EXPECT_FALSE(health.answered(BrokerUse::promote, ""));
  EXPECT_TRUE(health.answered(BrokerUse::claim, "MISCONF"));
  EXPECT_TRUE(health.away());
  EXPECT_EQ(health.fault(), "MISCONF");
  EXPECT_FALSE(health.answered(BrokerUse::settle, "MISCONF"));
  EXPECT_FALSE(health.answered(BrokerUse::claim, ""));
  EXPECT_TRUE(health.answered(BrokerUse::settle, ""));
  EXPECT_FALSE(health.away());
}

TEST(BrokerHealth, ServerThatReadsAndRefusesWritesIsAwayOnceNotWithEveryAnswer) {
  BrokerHealth health;
  unsigned changes = 0;
  for (int turn = 0; turn < 100; ++turn) {
    changes += health.answered(BrokerUse::promote, "READONLY") ? 1U : 0U;
    changes += health.answered(BrokerUse::reclaim, "") ? 1U : 0U;
  }
  EXPECT_EQ(changes, 1U);
}

}  // namespace
}  // namespace conduitd::dispatch
