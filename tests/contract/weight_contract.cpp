// A job takes as many units of its limits as it weighs.

#include "contract/broker_contract.h"
#include "contract/limits.h"

namespace conduitd::test {

using job::Limit;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {

job::NewJob weighing(std::optional<std::uint32_t> weight, const std::string& tenant = "a", const std::string& task = "test.task") {
  job::NewJob out;
  out.task = task;
  out.weight = weight;
  out.args = R"({"tenant":")" + tenant + R"("})";
  return out;
}

broker::Source weighed(std::vector<Limit> limits, std::uint32_t weight = 1, const std::string& task = "test.task") {
  broker::Source out{"default", task, std::move(limits)};
  out.weight = weight;
  return out;
}

}  // namespace

TEST_P(BrokerContract, WeightsNoMoreUnitsRunThanTheLimitHasAndNoneGoesAheadOfItsTurn) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  const std::vector<Limit> limits{at_once(5)};
  const auto first = submit(a, weighing(3));
  const auto second = submit(a, weighing(3));
  const auto third = submit(a, weighing(std::nullopt));
  const auto claims = take(a, 10, {weighed(limits)});
  ASSERT_THAT(ids_of(claims), ElementsAre(first)) << "the third would fit, and waits behind the second";
  EXPECT_THAT(take(b, 10, {weighed(limits)}), IsEmpty());
  EXPECT_EQ(record(a, second).counters.attempts, 0U);
  settle(a, complete(claims[0]));
  EXPECT_THAT(ids_of(take(b, 10, {weighed(limits)})), ElementsAre(second, third));
}

TEST_P(BrokerContract, WeightsAreKeptAndShown) {
  auto& c = connect("w1");
  const auto heavy = submit(c, weighing(7));
  const auto plain = submit(c, weighing(std::nullopt));
  EXPECT_EQ(record(c, heavy).weight, std::optional(7U));
  EXPECT_EQ(record(c, plain).weight, std::nullopt);
  const auto claims = take(c, 1, {weighed({at_once(10)})});
  ASSERT_THAT(claims, SizeIs(1));
  settle(c, release(claims[0]));
  EXPECT_EQ(record(c, heavy).weight, std::optional(7U));
  const auto again = take(c, 2, {weighed({at_once(10)})});
  ASSERT_THAT(again, SizeIs(2)) << "7 and 1 of 10";
  settle(c, complete(again[0]));
  settle(c, complete(again[1]));
  EXPECT_EQ(record(c, heavy).weight, std::optional(7U));
}

TEST_P(BrokerContract, WeightsThatOfTheTaskIsForJobsWithoutTheirOwn) {
  auto& c = connect("w1");
  const std::vector<Limit> limits{at_once(5)};
  submit(c, weighing(std::nullopt));
  submit(c, weighing(1));
  submit(c, weighing(std::nullopt));
  submit(c, weighing(std::nullopt));
  EXPECT_THAT(take(c, 10, {weighed(limits, 2)}), SizeIs(3)) << "2 + 1 + 2";
  EXPECT_THAT(take(c, 10, {weighed(limits, 2)}), IsEmpty());
}

TEST_P(BrokerContract, WeightsWhatIsHeavierThanTheLimitRunsAlone) {
  auto& c = connect("w1");
  const std::vector<Limit> limits{at_once(4)};
  const auto light = submit(c, weighing(std::nullopt));
  const auto heavy = submit(c, weighing(100));
  const auto last = submit(c, weighing(std::nullopt));
  const auto first = take(c, 10, {weighed(limits)});
  ASSERT_THAT(ids_of(first), ElementsAre(light));
  settle(c, complete(first[0]));
  const auto alone = take(c, 10, {weighed(limits)});
  ASSERT_THAT(ids_of(alone), ElementsAre(heavy));
  settle(c, complete(alone[0]));
  EXPECT_THAT(ids_of(take(c, 10, {weighed(limits)})), ElementsAre(last));
}

TEST_P(BrokerContract, WeightsCountInAQueueOverItsTasks) {
  auto& c = connect("w1");
  submit(c, weighing(3));
  submit(c, weighing(3));
  submit(c, weighing(std::nullopt, "a", "test.other"));
  submit(c, weighing(std::nullopt, "a", "test.other"));
  auto wanted = request(10, {weighed({}), weighed({}, 1, "test.other")});
  wanted.concurrency = {{kQueue, 5}};
  const auto claims = run(c.broker->claim(wanted)).value();
  ASSERT_THAT(claims, SizeIs(3)) << "3 + 1 + 1: another task is held up by no one";
  EXPECT_THAT(run(c.broker->claim(wanted)).value(), IsEmpty());
  settle(c, complete(claims[0]));
  EXPECT_THAT(run(c.broker->claim(wanted)).value(), SizeIs(1));
}

