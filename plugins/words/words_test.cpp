#include <conduit/testing.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

extern "C" {
#include "count.h"
}

namespace {

using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::run;

class Words : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "words-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& text) {
    const auto path = directory_ / "text.txt";
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }

  std::filesystem::path directory_;
};

TEST_F(Words, CountsLinesWordsAndBytesAndTheMostFrequent) {
  const auto path = write("The cat and the dog.\nThe end, don't you think?\n");
  const auto outcome = run("words.count", {{"path", path}, {"top", 2}});
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("lines").get<int>(), 2);
  EXPECT_EQ(outcome.result.at("words").get<int>(), 10);
  EXPECT_EQ(outcome.result.at("bytes").get<int>(), 47);
  EXPECT_EQ(outcome.result.at("distinct").get<int>(), 8);
  EXPECT_EQ(outcome.result.at("frequent"),
            Json::array({{{"word", "the"}, {"count", 3}}, {{"word", "and"}, {"count", 1}}}));
  EXPECT_EQ(outcome.progress.back().fraction, 1.0);
}

TEST_F(Words, TakesArgumentsInOrder) {
  const auto path = write("one");
  const auto outcome = run("words.count", Json::array({path, 0}));
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("words").get<int>(), 1);
  EXPECT_EQ(outcome.result.at("frequent").size(), 0U);
}

TEST_F(Words, AnEmptyFileHasNothing) {
  const auto outcome = run("words.count", {{"path", write("")}});
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("words").get<int>(), 0);
}

TEST_F(Words, BytesThatAreNoTextAreCountedAndNotShown) {
  const auto outcome = run("words.count", {{"path", write("\xff\xfe gr\xc3\xb6\xc3\x9f" "er")}});
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("words").get<int>(), 2);
  ASSERT_EQ(outcome.result.at("frequent").size(), 1U);
  EXPECT_EQ(outcome.result.at("frequent").at(0).at("word").text(), "gr\xc3\xb6\xc3\x9f" "er");
}

TEST_F(Words, StopsWhenCancelled) {
  const auto outcome = run("words.count", {{"path", write("one two")}}, {.cancel_after = std::chrono::milliseconds(0)});
  EXPECT_EQ(outcome.kind, Kind::cancelled);
}

TEST_F(Words, AMissingFileIsNotTriedAgain) {
  const auto outcome = run("words.count", {{"path", (directory_ / "nothing").string()}});
  EXPECT_EQ(outcome.kind, Kind::fail);
  EXPECT_NE(outcome.error.find("No such file"), std::string::npos) << outcome.error;
}

TEST_F(Words, ADirectoryIsNoFile) {
  EXPECT_EQ(run("words.count", {{"path", directory_.string()}}).kind, Kind::fail);
}

TEST_F(Words, NamesTheWrongArgument) {
  EXPECT_EQ(run("words.count", Json::object()).error_path, "/path");
  EXPECT_EQ(run("words.count", {{"path", "x"}, {"top", "many"}}).error_path, "/top");
  EXPECT_EQ(conduit::testing::run_text("words.count", "{").kind, Kind::invalid);
}

TEST(WordsCount, APieceMayEndWithinAWord) {
  words_count count{};
  ASSERT_EQ(words_feed(&count, "con", 3), 0);
  ASSERT_EQ(words_feed(&count, "duit conduit", 12), 0);
  ASSERT_EQ(words_finish(&count), 0);
  words_sort(&count);
  EXPECT_EQ(count.words, 2U);
  EXPECT_EQ(count.distinct, 1U);
  EXPECT_EQ(count.entries[0].count, 2U);
  words_free(&count);
}

TEST(WordsCount, HoldsMoreWordsThanItBeganWith) {
  words_count count{};
  for (int i = 0; i < 20'000; ++i) {
    const std::string word = std::to_string(i) + " ";
    ASSERT_EQ(words_feed(&count, word.data(), word.size()), 0);
  }
  words_sort(&count);
  EXPECT_EQ(count.distinct, 20'000U);
  EXPECT_EQ(count.entries[19'999].count, 1U);
  const std::string longest(100, 'x');
  words_free(&count);
  ASSERT_EQ(words_feed(&count, longest.data(), longest.size()), 0);
  ASSERT_EQ(words_finish(&count), 0);
  EXPECT_EQ(count.untold, 1U);
  words_free(&count);
}

}  // namespace
