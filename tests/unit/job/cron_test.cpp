#include "job/cron.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>
#include <vector>

#include "base/text.h"
#include "support/result_matchers.h"

namespace conduitd::job {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

WallTime at(const std::string& text) { return test::must(parse_time(text)); }

std::string shown(WallTime time) { return format_time(time).substr(0, 19); }

std::vector<std::string> following(const std::string& expression, const std::string& zone, const std::string& after, std::size_t count) {
  const auto schedule = test::must(CronSchedule::make(expression, zone));
  std::vector<std::string> out;
  for (auto time = at(after); out.size() < count;) {
    time = schedule.next(time);
    out.push_back(shown(time));
  }
  return out;
}

struct Next {
  std::string expression;
  std::string after;
  std::string expected;
};

TEST(Cron, FindsTheNextTimeOfEachForm) {
  const std::vector<Next> cases{
      {"* * * * *", "2026-01-31T09:30:00Z", "2026-01-31T09:31:00"},
      {"*/15 * * * *", "2026-01-31T09:30:00Z", "2026-01-31T09:45:00"},
      {"* * * * * *", "2026-01-31T23:59:59Z", "2026-02-01T00:00:00"},
      {"30 0 3 * * *", "2026-01-31T03:00:29Z", "2026-01-31T03:00:30"},
      {"0 3 * * *", "2026-01-31T03:00:00Z", "2026-02-01T03:00:00"},
      {"5,10,50-55/2 8-17 * * MON-FRI", "2026-01-30T17:54:00Z", "2026-02-02T08:05:00"},
      {"10/20 * * * *", "2026-01-31T09:30:00Z", "2026-01-31T09:50:00"},
      {"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00"},
      {"0 0 29 feb *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00"},
      {"0 0 13 * 5", "2026-02-01T00:00:00Z", "2026-02-06T00:00:00"},  // a Friday, or a 13th
      {"0 0 * * 7", "2026-02-02T00:00:00Z", "2026-02-08T00:00:00"},
      {"0 0 ? * sun", "2026-02-02T00:00:00Z", "2026-02-08T00:00:00"},
      {"0 0 31 * *", "2026-01-31T00:00:00Z", "2026-03-31T00:00:00"},
      {"@hourly", "2026-01-31T09:30:00Z", "2026-01-31T10:00:00"},
      {"@daily", "2026-01-31T09:30:00Z", "2026-02-01T00:00:00"},
      {"@weekly", "2026-01-31T09:30:00Z", "2026-02-01T00:00:00"},
      {"@monthly", "2026-01-31T09:30:00Z", "2026-02-01T00:00:00"},
      {"@yearly", "2026-01-31T09:30:00Z", "2027-01-01T00:00:00"},
      {"0 0 1 1 *", "2037-06-01T00:00:00Z", "2038-01-01T00:00:00"},
      {"0 0 1 1 *", "2099-06-01T00:00:00Z", "2100-01-01T00:00:00"},
  };
  for (const auto& [expression, after, expected] : cases) {
    EXPECT_EQ(following(expression, "", after, 1).front(), expected) << expression << " after " << after;
  }
}

TEST(Cron, RefusesWhatItCannotReadAndSaysWhatIsAllowed_F72) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "has 0 fields"},
      {"* * * *", "has 4 fields"},
      {"* * * * * * *", "has 7 fields"},
      {"60 * * * *", "minute '60': 0 to 59"},
      {"* 24 * * *", "hour '24'"},
      {"* * 0 * *", "day of month '0'"},
      {"* * * 13 *", "month '13': 1 to 12, JAN to DEC"},
      {"* * * * 8", "day of week '8'"},
      {"* * * FOO *", "month 'FOO'"},
      {"*/0 * * * *", "minute '*/0'"},
      {"5-1 * * * *", "minute '5-1': 0 to 59, *, lists, ranges that rise and steps of at most 59 are allowed"},
      {"*/70 * * * *", "steps of at most 59"},
      {"* * * * fri-mon", "day of week 'fri-mon': 0 to 7, SUN to SAT, *, lists, ranges that rise and steps of at most 7 are allowed"},
      {"1,,2 * * * *", "minute ''"},
      {"-1 * * * *", "minute '-1'"},
      {"1x * * * *", "minute '1x'"},
      {"@fortnightly", "@yearly, @monthly"},
      {"0 0 31 2 *", "never fires"},
      {"0 0 30 feb *", "never fires"},
      {"0 0 31 4,6,9,11 *", "never fires"},
  };
  for (const auto& [expression, why] : cases) {
    const auto parsed = CronExpression::parse(expression);
    ASSERT_FALSE(parsed.has_value()) << expression;
    EXPECT_TRUE(parsed.error().is(Errc::invalid_argument));
    EXPECT_THAT(parsed.error().message(), HasSubstr(why)) << expression;
  }
}

TEST(Cron, RefusesAZoneTheSystemDoesNotKnow) {
  const auto made = CronSchedule::make("@daily", "Europe/Atlantis");
  ASSERT_FALSE(made.has_value());
  EXPECT_THAT(made.error().message(), HasSubstr("'Europe/Atlantis' is not a time zone"));
}

