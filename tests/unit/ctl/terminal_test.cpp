#include "ctl/terminal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/json.h"

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

TEST(Terminal, WritesJsonOnOneLineThatMeansTheSame) {
  const std::string json = "{\"a\":\n  \"\xC2\x9B\xE2\x80\xAEx\x7F\"}";
  const auto line = json_line(json);
  EXPECT_EQ(line, "{\"a\":   \"\\u009b\\u202ex\\u007f\"}");
  EXPECT_EQ(parse_json(line).value().string_or("a", ""), parse_json(json).value().string_or("a", ""));
}

TEST(Terminal, ReplacesBytesThatAreNoUtf8InJson) { EXPECT_EQ(json_line("\"\xFF\""), "\"\xEF\xBF\xBD\""); }

}  // namespace
}  // namespace conduitd::ctl