TEST_P(BrokerContract, WeightsCountForEachValueOfAKeyAndForAllTogether) {
  auto& c = connect("w1");
  const std::vector<Limit> limits{at_once(4, "/tenant"), at_once(6)};
  const auto a = submit(c, weighing(3, "a"));
  submit(c, weighing(2, "a"));
  const auto b = submit(c, weighing(2, "b"));
  submit(c, weighing(2, "b"));
  const auto late = submit(c, weighing(1, "c"));
  const auto claims = take(c, 10, {weighed(limits)});
  EXPECT_THAT(ids_of(claims), ::testing::UnorderedElementsAre(a, b, late)) << "3 + 2 + 1, and for a and b no more of their own";
  EXPECT_THAT(take(c, 10, {weighed(limits)}), IsEmpty());
  for (const auto& claim : claims) settle(c, complete(claim));
  EXPECT_THAT(take(c, 10, {weighed(limits)}), SizeIs(2));
}

TEST_P(BrokerContract, WeightsOnEachWorkerCountThatWorkersAttemptsAlone) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  for (int i = 0; i < 4; ++i) submit(a, weighing(2));
  const std::vector<Limit> limits{at_once(3, "", Limit::Scope::worker)};
  EXPECT_THAT(take(a, 10, {weighed(limits)}), SizeIs(1));
  EXPECT_THAT(take(b, 10, {weighed(limits)}), SizeIs(1));
  EXPECT_THAT(take(a, 10, {weighed(limits)}), IsEmpty());
}

TEST_P(BrokerContract, WeightsOfADeadWorkerAreFreeWhenItsLeasesEnd) {
  auto& dead = connect("dead");
  auto& c = connect("w1");
  const std::vector<Limit> limits{at_once(4)};
  for (int i = 0; i < 3; ++i) submit(c, weighing(3));
  ASSERT_THAT(take(dead, 10, {weighed(limits)}), SizeIs(1));
  EXPECT_THAT(take(c, 10, {weighed(limits)}), IsEmpty());
  reclaim(c);
  EXPECT_THAT(take(c, 10, {weighed(limits)}), SizeIs(1));
  EXPECT_THAT(take(c, 10, {weighed(limits)}), IsEmpty());
}

TEST_P(BrokerContract, WeightsAStartUsesUpAsManyUnitsOfARate) {
  auto& c = connect("w1");
  const std::vector<Limit> limits{rate("4/h")};
  submit(c, weighing(3));
  submit(c, weighing(std::nullopt));
  const auto waiting = submit(c, weighing(std::nullopt));
  ASSERT_THAT(take(c, 10, {weighed(limits)}), SizeIs(1));
  EXPECT_THAT(take(c, 10, {weighed(limits)}), IsEmpty());
  const auto standing = run(c.directory->standing(waiting, limits, {})).value();
  ASSERT_TRUE(standing.has_value());
  ASSERT_TRUE(standing->next.at(0).has_value());
  EXPECT_GT(*standing->next[0], std::chrono::minutes(44)) << "three quarters of an hour";
  EXPECT_LT(*standing->next[0], std::chrono::minutes(46));
}

TEST_P(BrokerContract, WeightsOfARateByAKeyAreItsValuesAlone) {
  auto& c = connect("w1");
  const std::vector<Limit> limits{rate("4/h", "/tenant")};
  for (const char* tenant : {"a", "a", "b"}) submit(c, weighing(9, tenant));
  EXPECT_THAT(take(c, 10, {weighed(limits)}), SizeIs(2));
  EXPECT_THAT(take(c, 10, {weighed(limits)}), IsEmpty());
}

TEST_P(BrokerContract, WeightsAreToldInUnits) {
  auto& c = connect("w1");
  const std::vector<Limit> limits{at_once(5, "/tenant")};
  submit(c, weighing(4, "a"));
  const auto waiting = submit(c, weighing(2, "a"));
  ASSERT_THAT(take(c, 10, {weighed(limits)}), SizeIs(1));
  const auto standing = run(c.directory->standing(waiting, limits, {})).value();
  ASSERT_TRUE(standing.has_value());
  EXPECT_EQ(standing->running_of_task, 4U);
  EXPECT_EQ(standing->running_of_queue, 4U);
  EXPECT_EQ(standing->running_of_value, 4U);
}

TEST_P(BrokerContract, WeightsWhoSavesUpSeesOnlyWhatWouldBeGiven) {
  auto& c = connect("w1");
  submit(c, weighing(3));
  submit(c, weighing(3));
  const auto wanted = request(10, {weighed({at_once(5)})});
  EXPECT_THAT(run(c.outlook->would_give(wanted)).value(), ElementsAre(true));
  ASSERT_THAT(take(c, 10, {weighed({at_once(5)})}), SizeIs(1));
  EXPECT_THAT(run(c.outlook->would_give(wanted)).value(), ElementsAre(false));
}

}  // namespace conduitd::test
