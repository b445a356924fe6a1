#include "broker/redis/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/redis/claim_parts.h"
#include "contract/limits.h"

namespace conduitd::broker::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using test::at_once;
using test::rate;

constexpr std::int64_t kNoon = 1'800'000'000'000'000;

LimitedTask limited_by(std::vector<job::Limit> limits) {
  LimitedTask out;
  out.limits = std::move(limits);
  return out;
}

TEST(Admission, ConcurrencyLeavesRoomForWhatItHasLess) {
  Admission look("w1", kNoon);
  auto task = limited_by({at_once(5)});
  task.running = 3;
  EXPECT_EQ(look.room(task, false, "", 10, 1), 2U);
  EXPECT_FALSE(look.starving);
  EXPECT_EQ(look.room(task, false, "", 10, 2), 1U) << "of twice the weight";
  task.running = 6;
  EXPECT_EQ(look.room(task, false, "", 10, 1), 0U) << "more run than are allowed now";
  EXPECT_TRUE(look.starving);
  EXPECT_FALSE(look.again);
}

TEST(Admission, WhatIsHeavierThanTheLimitRunsAlone) {
  Admission look("w1", kNoon);
  auto task = limited_by({at_once(4)});
  EXPECT_EQ(look.room(task, false, "", 3, 100), 1U);
  Admission::took(task, std::nullopt, 100);
  EXPECT_EQ(look.room(task, false, "", 1, 1), 0U);
}

TEST(Admission, EachValueOfAKeyCountsAlone) {
  Admission look("w1", kNoon);
  auto task = limited_by({at_once(2, "/tenant"), at_once(1, "/tenant", job::Limit::Scope::worker)});
  task.of_value["a"] = 2;
  task.of_value["b"] = 1;
  EXPECT_EQ(look.room(task, true, "a", 1, 1), 0U);
  EXPECT_EQ(look.room(task, true, "b", 2, 1), 1U);
  Admission::took(task, "b", 1);
  EXPECT_EQ(look.room(task, true, "b", 1, 1), 0U);
  EXPECT_EQ(look.room(task, false, "", 7, 1), 7U) << "no limit without a key";
}

TEST(Admission, RateIsChargedAndSaysWhenTheNextIsDue) {
  Admission look("w1", kNoon);
  auto task = limited_by({rate("10/s", "", 3)});
  EXPECT_EQ(look.room(task, false, "", 5, 1), 3U);
  const auto accounts = look.charge(task, false, "", 3, 1);
  ASSERT_THAT(accounts, SizeIs(1));
  EXPECT_EQ(accounts.begin()->second, kNoon + 300'000);
  EXPECT_EQ(look.room(task, false, "", 1, 1), 0U);
  ASSERT_TRUE(look.again);
  EXPECT_EQ(*look.again, std::chrono::milliseconds(100));
}

TEST(Admission, AHeavyStartIsRememberedAsOne) {
  Admission look("w1", kNoon);
  auto task = limited_by({rate("4/h")});
  EXPECT_EQ(look.room(task, false, "", 1, 3), 1U);
  EXPECT_THAT(look.charge(task, false, "", 1, 3), SizeIs(2));
  EXPECT_EQ(look.room(task, false, "", 1, 1), 0U);
  ASSERT_TRUE(look.again);
  EXPECT_GT(*look.again, std::chrono::minutes(44));
}

TEST(Admission, PlacesAreReadAsTheScriptsWriteThem) {
  const auto place = read_place("media/video/5/17-3");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->queue, "media/video");
  EXPECT_EQ(place->lane, '5');
  EXPECT_EQ(place->entry, "17-3");
  EXPECT_FALSE(read_place("5/17-3"));
  EXPECT_FALSE(read_place(""));
  const auto member = parked_as("a value", "q/9/17-3");
  EXPECT_EQ(member, std::string("a value\0" "1000000000000017-0000000003/q/9/17-3", 44));
  EXPECT_LT(parked_as("v", "q/f/9-0"), parked_as("v", "q/9/1-0")) << "what was handed back is first";
  EXPECT_LT(parked_as("v", "q/5/9-0"), parked_as("v", "q/0/1-0"));
  const auto read = read_parked(member);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->first, "a value");
  EXPECT_EQ(read->second, "q/9/17-3");
}

Claimer::Plan plan_of(std::vector<std::pair<std::size_t, std::string>> lines) {
  Claimer::Plan out;
  for (auto& [group, queue] : lines) {
    auto found = std::find(out.queues.begin(), out.queues.end(), queue);
    if (found == out.queues.end()) found = out.queues.insert(found, queue);
    Claimer::Line line;
    line.group = group;
    line.queue = static_cast<std::size_t>(found - out.queues.begin());
    line.task = "a.task";
    out.lines.push_back(std::move(line));
    out.most.resize(std::max(out.most.size(), group + 1), 10);
  }
  return out;
}

std::vector<std::vector<std::string>> queues_of(const std::vector<std::vector<ClaimPart>>& rounds) {
  std::vector<std::vector<std::string>> out;
  for (const auto& round : rounds) {
    out.emplace_back();
    for (const auto& part : round) out.back().push_back(part.plan.queues.at(0) + std::to_string(part.lines.size()));
  }
  return out;
}

TEST(ClaimParts, GroupsFindTheirQueuesInTheirOrder) {
  const auto plan = plan_of({{0, "a"}, {0, "a"}, {0, "b"}, {1, "b"}, {1, "a"}});
  EXPECT_THAT(queues_of(parts_of(plan, false)), ElementsAre(ElementsAre("a2", "b1"), ElementsAre("b1", "a1")));
}

TEST(ClaimParts, OneByOneEachGroupWaitsForTheOneBeforeIt) {
  const auto plan = plan_of({{0, "a"}, {0, "b"}, {1, "b"}, {1, "a"}});
  EXPECT_THAT(queues_of(parts_of(plan, true)), ElementsAre(ElementsAre("a1"), ElementsAre("b2"), ElementsAre("a1")));
}

TEST(ClaimParts, WhatWasTakenIsWantedNoMore) {
  auto plan = plan_of({{0, "a"}});
  ClaimRequest request;
  request.groups.push_back({10, {{"a", "a.task"}, {"b", "a.task"}}});
  request.free["cpu"] = 9;
  for (auto& source : request.groups[0].sources) {
    source.most = 4;
    source.needs["cpu"] = 2;
  }
  std::vector<std::size_t> most{10};
  take_from(request, most, plan, 0, 3);
  EXPECT_EQ(most[0], 7U);
  EXPECT_EQ(request.free["cpu"], 3U) << "once, whatever queues the task has";
  for (const auto& source : request.groups[0].sources) EXPECT_EQ(source.most, 1U);
}

}  // namespace
}  // namespace conduitd::broker::redis
