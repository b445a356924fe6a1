#include "ctl/plugin_template.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace conduitd::ctl {
namespace {

std::string text_of(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(PluginTemplate, WritesAWholePluginUnderItsName) {
  const test::TempDir dir;
  ASSERT_OK_AND_ASSIGN(const auto files, write_plugin("thumbnails", dir.file("new")));
  EXPECT_EQ(files.size(), 5U);
  for (const auto& file : files) {
    EXPECT_TRUE(std::filesystem::exists(file)) << file;
    EXPECT_EQ(text_of(file).find("@name@"), std::string::npos) << file;
  }
  EXPECT_NE(text_of(dir.file("new/thumbnails.cpp")).find("CONDUIT_PLUGIN(\"thumbnails\""), std::string::npos);
}

TEST(PluginTemplate, RefusesNamesThatCannotBeOne) {
  const test::TempDir dir;
  for (const char* name : {"", "Big", "9lives", "a-b", "a b", "../x", "test", "install", "\xC3\xA9"}) {
    EXPECT_ERRC(Errc::invalid_argument, write_plugin(name, dir.file("new")));
  }
  EXPECT_FALSE(std::filesystem::exists(dir.file("new")));
}

TEST(PluginTemplate, WritesIntoAnEmptyDirectoryButNotIntoAFullOne) {
  const test::TempDir dir;
  EXPECT_OK(write_plugin("first", dir.path().string()));
  EXPECT_ERRC(Errc::invalid_argument, write_plugin("second", dir.path().string()));
  EXPECT_FALSE(std::filesystem::exists(dir.file("second.cpp")));
}

}  // namespace
}  // namespace conduitd::ctl
