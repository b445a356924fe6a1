#include "ctl/terminal.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace conduitd::ctl {
namespace {

TEST(Terminal, HasNoColoursAndNoWidthInAPipe) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto terminal = Terminal::of(ends[1]);
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_FALSE(terminal.tty);
  EXPECT_FALSE(terminal.colour);
  EXPECT_EQ(terminal.width, 0U);
}

TEST(Terminal, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("plain"), 5U);
  EXPECT_EQ(display_width("é"), 1U);
  EXPECT_EQ(display_width("日本"), 4U);
  EXPECT_EQ(display_width("e\xCC\x81"), 1U);
  EXPECT_EQ(display_width("\xFF"), 1U);
}

TEST(Terminal, ClipsBetweenCharactersAndMarksTheCut) {
  EXPECT_EQ(clip("short", 5), "short");
  EXPECT_EQ(clip("longer", 4), "lon…");
  EXPECT_EQ(clip("longer", 4, false), "lon~");
  EXPECT_EQ(clip("日本語", 5), "日本…");
  EXPECT_EQ(clip("日本語", 4), "日…");
  EXPECT_EQ(clip("x", 0), "");
}

TEST(Terminal, EscapesEachLineAndKeepsTheBreaks) { EXPECT_EQ(escape_lines("a\x1b\nb\x07"), "a\\x1b\nb\\x07"); }

}  // namespace
}  // namespace conduitd::ctl
