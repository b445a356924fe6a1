#include "ctl/human.h"

#include <gtest/gtest.h>

namespace conduitd::ctl {
namespace {

using namespace std::chrono_literals;

TEST(Human, WritesSpansInAtMostTwoUnits) {
  EXPECT_EQ(span(0ms), "0ms");
  EXPECT_EQ(span(340ms), "340ms");
  EXPECT_EQ(span(1'250ms), "1.2s");
  EXPECT_EQ(span(59s), "59s");
  EXPECT_EQ(span(5min + 3s), "5m 3s");
  EXPECT_EQ(span(5min), "5m");
  EXPECT_EQ(span(2h + 10min + 5s), "2h 10m");
  EXPECT_EQ(span(76h), "3d 4h");
}

TEST(Human, WritesAgesInOneUnit) {
  const auto now = from_unix_ms(1'800'000'000'000);
  EXPECT_EQ(age(now, now), "now");
  EXPECT_EQ(age(now - 12s, now), "12s");
  EXPECT_EQ(age(now - 5min, now), "5m");
  EXPECT_EQ(age(now - 47h, now), "47h");
  EXPECT_EQ(age(now - 96h, now), "4d");
  EXPECT_EQ(age(now + 5min, now), "in 5m");
}

TEST(Human, WritesATimeWithItsAge) {
  const auto then = from_unix_ms(1'769'851'800'123);
  EXPECT_EQ(moment(then, then + 5min), "2026-01-31 09:30:00.123Z  (5m ago)");
  EXPECT_EQ(moment(then, then), "2026-01-31 09:30:00.123Z  (now)");
  EXPECT_EQ(moment(then, then - 2h), "2026-01-31 09:30:00.123Z  (in 2h)");
}

TEST(Human, GroupsDigitsAndCountsNouns) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(1'234'567), "1,234,567");
  EXPECT_EQ(counted(1, "job"), "1 job");
  EXPECT_EQ(counted(20'000, "job"), "20,000 jobs");
}

}  // namespace
}  // namespace conduitd::ctl
