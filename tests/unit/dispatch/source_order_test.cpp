#include "dispatch/source_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduitd::dispatch {
namespace {

using testing::ElementsAre;

const std::vector<QueueShare> kQueues{{"urgent", 5}, {"bulk", 1}};

TEST(SourceOrder, StrictKeepsTheOrderOfTheConfig) {
  std::mt19937_64 rng(1);
  for (int i = 0; i < 50; ++i) EXPECT_THAT(draw_order(kQueues, true, rng), ElementsAre("urgent", "bulk"));
}

TEST(SourceOrder, WeightedPutsAQueueFirstInProportionToItsWeight) {
  constexpr int kDraws = 20'000;
  std::mt19937_64 rng(42);
  int first = 0;
  for (int i = 0; i < kDraws; ++i) first += draw_order(kQueues, false, rng).front() == "urgent" ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(first) / kDraws, 5.0 / 6.0, 0.02);
}

TEST(SourceOrder, EveryQueueIsInEveryOrder) {
  std::mt19937_64 rng(7);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(draw_order(kQueues, false, rng).size(), 2u);
}

}  // namespace
}  // namespace conduitd::dispatch
