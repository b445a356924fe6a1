#include "ctl/line_reader.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace conduitd::ctl {
namespace {

class LineReaderTest : public testing::Test {
 protected:
  std::string file_with(const std::string& text) {
    auto path = dir_.file("lines");
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  static std::vector<std::string> rest_of(LineReader& reader) {
    std::vector<std::string> lines;
    while (const auto line = test::must(reader.next())) {
      lines.push_back(std::to_string(line->number) + (line->too_long ? "!" : ":") + std::string(line->text));
    }
    return lines;
  }

  test::TempDir dir_;
};

using Lines = std::vector<std::string>;

TEST_F(LineReaderTest, NumbersLinesWithAndWithoutALastLineBreak) {
  ASSERT_OK_AND_ASSIGN(auto reader, LineReader::open(file_with("a\n\nb\r\nc"), 100, false));
  EXPECT_EQ(rest_of(reader), (Lines{"1:a", "2:", "3:b", "4:c"}));
}

TEST_F(LineReaderTest, FindsNothingInAnEmptyFile) {
  ASSERT_OK_AND_ASSIGN(auto reader, LineReader::open(file_with(""), 100, false));
  EXPECT_EQ(rest_of(reader), Lines{});
}

TEST_F(LineReaderTest, StartsAgainWhenRewound) {
  ASSERT_OK_AND_ASSIGN(auto reader, LineReader::open(file_with("a\nb\n"), 100, true));
  rest_of(reader);
  EXPECT_OK(reader.rewind());
  EXPECT_EQ(rest_of(reader), (Lines{"1:a", "2:b"}));
}

TEST_F(LineReaderTest, PassesOverALineThatIsTooLongInBoundedMemory) {
  const auto path = file_with("short\n" + std::string(3'000'000, 'x') + "\nnext\n");
  ASSERT_OK_AND_ASSIGN(auto reader, LineReader::open(path, 1'000, false));
  const auto lines = rest_of(reader);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "1:short");
  EXPECT_TRUE(lines[1].starts_with("2!")) << lines[1].substr(0, 20);
  EXPECT_EQ(lines[2], "3:next");
}

TEST_F(LineReaderTest, ReadsLinesThatCrossTheEdgesOfItsBuffer) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::string(static_cast<std::size_t>(i % 97), 'y') + std::to_string(i) + "\n";
  ASSERT_OK_AND_ASSIGN(auto reader, LineReader::open(file_with(text), 1'000, false));
  const auto lines = rest_of(reader);
  ASSERT_EQ(lines.size(), 20'000U);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    ASSERT_EQ(lines[i], std::to_string(i + 1) + ":" + std::string(i % 97, 'y') + std::to_string(i));
  }
}

TEST_F(LineReaderTest, NamesTheFileThatCannotBeOpenedOrRead) {
  const auto missing = LineReader::open(dir_.file("none"), 100, false);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().message(), "cannot open " + dir_.file("none") + ": No such file or directory");
  ASSERT_OK_AND_ASSIGN(auto directory, LineReader::open(dir_.path().string(), 100, false));
  EXPECT_ERRC(Errc::invalid_argument, directory.next());
}

TEST_F(LineReaderTest, ReadsAWholeFileUpToItsBound) {
  EXPECT_EQ(test::must(read_whole(file_with("{}"), 10)), "{}");
  EXPECT_ERRC(Errc::invalid_argument, read_whole(file_with(std::string(11, 'x')), 10));
}

}  // namespace
}  // namespace conduitd::ctl
