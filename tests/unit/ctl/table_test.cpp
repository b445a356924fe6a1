#include "ctl/table.h"

#include <gtest/gtest.h>

namespace conduitd::ctl {
namespace {

Terminal pipe() { return {}; }
Terminal narrow(std::size_t width) { return {.tty = true, .colour = false, .utf8 = true, .width = width}; }
Terminal coloured() { return {.tty = true, .colour = true, .utf8 = true, .width = 80}; }

TEST(Table, AlignsColumnsAndLeavesNoSpacesAtTheEndOfALine) {
  Table table({{"NAME"}, {"JOBS", true}, {"NOTE"}});
  table.add({{"a"}, {"5"}, {"short"}});
  table.add({{"longer-name"}, {"12,345"}, {""}});
  EXPECT_EQ(table.take(pipe()),
            "NAME           JOBS  NOTE\n"
            "a                 5  short\n"
            "longer-name  12,345\n");
}

TEST(Table, MeasuresWideAndCombiningCharactersInColumns) {
  Table table({{"NAME"}, {"N", true}});
  table.add({{"日本"}, {"1"}});
  table.add({{"e\xCC\x81t\xC3\xA9"}, {"2"}});
  table.add({{"abcd"}, {"3"}});
  EXPECT_EQ(table.take(pipe()),
            "NAME  N\n"
            "日本  1\n"
            "e\xCC\x81t\xC3\xA9   2\n"
            "abcd  3\n");
}

TEST(Table, ShrinksOnlyTheColumnsThatMayWhereTheTerminalIsNarrow) {
  Table table({{"JOB"}, {"NOTE", false, true}});
  table.add({{"default:01"}, {"a sentence that is longer than the line"}});
  const auto text = table.take(narrow(30));
  EXPECT_EQ(text, "JOB         NOTE\ndefault:01  a sentence that i…\n");
}

TEST(Table, CutsNothingInAPipe) {
  Table table({{"NOTE", false, true}});
  table.add({{std::string(500, 'x')}});
  EXPECT_NE(table.take(pipe()).find(std::string(500, 'x')), std::string::npos);
}

TEST(Table, WritesTheHeadOnceAndKeepsTheWidthsOfEarlierPages) {
  Table table({{"A"}, {"B"}});
  table.add({{"wide-cell"}, {"1"}});
  EXPECT_FALSE(table.take(pipe()).empty());
  table.add({{"x"}, {"2"}});
  EXPECT_EQ(table.take(pipe()), "x          2\n");
}

TEST(Table, ColoursCellsWithoutDisturbingTheAlignment) {
  Table table({{"A"}, {"B"}});
  table.add({{"ok", Style::green}, {"1"}});
  table.add({{"failed", Style::red}, {"2"}});
  EXPECT_EQ(table.take(coloured()),
            "\x1b[1mA\x1b[0m       \x1b[1mB\x1b[0m\n"
            "\x1b[32mok\x1b[0m      1\n"
            "\x1b[31mfailed\x1b[0m  2\n");
}

TEST(Table, EscapesControlBytesOfCells) {
  Table table({{"A"}});
  table.add({{"\x1b[31mred\n"}});
  EXPECT_EQ(table.take(pipe()), "A\n\\x1b[31mred\\n\n");
}

}  // namespace
}  // namespace conduitd::ctl
