#include <conduit/testing.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "digest.h"
#include "tree.h"

namespace {

namespace fs = std::filesystem;
using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::Outcome;
using conduit::testing::run;
using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "files-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }

  void write(const std::string& name, const std::string& text) {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] Json args(std::initializer_list<std::pair<std::string, Json>> more = {}) const {
    Json out = {{"path", directory_.string()}};
    for (const auto& [key, value] : more) out[key] = value;
    return out;
  }

  fs::path directory_;
};

constexpr const char* kSha256OfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST_F(Files, ChecksumHashesEachFileInOrderOfItsPath) {
  write("b.txt", "abc");
  write("a/z.txt", "");
  write("a.txt", "abc");
  fs::create_symlink("b.txt", directory_ / "link");
  const auto outcome = run("files.checksum", args());
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("files").get<int>(), 3);
  EXPECT_EQ(outcome.result.at("bytes").get<int>(), 6);
  const auto& digests = outcome.result.at("digests").elements();
  ASSERT_EQ(digests.size(), 3U);
  EXPECT_EQ(digests[0].at("path").text(), "a.txt");
  EXPECT_EQ(digests[1].at("path").text(), "a/z.txt");
  EXPECT_EQ(digests[2].at("path").text(), "b.txt");
  EXPECT_EQ(digests[2].at("digest").text(), kSha256OfAbc);
  EXPECT_EQ(outcome.progress.back().fraction, 1.0);
  EXPECT_EQ(outcome.metadata.at("files").get<int>(), 3);
}

TEST_F(Files, ChecksumKnowsThreeAlgorithmsAndNamesThemForAFourth) {
  write("a", "abc");
  const auto digest = [&](const char* algorithm) {
    return run("files.checksum", args({{"algorithm", algorithm}})).result.at("digests").at(0).at("digest").text();
  };
  EXPECT_EQ(digest("sha256"), kSha256OfAbc);
  EXPECT_EQ(digest("sha1"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(digest("md5"), "900150983cd24fb0d6963f7d28e17f72");
  const auto outcome = run("files.checksum", args({{"algorithm", "crc"}}));
  EXPECT_EQ(outcome.kind, Kind::invalid);
  EXPECT_EQ(outcome.error_path, "/algorithm");
}

TEST_F(Files, TheCombinedDigestTellsContentsAndNames) {
  write("a", "abc");
  const auto combined = [&] { return run("files.checksum", args()).result.at("combined").text(); };
  const auto before = combined();
  EXPECT_EQ(combined(), before);
  write("a", "abd");
  EXPECT_NE(combined(), before);
  fs::rename(directory_ / "a", directory_ / "b");
  write("b", "abc");
  EXPECT_NE(combined(), before);
}

TEST_F(Files, ChecksumGoesOnFromACheckpointToTheSameResult) {
  for (char name = 'a'; name <= 'j'; ++name) write(std::string(1, name), std::string(10, name));
  const auto whole = run("files.checksum", args()).result;

  // What the task itself would have kept after the first four files.
  Json checkpoint = {{"algorithm", "sha256"}, {"files", 4}, {"bytes", 40}, {"unreadable", 0}, {"last", "d"}};
  Json::Array digests;
  std::string combined;
  for (std::size_t i = 0; i < 4; ++i) {
    const Json& entry = whole.at("digests").at(i);
    digests.push_back(entry);
    files::Digest next(files::Algorithm::sha256);
    next.add(combined);
    next.add(entry.at("digest").text() + "  " + entry.at("path").text() + "\n");
    combined = next.finish();
  }
  checkpoint["combined"] = combined;
  checkpoint["digests"] = Json(digests);

  write("a", "changed, and not read again");
  const auto resumed = run("files.checksum", args(), {.attempt = 2, .checkpoint = checkpoint});
  ASSERT_EQ(resumed.kind, Kind::complete) << resumed.error;
  EXPECT_EQ(resumed.result, whole);
  ASSERT_FALSE(resumed.logs.empty());
  EXPECT_EQ(resumed.logs[0].message, "going on after 4 files");
}

TEST_F(Files, ChecksumKeepsToItsLimitOfDigests) {
  for (int i = 0; i < 20; ++i) write(std::to_string(i), "x");
  const auto outcome = run("files.checksum", args({{"limit", 3}}));
  EXPECT_EQ(outcome.result.at("digests").size(), 3U);
  EXPECT_EQ(outcome.result.at("files").get<int>(), 20);
  EXPECT_EQ(run("files.checksum", args({{"limit", 1001}})).error_path, "/limit");
}

TEST_F(Files, ChecksumOfOneFile) {
  write("a", "abc");
  const auto outcome = run("files.checksum", {{"path", (directory_ / "a").string()}});
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("digests").at(0).at("digest").text(), kSha256OfAbc);
}

TEST_F(Files, ChecksumStopsWhenCancelled) {
  write("a", std::string(3 << 20, 'x'));
  const auto outcome = run("files.checksum", args(), {.cancel_when = [](const Outcome& so_far) {
                             return !so_far.progress.empty();
                           }});
  EXPECT_EQ(outcome.kind, Kind::cancelled);
}

TEST_F(Files, AMissingDirectoryIsNotTriedAgain) {
  for (const char* task : {"files.checksum", "files.search"}) {
    const auto outcome = run(task, {{"path", (directory_ / "nothing").string()}, {"pattern", "x"}});
    EXPECT_NE(outcome.kind, Kind::complete);
    EXPECT_NE(outcome.kind, Kind::retry) << outcome.error;
  }
  EXPECT_THAT(run("files.checksum", {{"path", "/nothing/at/all"}}).error, HasSubstr("/nothing/at/all"));
}

TEST_F(Files, NamesThatAreNoTextAreShownAndToldApart) {
  EXPECT_EQ(files::shown("gr\xc3\xb6\xc3\x9f" "er"), "gr\xc3\xb6\xc3\x9f" "er");
  EXPECT_EQ(files::shown("a\xff"), "a\\xFF");
  EXPECT_EQ(files::shown("a\\xFF"), "a\\\\xFF");
  EXPECT_EQ(files::shown("\xed\xa0\x80"), "\\xED\\xA0\\x80");
  write("a\xff", "abc");
  const auto outcome = run("files.checksum", args());
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("digests").at(0).at("path").text(), "a\\xFF");
}

