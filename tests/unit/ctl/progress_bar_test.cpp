#include "ctl/progress_bar.h"

#include <gtest/gtest.h>

#include <limits>

namespace conduitd::ctl {
namespace {

TEST(ProgressBar, FillsByEighthsOfAColumn) {
  EXPECT_EQ(bar_text(0, 4, true), "░░░░");
  EXPECT_EQ(bar_text(0.5, 4, true), "██░░");
  EXPECT_EQ(bar_text(0.53125, 4, true), "██▏░");
  EXPECT_EQ(bar_text(1, 4, true), "████");
}

TEST(ProgressBar, IsPlainWithoutUtf8) { EXPECT_EQ(bar_text(0.5, 4, false), "##--"); }

TEST(ProgressBar, KeepsItsWidthWhateverTheFraction) {
  for (const double fraction : {-1.0, 0.01, 0.333, 0.999, 7.0, std::numeric_limits<double>::quiet_NaN(),
                                std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(display_width(bar_text(fraction, 10, true)), 10U) << fraction;
    EXPECT_EQ(bar_text(fraction, 10, false).size(), 10U) << fraction;
  }
}

TEST(ProgressBar, KeepsThePercentageHoweverNarrow) {
  const std::string label = "reports.a_task_with_a_long_name_indeed";
  for (const std::size_t columns : {12U, 20U, 39U, 60U, 120U}) {
    const auto line = bar_line(label, 0.42, "a note that may go", columns, true);
    EXPECT_NE(line.find(" 42%"), std::string::npos) << columns << ": " << line;
    EXPECT_LE(display_width(line), columns) << line;
  }
  EXPECT_EQ(bar_line("a.b", 0.5, "", 39, false), "a.b  ############------------  50%");
}

TEST(ProgressBar, DrawsNothingWhereThereIsNoTerminal) {
  testing::internal::CaptureStderr();
  {
    ProgressBar bar(Terminal{});
    bar.draw("task", 0.5, "note");
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(ProgressBar, RewritesItsLineWithinTheTerminalAndErasesItAtTheEnd) {
  testing::internal::CaptureStderr();
  {
    ProgressBar bar(Terminal{.tty = true, .colour = false, .utf8 = false, .width = 60});
    bar.draw("task", 0.5, "decoded\x1b[2J and a note that does not fit on the line any more");
    bar.draw("task", 0.5, "decoded\x1b[2J and a note that does not fit on the line any more");
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "\rtask  ############------------  50%  decoded\\x1b[2J and a ~\x1b[K\r\x1b[K");
}

}  // namespace
}  // namespace conduitd::ctl
