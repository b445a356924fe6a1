#include "job/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::job {
namespace {

constexpr std::string_view kGood = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, IsTakenAsW3cWritesIt) {
  EXPECT_OK(check_traceparent(kGood));
  EXPECT_OK(check_traceparent("00-00000000000000000000000000000001-0000000000000001-00"));
  EXPECT_OK(check_traceparent("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff"));  // of a later version
}

TEST(Traceparent, IsRefusedWithASentenceThatShowsOne) {
  for (const std::string text : {"", "x", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                                 "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                                 "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                                 "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                                 "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
                                 "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                                 "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
                                 "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"}) {
    const auto checked = check_traceparent(text);
    ASSERT_FALSE(checked.has_value()) << text;
    EXPECT_THAT(checked.error().message(), testing::AllOf(testing::HasSubstr("traceparent '" + text + "'"),
                                                          testing::HasSubstr(std::string(kGood))));
  }
}

TEST(Traceparent, AChildKeepsTraceVersionAndFlags) {
  EXPECT_EQ(child_traceparent(kGood, 0xABC), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000abc-01");
  EXPECT_OK(check_traceparent(child_traceparent(kGood, 0)));
}

}  // namespace
}  // namespace conduitd::job