TEST_F(Files, SearchFindsLinesByText) {
  write("src/one.c", "int main(void)\n{\n  return 0;\n}\n");
  write("src/two.c", "static int one;\r\nint MAIN;");
  write("binary", std::string("main\0main", 9));
  const auto outcome = run("files.search", args({{"pattern", "main"}}));
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("matches"),
            Json::array({{{"file", "src/one.c"}, {"line", 1}, {"text", "int main(void)"}}}));
  EXPECT_EQ(outcome.result.at("files").get<int>(), 2);
  EXPECT_EQ(outcome.result.at("binary").get<int>(), 1);
  const auto both = run("files.search", args({{"pattern", "main"}, {"ignore_case", true}}));
  EXPECT_EQ(both.result.at("matches").size(), 2U);
  EXPECT_EQ(both.result.at("matches").at(1).at("line").get<int>(), 2);
}

TEST_F(Files, SearchFindsLinesByExpression) {
  write("one", "alpha 12\nbeta\ngamma 7\n");
  const auto outcome = run("files.search", args({{"pattern", "^\\w+ \\d+$"}, {"regex", true}}));
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  ASSERT_EQ(outcome.result.at("matches").size(), 2U);
  EXPECT_EQ(outcome.result.at("matches").at(1).at("text").text(), "gamma 7");
}

TEST_F(Files, SearchRefusesAnExpressionThatIsNone) {
  const auto outcome = run("files.search", args({{"pattern", "(["}, {"regex", true}}));
  EXPECT_EQ(outcome.kind, Kind::invalid);
  EXPECT_EQ(outcome.error_path, "/pattern");
}

TEST_F(Files, SearchGivesUpOnAnExpressionThatWouldTakeForEver) {
  write("one", std::string(5'000, 'a') + "b\n");
  const auto outcome = run("files.search", args({{"pattern", "(a|aa)+(a|aa)+$"}, {"regex", true}}));
  EXPECT_EQ(outcome.kind, Kind::fail);
  EXPECT_THAT(outcome.error, HasSubstr("pattern: "));
}

TEST_F(Files, SearchEndsAtItsLimitAndSaysSo) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "match\n";
  write("one", text);
  const auto outcome = run("files.search", args({{"pattern", "match"}, {"limit", 10}}));
  EXPECT_EQ(outcome.result.at("matches").size(), 10U);
  EXPECT_TRUE(outcome.result.at("truncated").get<bool>());
  const auto all = run("files.search", args({{"pattern", "match"}, {"limit", 50}}));
  EXPECT_FALSE(all.result.at("truncated").get<bool>());
}

TEST_F(Files, SearchReadsLinesLongerThanItsPieces) {
  write("one", std::string(700'000, 'x') + "needle" + std::string(700'000, 'y') + "\nneedle\n");
  const auto outcome = run("files.search", args({{"pattern", "needle"}}));
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  ASSERT_EQ(outcome.result.at("matches").size(), 2U);
  EXPECT_EQ(outcome.result.at("matches").at(0).at("line").get<int>(), 1);
  EXPECT_LE(outcome.result.at("matches").at(0).at("text").text().size(), 300U);
  EXPECT_EQ(outcome.result.at("matches").at(1).at("line").get<int>(), 2);
}

}  // namespace
