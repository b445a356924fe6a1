#include "dispatch/resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduitd::dispatch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Resources::Declared two_gpus() { return {{"gpu", {2, {"0", "1"}}}, {"cpu", {4}}}; }

TEST(Resources, AreTakenAndGivenBackAndNeverGivenTwice) {
  Resources resources(two_gpus());
  const job::Needs needs{{"gpu", 1}, {"cpu", 1}};
  EXPECT_THAT(resources.take(needs), ElementsAre("0"));
  EXPECT_THAT(resources.take(needs), ElementsAre("1"));
  EXPECT_FALSE(resources.has_free(needs));
  EXPECT_EQ(resources.free("gpu"), 0U);
  EXPECT_EQ(resources.free("cpu"), 2U);
  resources.give_back(needs, {"0"});
  EXPECT_TRUE(resources.has_free(needs));
  EXPECT_THAT(resources.take(needs), ElementsAre("0"));
}

TEST(Resources, ThatAreNotDeclaredAreNotThere) {
  Resources resources(two_gpus());
  std::string missing;
  EXPECT_FALSE(resources.could_give({{"cpu", 1}, {"licence", 1}}, &missing));
  EXPECT_EQ(missing, "licence");
  EXPECT_FALSE(resources.could_give({{"gpu", 3}}));
  EXPECT_TRUE(resources.could_give({{"gpu", 2}}));
  EXPECT_EQ(resources.free("licence"), 0U);
  EXPECT_FALSE(resources.has_free({{"licence", 1}}));
}

TEST(Resources, ANeedOfNothingIsAlwaysMet) {
  Resources resources({});
  EXPECT_TRUE(resources.has_free({}));
  EXPECT_THAT(resources.take({}), IsEmpty());
}

TEST(Resources, WithLessAfterAReloadWaitUntilEnoughHasComeBack) {
  Resources resources(two_gpus());
  const job::Needs both{{"gpu", 2}, {"cpu", 4}};
  const auto devices = resources.take(both);
  resources.declare({{"gpu", {1, {"0"}}}, {"cpu", {2}}});
  EXPECT_EQ(resources.free("gpu"), 0U);
  EXPECT_EQ(resources.free("cpu"), 0U);
  resources.give_back(both, devices);
  EXPECT_EQ(resources.free("gpu"), 1U);
  EXPECT_EQ(resources.free("cpu"), 2U);
}

TEST(Resources, DevicesThatAReloadNamesAnewAreFreeAndHeldOnesAreNot) {
  Resources resources(two_gpus());
  const auto held = resources.take({{"gpu", 1}});
  resources.declare({{"gpu", {2, {"0", "7"}}}});
  EXPECT_EQ(resources.free("gpu"), 1U);
  EXPECT_THAT(resources.take({{"gpu", 1}}), ElementsAre("7"));
}

}  // namespace
}  // namespace conduitd::dispatch
