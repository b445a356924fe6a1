#include "channel/crash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduitd::channel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CrashReport, TakesLastWordsApart) {
  const std::vector<std::string> lines{"loading", "crashed: SIGSEGV at 0x8", "/bin/x(+0x12)[0x55]", "  at images _ZN6images4scanEi +0x1f",
                                       "  at images ? +0x30"};
  const auto report = read_crash(lines);
  EXPECT_EQ(report.crash, "crashed: SIGSEGV at 0x8");
  EXPECT_THAT(report.backtrace, ElementsAre("images::scan(int) +0x1f (images)", "? +0x30 (images)"));
  EXPECT_THAT(report.output, ElementsAre("loading"));
}

TEST(CrashReport, NamesTheAttemptIfTheHostDid) {
  const std::vector<std::string> lines{"  in attempt 6", "crashed: SIGSEGV at 0x8", "  at a f +0x1", "  in attempt 4294967295"};
  EXPECT_EQ(read_crash(lines).attempt, 4294967295u);
  EXPECT_THAT(read_crash(lines).output, ElementsAre("  in attempt 6"));
  for (const auto* line : {"  in attempt ", "  in attempt 6 and 7", "  in attempt 4294967296"}) {
    EXPECT_FALSE(read_crash(std::vector<std::string>{"crashed: SIGABRT", line}).attempt) << line;
  }
}

TEST(CrashReport, WithoutLastWordsThereIsOutputOnly) {
  const std::vector<std::string> lines{"one", "  at home"};
  const auto report = read_crash(lines);
  EXPECT_EQ(report.crash, "");
  EXPECT_THAT(report.backtrace, IsEmpty());
  EXPECT_THAT(report.output, ElementsAre("one", "  at home"));
}

TEST(CrashReport, ALineThatOnlyLooksLikeACrashStaysOutput) {
  const std::vector<std::string> lines{"crashed: SIGH", "  at odds", "crashed: SIGABRT", "  at a f +0x1"};
  const auto report = read_crash(lines);
  EXPECT_EQ(report.crash, "crashed: SIGABRT");
  EXPECT_THAT(report.backtrace, ElementsAre("f +0x1 (a)"));
  EXPECT_THAT(report.output, ElementsAre("crashed: SIGH", "  at odds"));
}

}  // namespace
}  // namespace conduitd::channel
