#include "dispatch/aging.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace conduitd::dispatch {
namespace {

class AgingTest : public testing::Test {
 protected:
  void pass(Millis time) { now += time; }
  void hear(const std::string& task, bool waits = true) { aging.heard(task, waits, now); }
  [[nodiscard]] std::string turn() const { return aging.turn(now); }

  Aging aging;
  SteadyTime now = test::FakeClock().now();
};

TEST_F(AgingTest, ATaskThatWaitsForLongGetsItsTurn) {
  EXPECT_EQ(turn(), "");
  hear("large");
  pass(Millis{1'999});
  hear("large");
  EXPECT_EQ(turn(), "");
  pass(Millis{1});
  EXPECT_EQ(turn(), "large");
}

TEST_F(AgingTest, TheOneThatHasWaitedLongestComesFirst) {
  hear("b");
  pass(Millis{500});
  hear("a");
  pass(Millis{5'000});
  hear("a");
  hear("b");
  EXPECT_EQ(turn(), "b");
  aging.forget("b");
  hear("b");
  EXPECT_EQ(turn(), "a");
  aging.forget("a");
  EXPECT_EQ(turn(), "") << "after their turns others have theirs";
  pass(Aging::kPatience);
  EXPECT_EQ(turn(), "b");
}

TEST_F(AgingTest, NothingIsHeldBackForATaskWithoutJobsThatCouldBeHad) {
  hear("large");
  pass(Millis{3'000});
  hear("large", false);
  EXPECT_EQ(turn(), "");
  hear("large");
  EXPECT_EQ(turn(), "");
}

TEST_F(AgingTest, TasksThatAreGoneAreForgotten) {
  hear("gone");
  hear("there");
  pass(Millis{3'000});
  aging.keep_only({"there"});
  EXPECT_EQ(turn(), "there");
  EXPECT_FALSE(aging.knows("gone"));
}

TEST(SettingAside, LeavesOthersWhatIsOverAndNoMore) {
  EXPECT_EQ(set_aside({{"gpu", 3}, {"cpu", 8}, {"licence", 1}}, {{"gpu", 4}, {"cpu", 2}}), (job::Needs{{"gpu", 0}, {"cpu", 6}, {"licence", 1}}));
  EXPECT_TRUE(compete({{"gpu", 1}, {"cpu", 1}}, {{"cpu", 2}}));
  EXPECT_FALSE(compete({{"gpu", 1}}, {{"cpu", 2}}));
  EXPECT_FALSE(compete({}, {{"cpu", 2}}));
}

}  // namespace
}  // namespace conduitd::dispatch
