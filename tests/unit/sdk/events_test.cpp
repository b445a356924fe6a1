// The plugin that docs/events.md shows, and what plugins say of events.
#include <conduit/testing.hpp>

#include <gtest/gtest.h>

namespace {

using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::run;

Json options_of(const std::string& task) {
  for (const auto& info : conduit::testing::tasks()) {
    if (info.name == task) return info.options;
  }
  return {};
}

TEST(EventsShop, HandlersAreTasksWithTypedArguments) {
  EXPECT_EQ(run("shop.receipt", {{"id", 7}, {"total", 1.5}}).result, "receipt for order 7");
  EXPECT_EQ(run("shop.receipt", {{"id", "seven"}, {"total", 1}}).kind, Kind::invalid);
  const Json events = Json::array({Json({{"payload", {{"total", 2.5}}}}), Json({{"payload", {{"total", 4}}}})});
  const auto reported = run("shop.report", {{"events", events}});
  EXPECT_EQ(reported.result, Json({{"orders", 2}, {"sum", 6.5}})) << reported.error;
}

TEST(EventsShop, SubscriptionsAreReportedWithTheOptionsOfTheTask) {
  const Json receipt = options_of("shop.receipt");
  EXPECT_EQ(receipt.at("retries"), 5);
  EXPECT_EQ(receipt.at("on").at(std::size_t{0}).at("event"), "order.placed");
  const Json report = options_of("shop.report").at("on").at(std::size_t{0});
  EXPECT_EQ(report.at("event"), "order.*");
  EXPECT_EQ(report.at("batch"), 100);
}

TEST(EventsShop, TriggersAreRecorded) {
  const auto placed = run("shop.place", {{"id", 7}, {"total", 9.5}});
  EXPECT_EQ(placed.kind, Kind::complete) << placed.error;
  ASSERT_EQ(placed.triggers.size(), 1u);
  EXPECT_EQ(placed.triggers[0].at("event"), "order.placed");
  EXPECT_EQ(placed.triggers[0].at("payload"), Json({{"id", 7}, {"total", 9.5}}));
  EXPECT_TRUE(placed.submits.empty());
}

TEST(EventsShop, ARefusedTriggerFailsTheAttemptUnlessItIsCaught) {
  conduit::testing::Options options;
  options.on_trigger = [](const Json&) -> conduit::Triggered { throw std::runtime_error("no room"); };
  const auto placed = run("shop.place", {{"id", 7}, {"total", 9.5}}, options);
  EXPECT_EQ(placed.kind, Kind::retry);
  EXPECT_EQ(placed.error, "triggering order.placed: no room");
}

}  // namespace
