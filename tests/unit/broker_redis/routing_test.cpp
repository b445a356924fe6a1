#include "broker/redis/routing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::broker::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using test::must;

const RedisAddress kA{"a", "1"};
const RedisAddress kB{"b", "2"};

SlotMap two_nodes() {
  SlotMap out;
  for (Slot slot = 0; slot < 100; ++slot) out.set(slot, slot < 50 ? kA : kB);
  return out;
}

std::vector<Reply> replies_in(std::string_view bytes) {
  Reader reader;
  must(reader.feed(bytes));
  std::vector<Reply> out;
  while (auto next = must(reader.next())) out.push_back(std::move(*next));
  return out;
}

RoutedStep step(std::string_view bytes, std::optional<Slot> slot) { return {bytes, slot, std::nullopt}; }

TEST(Routing, StepsGoToTheirNodesAndAnswersComeBackInTheOrderOfTheBatch) {
  auto map = two_nodes();
  Routing routing({step("1", 1), step("2", 60), step("3", 2), step("4", 61)});
  auto parcels = routing.parcels(map);
  ASSERT_THAT(parcels, SizeIs(2));
  EXPECT_EQ(parcels[0].node, kA);
  EXPECT_EQ(parcels[0].commands.bytes(), "13");
  EXPECT_EQ(parcels[1].commands.bytes(), "24");
  routing.take(parcels[1], replies_in(":2\r\n:4\r\n"), map);
  EXPECT_FALSE(routing.done());
  routing.take(parcels[0], replies_in(":1\r\n:3\r\n"), map);
  ASSERT_TRUE(routing.done());
  const auto all = routing.take_replies();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(all[i].view().integer_or(0), static_cast<std::int64_t>(i) + 1);
}

TEST(Routing, AStepWithoutAKeyStaysWithTheOneBeforeIt) {
  const auto map = two_nodes();
  Routing routing({step("T", std::nullopt), step("2", 60), step("P", std::nullopt), step("3", 1), step("P", std::nullopt)});
  auto parcels = routing.parcels(map);
  ASSERT_THAT(parcels, SizeIs(2));
  EXPECT_EQ(parcels[0].commands.bytes(), "T2P");
  EXPECT_EQ(parcels[1].commands.bytes(), "3P");
  Routing alone({step("T", std::nullopt)});
  EXPECT_THAT(alone.parcels(map), SizeIs(1)) << "any node will do";
}

TEST(Routing, AMovedSlotIsLearntAndOnlyItsStepIsSentAgain) {
  auto map = two_nodes();
  Routing routing({step("1", 1), step("2", 2)});
  auto parcels = routing.parcels(map);
  routing.take(parcels[0], replies_in("-MOVED 1 b:2\r\n:2\r\n"), map);
  EXPECT_TRUE(routing.take_moved());
  EXPECT_FALSE(routing.take_moved());
  EXPECT_EQ(*map.node(1), kB);
  parcels = routing.parcels(map);
  ASSERT_THAT(parcels, SizeIs(1));
  EXPECT_EQ(parcels[0].node, kB);
  EXPECT_EQ(parcels[0].commands.bytes(), "1");
}

TEST(Routing, AskIsForOnceAndTheMapStaysAsItIs) {
  auto map = two_nodes();
  Routing routing({step("1", 1)});
  auto parcels = routing.parcels(map);
  routing.take(parcels[0], replies_in("-ASK 1 b:2\r\n"), map);
  EXPECT_FALSE(routing.take_moved());
  EXPECT_EQ(*map.node(1), kA);
  parcels = routing.parcels(map);
  EXPECT_EQ(parcels[0].node, kB);
  EXPECT_THAT(parcels[0].commands.bytes(), HasSubstr("ASKING"));
  EXPECT_EQ(parcels[0].commands.size(), 2U);
  routing.take(parcels[0], replies_in("+OK\r\n-TRYAGAIN Multiple keys request during rehashing of slot\r\n"), map);
  EXPECT_TRUE(routing.take_wait());
  EXPECT_EQ(routing.parcels(map)[0].node, kA) << "from the beginning";
  EXPECT_THAT(routing.excuse(), HasSubstr("TRYAGAIN"));
}

TEST(Routing, AForgottenScriptIsLoadedWhereItIsForgottenOnce) {
  auto map = two_nodes();
  Routing routing({{"1", Slot{1}, Script::due}, {"2", Slot{2}, Script::due}, {"3", Slot{60}, Script::due}});
  auto parcels = routing.parcels(map);
  routing.take(parcels[0], replies_in("-NOSCRIPT No matching script.\r\n-NOSCRIPT No matching script.\r\n"), map);
  routing.take(parcels[1], replies_in(":3\r\n"), map);
  parcels = routing.parcels(map);
  ASSERT_THAT(parcels, SizeIs(1));
  EXPECT_EQ(parcels[0].commands.size(), 3U) << "loaded once, for both";
  routing.take(parcels[0], replies_in("$1\r\nx\r\n:1\r\n-NOSCRIPT still not\r\n"), map);
  EXPECT_TRUE(routing.done()) << "not again and again";
  EXPECT_TRUE(routing.take_replies()[1].view().is_error());
}

TEST(Routing, ARefusedPreparationIsTheAnswerOfTheStep) {
  auto map = two_nodes();
  Routing routing({{"1", Slot{1}, Script::due}});
  auto parcels = routing.parcels(map);
  routing.take(parcels[0], replies_in("-NOSCRIPT No matching script.\r\n"), map);
  parcels = routing.parcels(map);
  routing.take(parcels[0], replies_in("-NOPERM this user has no permissions to run the 'script|load' command\r\n-NOSCRIPT x\r\n"), map);
  ASSERT_TRUE(routing.done());
  EXPECT_THAT(routing.take_replies()[0].view().text(), HasSubstr("NOPERM"));
}

TEST(Routing, ASlotThatNobodyServesWaits) {
  auto map = two_nodes();
  Routing routing({step("1", 99), step("2", 5'000)});
  auto parcels = routing.parcels(map);
  ASSERT_THAT(parcels, SizeIs(1));
  routing.take(parcels[0], replies_in(":1\r\n"), map);
  EXPECT_THAT(routing.parcels(map), SizeIs(0));
  EXPECT_FALSE(routing.done());
}

}  // namespace
}  // namespace conduitd::broker::redis
