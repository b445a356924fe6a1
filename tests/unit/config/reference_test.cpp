// config/conduit.toml and config/conduit.yaml are the reference an operator reads: they must be whole and true.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "config/document.h"
#include "config/schema.h"
#include "files.h"

namespace conduitd::config {
namespace {

using testing::IsEmpty;

std::string shipped(const std::string& name) { return std::string(CONDUIT_CONFIG_DIR) + "/" + name; }

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

std::string_view without_indent(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return line;
}

/// True for a key that is shown but not set: "#key", while "# text" is a comment.
bool is_shown_only(const std::string& line) {
  const auto text = without_indent(line);
  return text.size() > 1 && text[0] == '#' && text[1] != ' ';
}

/// The file with the keys that are shown only switched on.
std::string all_switched_on(const std::string& name) {
  std::string text;
  for (auto line : lines_of(shipped(name))) {
    if (is_shown_only(line)) line.erase(line.find('#'), 1);
    text += line + "\n";
  }
  return text;
}

/// The paths of all values in a tree, written as the reference writes them.
void collect(const Node& node, const std::string& path, std::set<std::string>& out) {
  const auto prefix = path.empty() ? std::string() : path + ".";
  for (const auto& member : node.members) {
    const std::string name = path == "task" || path == "resources" ? "<name>" : member.key;
    if (member.value.kind == Node::Kind::table && member.key != "needs") {
      collect(member.value, prefix + name, out);
    } else if (member.value.kind == Node::Kind::list && (member.key == "queue" || member.key == "cron" || member.key == "subscription")) {
      for (const auto& element : member.value.list) collect(element, member.key + "[]", out);
    } else if (member.value.kind == Node::Kind::list && member.key == "errors") {
      for (const auto& element : member.value.list) collect(element, prefix + "errors[]", out);
    } else {
      out.insert(prefix + name);
    }
  }
}

std::set<std::string> paths_in(const std::string& name) {
  const auto text = all_switched_on(name);
  const auto document = name.ends_with(".toml") ? parse_toml(text, name) : parse_yaml(text, name);
  EXPECT_THAT(document.faults, IsEmpty());
  std::set<std::string> paths;
  collect(document.root, {}, paths);
  return paths;
}

std::set<std::string> paths_of_reference() {
  std::set<std::string> paths;
  for (const auto& key : reference()) paths.insert(key.path);
  return paths;
}

class ShippedFile : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Formats, ShippedFile, testing::Values("conduit.toml", "conduit.yaml"),
                         [](const auto& chosen) { return std::string(chosen.param).substr(8); });

TEST_P(ShippedFile, LoadedAsItIsGivesExactlyTheDefaults) {
  const auto loaded = load(shipped(GetParam()));
  EXPECT_THAT(loaded.faults, IsEmpty());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_EQ(loaded.config, Config{});
}

TEST_P(ShippedFile, HoldsEveryKeyAndNoOther) { EXPECT_EQ(paths_in(GetParam()), paths_of_reference()); }

TEST_P(ShippedFile, LoadsWithEveryShownKeySwitchedOn) {
  test::Files files;
  const auto loaded = files.load(GetParam(), all_switched_on(GetParam()));
  EXPECT_THAT(files.texts(loaded.faults), IsEmpty());
  ASSERT_EQ(loaded.config.queue.size(), 1U);
  EXPECT_EQ(loaded.config.queue[0], Queue{.name = "media"});
  const auto& task = loaded.config.task.at("images.resize");
  EXPECT_EQ(task.executor, "process");
  EXPECT_EQ(task.backoff, job::Backoff{}) << "the backoff shown is the default one";
}

TEST_P(ShippedFile, ExplainsEveryKeyInTheLineAboveIt) {
  const bool toml = std::string(GetParam()).ends_with(".toml");
  const auto lines = lines_of(shipped(GetParam()));
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto text = without_indent(lines[i]);
    if (text.empty() || text == "#" || text.starts_with("# ")) continue;
    const bool section = toml ? text.starts_with('[') || text.starts_with("#[") : text.ends_with(':') || text.starts_with("#- ");
    const bool explained = without_indent(lines[i - 1]).starts_with("# ");
    EXPECT_TRUE(explained || section) << "line " << i + 1 << ": " << lines[i];
  }
}

TEST(ShippedFiles, MeanTheSameInBothFormats) {
  test::Files files;
  const auto toml = files.load("conduit.toml", all_switched_on("conduit.toml"));
  const auto yaml = files.load("conduit.yaml", all_switched_on("conduit.yaml"));
  EXPECT_EQ(toml.config, yaml.config);
  EXPECT_EQ(paths_in("conduit.toml"), paths_in("conduit.yaml"));
}

TEST(Reference, NamesTheDefaultsAsTheyAreWritten) {
  std::string text;
  for (const auto& key : reference()) {
    if (key.path.find_first_of("<[") == std::string::npos) text += fmt::format("{} = {}\n", key.path, key.fallback);
    EXPECT_NE(key.type, "") << key.path;
  }
  test::Files files;
  const auto loaded = files.load("c.toml", text);
  EXPECT_THAT(files.texts(loaded.faults), IsEmpty());
  EXPECT_EQ(loaded.config, Config{});
}

TEST(ShippedFiles, QuickstartLivesBelowOneDirectory) {
  Sources sources;
  sources.environment = [](const std::string& name) {
    return name == "CONDUIT_HOME" ? std::optional<std::string>("/tmp/here") : std::nullopt;
  };
  const auto loaded = load(shipped("quickstart.toml"), sources);
  EXPECT_THAT(loaded.faults, IsEmpty());
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_EQ(loaded.config.broker.url, "sqlite:///tmp/here/conduit.db");
  EXPECT_EQ(loaded.config.plugins.directory, "/tmp/here/plugins");
}

}  // namespace
}  // namespace conduitd::config