TEST(Cron, AgreesWithALookAtEverySecondOfADay) {
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (int round = 0; round < 50; ++round) {
    const auto expression = fmt::format("{}/{} {}-{} {}/{} * * *", pick(0, 30), pick(1, 29), pick(0, 20), pick(21, 59), pick(0, 12), pick(1, 11));
    const auto parsed = test::must(CronExpression::parse(expression));
    LocalSeconds time = std::chrono::floor<seconds>(at("2026-05-05T00:00:00Z")) + seconds(pick(0, 86'399));
    auto brute = time + seconds(1);
    while (!parsed.matches(brute)) ++brute;
    EXPECT_EQ(parsed.next(time), brute) << expression << " seed " << seed;
  }
}

/// What the clocks do on one day, and what a schedule makes of it, in UTC.
struct Change {
  std::string what;
  std::string expression;
  std::string zone;
  std::string after;
  std::vector<std::string> expected;
};

const std::vector<Change>& changes() {
  static const std::vector<Change> all{
      {"02:00 becomes 03:00; the time is skipped", "30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z",
       {"2026-03-08T07:00:00", "2026-03-09T06:30:00"}},
      {"the same; two skipped times are one run", "15,45 2 * * *", "America/New_York", "2026-03-07T12:00:00Z",
       {"2026-03-08T07:00:00", "2026-03-09T06:15:00"}},
      {"the same; before the gap as always", "30 1 * * *", "America/New_York", "2026-03-07T12:00:00Z",
       {"2026-03-08T06:30:00", "2026-03-09T05:30:00"}},
      {"02:00 becomes 01:00; the time comes twice", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z",
       {"2026-11-01T05:30:00", "2026-11-02T06:30:00"}},
      {"the same; each hour", "30 * * * *", "America/New_York", "2026-11-01T05:00:00Z",
       {"2026-11-01T05:30:00", "2026-11-01T06:30:00", "2026-11-01T07:30:00"}},
      {"02:00 becomes 03:00; each hour", "30 * * * *", "America/New_York", "2026-03-08T06:00:00Z",
       {"2026-03-08T06:30:00", "2026-03-08T07:30:00"}},
      {"the same; each second hour", "0 */2 * * *", "America/New_York", "2026-03-08T04:30:00Z",
       {"2026-03-08T05:00:00", "2026-03-08T08:00:00"}},
      {"midnight is skipped; the day is not", "0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z",
       {"2026-04-23T22:00:00", "2026-04-24T21:00:00"}},
      {"midnight comes twice", "0 0 * * *", "Africa/Cairo", "2026-10-28T12:00:00Z",
       {"2026-10-28T21:00:00", "2026-10-29T22:00:00"}},
      {"half an hour is skipped", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z",
       {"2026-10-03T15:30:00", "2026-10-04T15:15:00"}},
      {"half an hour comes twice", "45 1 * * *", "Australia/Lord_Howe", "2026-04-03T20:00:00Z",
       {"2026-04-04T14:45:00", "2026-04-05T15:15:00"}},
      {"03:00 becomes 02:00; every quarter of an hour", "*/15 2 * * *", "Europe/Berlin", "2026-10-25T00:20:00Z",
       {"2026-10-25T00:30:00", "2026-10-25T00:45:00", "2026-10-26T01:00:00"}},
      {"the same; every quarter of each hour", "*/15 * * * *", "Europe/Berlin", "2026-10-25T00:40:00Z",
       {"2026-10-25T00:45:00", "2026-10-25T01:00:00", "2026-10-25T01:15:00"}},
  };
  return all;
}

std::string table_of_changes() {
  std::string out = "| the clocks | schedule | zone | after (UTC) | fires at (UTC) |\n|---|---|---|---|---|\n";
  for (const auto& change : changes()) {
    std::string fired;
    for (const auto& time : following(change.expression, change.zone, change.after, change.expected.size())) {
      fired += (fired.empty() ? "" : ", ") + time.substr(5, 11);
    }
    out += fmt::format("| {} | `{}` | {} | {} | {} |\n", change.what, change.expression, change.zone, change.after.substr(0, 16), fired);
  }
  return out;
}

TEST(Cron, FollowsClocksThatChangeByItsRule_F69) {
  for (const auto& change : changes()) {
    EXPECT_EQ(following(change.expression, change.zone, change.after, change.expected.size()), change.expected)
        << change.what << ": " << change.expression << " in " << change.zone;
  }
}

TEST(Cron, TheTableInTheDocumentationIsWhatHappens_F69) {
  std::stringstream text;
  text << std::ifstream(CONDUIT_SCHEDULES_PAGE).rdbuf();
  EXPECT_THAT(text.str(), HasSubstr(table_of_changes())) << "put this table into docs/schedules.md:\n" << table_of_changes();
}

TEST(Cron, FiresOnEachDayOfTenYearsInEveryZoneThatChangesItsClocks_F69) {
  for (const auto* zone : {"America/New_York", "Africa/Cairo", "Australia/Lord_Howe", "Europe/Berlin", "America/Santiago", "Asia/Beirut"}) {
    for (const auto* expression : {"0 0 * * *", "30 0 * * *", "30 1 * * *", "15 2 * * *", "30 2 * * *", "59 23 * * *"}) {
      const auto schedule = test::must(CronSchedule::make(expression, zone));
      auto time = at("2026-01-01T12:00:00Z");
      for (int day = 0; day < 3'650; ++day) {
        const auto next = schedule.next(time);
        const auto apart = next - time;
        if (day > 0) {
          ASSERT_GE(apart, std::chrono::hours(22)) << expression << ' ' << zone << ' ' << shown(next);
          ASSERT_LE(apart, std::chrono::hours(26)) << expression << ' ' << zone << ' ' << shown(next);
        }
        time = next;
      }
    }
  }
}

}  // namespace
}  // namespace conduitd::job
