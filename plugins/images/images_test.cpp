#include <conduit/testing.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;
using conduit::testing::Kind;
using conduit::testing::Outcome;
using conduit::testing::run;
using testing::HasSubstr;

class Images : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "images-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    // A picture that needs no encoder: a portable pixmap, 600 by 300.
    std::ofstream picture(file("big.ppm"), std::ios::binary);
    picture << "P6\n600 300\n255\n";
    for (int i = 0; i < 600 * 300; ++i) picture << static_cast<char>(i % 251) << static_cast<char>(i % 7) << 'x';
  }
  void TearDown() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string file(const std::string& name) const { return (directory_ / name).string(); }
  [[nodiscard]] std::size_t file_count() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }

  fs::path directory_;
};

TEST_F(Images, ThumbnailFitsTheWidthAndKeepsTheShape) {
  const auto outcome = run("images.thumbnail", {{"path", file("big.ppm")}, {"out", file("small.png")}, {"width", 200}});
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("width").get<int>(), 200);
  EXPECT_EQ(outcome.result.at("height").get<int>(), 100);
  EXPECT_EQ(outcome.result.at("original_width").get<int>(), 600);
  EXPECT_EQ(outcome.result.at("bytes").get<std::uintmax_t>(), fs::file_size(file("small.png")));
  EXPECT_EQ(outcome.progress.back().fraction, 1.0);
  EXPECT_EQ(file_count(), 2U);

  const auto info = run("images.info", {{"path", file("small.png")}});
  ASSERT_EQ(info.kind, Kind::complete) << info.error;
  EXPECT_EQ(info.result.at("width").get<int>(), 200);
  EXPECT_THAT(info.result.at("loader").text(), HasSubstr("png"));
}

TEST_F(Images, ThumbnailFitsABoxAndDoesNotEnlarge) {
  const auto boxed = run("images.thumbnail",
                         {{"path", file("big.ppm")}, {"out", file("a.png")}, {"width", 500}, {"height", 50}});
  ASSERT_EQ(boxed.kind, Kind::complete) << boxed.error;
  EXPECT_EQ(boxed.result.at("width").get<int>(), 100);
  EXPECT_EQ(boxed.result.at("height").get<int>(), 50);
  const auto large = run("images.thumbnail", {{"path", file("big.ppm")}, {"out", file("b.png")}, {"width", 5'000}});
  ASSERT_EQ(large.kind, Kind::complete) << large.error;
  EXPECT_EQ(large.result.at("width").get<int>(), 600);
}

TEST_F(Images, WhatIsNoPictureFailsForGood) {
  std::ofstream(file("text.png")) << "this is not a picture";
  const auto outcome = run("images.info", {{"path", file("text.png")}});
  EXPECT_EQ(outcome.kind, Kind::fail);
  EXPECT_THAT(outcome.error, HasSubstr("text.png"));
  EXPECT_EQ(run("images.info", {{"path", file("nothing.png")}}).kind, Kind::fail);
}

TEST_F(Images, ThumbnailNamesTheWrongArgument) {
  const auto path = [&](const conduit::Json& args) { return run("images.thumbnail", args).error_path; };
  EXPECT_EQ(path({{"path", file("big.ppm")}, {"out", file("a.png")}, {"width", 0}}), "/width");
  EXPECT_EQ(path({{"path", file("big.ppm")}, {"out", file("a")}}), "/out");
  EXPECT_EQ(path({{"path", file("big.ppm")}}), "/out");
}

TEST_F(Images, ACancelledThumbnailLeavesNothingBehind) {
  const auto outcome = run("images.thumbnail", {{"path", file("big.ppm")}, {"out", file("small.png")}},
                           {.cancel_when = [](const Outcome& so_far) { return !so_far.progress.empty(); }});
  EXPECT_EQ(outcome.kind, Kind::cancelled);
  EXPECT_EQ(file_count(), 1U);
}

TEST_F(Images, AThumbnailThatCannotBeWrittenIsTriedAgain) {
  const auto outcome = run("images.thumbnail", {{"path", file("big.ppm")}, {"out", file("no/such/small.png")}});
  EXPECT_EQ(outcome.kind, Kind::retry);
}

}  // namespace
