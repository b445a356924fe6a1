#include "job/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "support/result_matchers.h"

namespace conduitd::job {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Schedule hourly() {
  Schedule out;
  out.name = "sweep";
  out.task = "images.sweep";
  out.expression = "0 * * * *";
  return out;
}

WallTime at(const std::string& text) { return test::must(parse_time(text)); }

/// What becomes of times after 12:00, as "13+" (fired) and "14-" (left out).
std::vector<std::string> planned(const Schedule& schedule, const std::string& now, const Earlier& earlier = {}) {
  const auto times = test::must(CronSchedule::make(schedule.expression, schedule.timezone));
  std::vector<std::string> out;
  for (const auto& time : plan(schedule, times, at("2026-05-05T12:00:00Z"), at(now), earlier).times) {
    out.push_back(format_time(time.time).substr(11, 2) + (time.fire ? "+" : "-"));
  }
  return out;
}

TEST(SchedulePlan, FiresATimeWhenItHasComeAndSaysWhenTheNextOneIs) {
  const auto schedule = hourly();
  const auto times = test::must(CronSchedule::make(schedule.expression, ""));
  const auto before = plan(schedule, times, at("2026-05-05T12:00:00Z"), at("2026-05-05T12:59:59Z"));
  EXPECT_THAT(before.times, IsEmpty());
  EXPECT_EQ(before.next, at("2026-05-05T13:00:00Z"));
  const auto then = plan(schedule, times, at("2026-05-05T12:00:00Z"), at("2026-05-05T13:00:00Z"));
  ASSERT_THAT(then.times, SizeIs(1));
  EXPECT_TRUE(then.times[0].fire);
  EXPECT_EQ(then.times[0].note, "");
  EXPECT_EQ(then.next, at("2026-05-05T14:00:00Z"));
}

TEST(SchedulePlan, TimesThatWereMissedAreMadeUpForAsTheScheduleSays_F71) {
  auto schedule = hourly();
  schedule.overlap = Overlap::allow;
  schedule.missed = Missed::latest;
  EXPECT_THAT(planned(schedule, "2026-05-05T15:30:00Z"), ElementsAre("13-", "14-", "15+"));
  schedule.missed = Missed::all;
  EXPECT_THAT(planned(schedule, "2026-05-05T15:30:00Z"), ElementsAre("13+", "14+", "15+"));
  schedule.missed = Missed::skip;
  EXPECT_THAT(planned(schedule, "2026-05-05T15:30:00Z"), ElementsAre("13-", "14-", "15-"));
  EXPECT_THAT(planned(schedule, "2026-05-05T15:00:30Z"), ElementsAre("13-", "14-", "15+")) << "the last one is in time";
}

TEST(SchedulePlan, ATimeThatIsYoungerThanAMinuteIsNotMissed_F71) {
  auto schedule = hourly();
  schedule.expression = "*/20 * * * * *";
  schedule.overlap = Overlap::allow;
  schedule.missed = Missed::skip;
  const auto times = test::must(CronSchedule::make(schedule.expression, ""));
  const auto made = plan(schedule, times, at("2026-05-05T12:00:00Z"), at("2026-05-05T12:02:05Z"));
  std::string fired;
  for (const auto& time : made.times) fired += time.fire ? '+' : '-';
  EXPECT_EQ(fired, "---+++") << "12:01:20, 12:01:40 and 12:02:00 are in time";
}

TEST(SchedulePlan, ATimeThatTheJobBeforeHeldBackIsNotMissed_F71) {
  auto schedule = hourly();
  schedule.overlap = Overlap::queue;
  for (const auto missed : {Missed::skip, Missed::latest, Missed::all}) {
    schedule.missed = missed;
    const Earlier ended{false, at("2026-05-05T14:20:00Z")};
    EXPECT_THAT(planned(schedule, "2026-05-05T14:20:01Z", ended), ElementsAre("13+")) << "and 14 after that";
    EXPECT_THAT(planned(schedule, "2026-05-05T15:30:00Z", ended), ElementsAre("13+")) << "those behind it wait their turn";
  }
  schedule.missed = Missed::skip;
  EXPECT_THAT(planned(schedule, "2026-05-05T14:20:01Z", {false, at("2026-05-05T12:30:00Z")}), ElementsAre("13-", "14-"));
  schedule.overlap = Overlap::allow;
  EXPECT_THAT(planned(schedule, "2026-05-05T13:20:01Z", {false, at("2026-05-05T13:20:00Z")}), ElementsAre("13-"));
}

TEST(SchedulePlan, NoMoreThanTheLastHundredAreMadeUpFor_F71) {
  auto schedule = hourly();
  schedule.expression = "* * * * *";
  schedule.missed = Missed::all;
  schedule.overlap = Overlap::allow;
  const auto times = test::must(CronSchedule::make(schedule.expression, ""));
  const auto made = plan(schedule, times, at("2026-05-05T00:00:00Z"), at("2026-05-06T00:00:00Z"));
  ASSERT_THAT(made.times, SizeIs(kMostMissed));
  EXPECT_EQ(made.times.back().time, at("2026-05-06T00:00:00Z"));
  EXPECT_EQ(made.forgotten, 24 * 60 - kMostMissed);
  EXPECT_TRUE(made.times.front().fire);
}

TEST(SchedulePlan, AnEarlierJobThatHasNotEndedHoldsTheNextOneAsTheScheduleSays) {
  auto schedule = hourly();
  schedule.missed = Missed::all;
  schedule.overlap = Overlap::skip;
  EXPECT_THAT(planned(schedule, "2026-05-05T13:00:01Z", {true, {}}), ElementsAre("13-"));
  EXPECT_THAT(planned(schedule, "2026-05-05T15:00:01Z"), ElementsAre("13+", "14-", "15-"));
  schedule.overlap = Overlap::queue;
  EXPECT_THAT(planned(schedule, "2026-05-05T13:00:01Z", {true, {}}), IsEmpty()) << "it waits";
  EXPECT_THAT(planned(schedule, "2026-05-05T15:00:01Z"), ElementsAre("13+")) << "one after the other";
  schedule.overlap = Overlap::allow;
  EXPECT_THAT(planned(schedule, "2026-05-05T13:00:01Z", {true, {}}), ElementsAre("13+"));
}

TEST(SchedulePlan, JitterPutsEachTimeOffByAsMuchAsSaidAndTheSameForAll) {
  auto schedule = hourly();
  schedule.jitter = std::chrono::minutes(10);
  const auto times = test::must(CronSchedule::make(schedule.expression, ""));
  std::set<Millis> delays;
  for (int hour = 0; hour < 50; ++hour) {
    const auto start = at("2026-05-05T12:00:00Z") + std::chrono::hours(hour);
    const auto first = plan(schedule, times, start, start).next;
    ASSERT_TRUE(first);
    EXPECT_EQ(first, plan(schedule, times, start, start + seconds(10)).next);
    const auto delay = std::chrono::duration_cast<Millis>(*first - start - std::chrono::hours(1));
    EXPECT_GE(delay, Millis{0});
    EXPECT_LE(delay, schedule.jitter);
    delays.insert(delay);
  }
  EXPECT_GT(delays.size(), 40U);
}

TEST(Schedule, IsReadBackAsItWasWrittenAndRefusedWithTheMemberNamed) {
  auto schedule = hourly();
  schedule.args = R"({"a": [1, 2.50]})";
  schedule.timezone = "Europe/Berlin";
  schedule.jitter = seconds(7);
  EXPECT_EQ(test::must(schedule_from("sweep", encode(schedule))), schedule);
  EXPECT_FALSE(schedule_from("sweep", "not JSON").has_value());
  EXPECT_FALSE(schedule_from("sweep", "{}").has_value());
  schedule.args = "{";
  EXPECT_FALSE(check(schedule).has_value());
  schedule.args = "{}";
  schedule.expression = "61 * * * *";
  EXPECT_THAT(check(schedule).error().message(), HasSubstr("minute '61'"));
}

}  // namespace
}  // namespace conduitd::job
