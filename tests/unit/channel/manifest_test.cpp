#include "channel/manifest.h"

#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::channel {
namespace {

PluginManifest good() {
  PluginManifest manifest;
  manifest.path = "/usr/lib/conduit/plugins/images.so";
  manifest.name = "images";
  manifest.version = "1.2.0";
  manifest.sdk_version = "0.1.0";
  manifest.compiler = "g++ 12.2";
  manifest.boost = "1.81.0";
  manifest.build_id = "abcd";
  manifest.uses_asio = true;
  manifest.starts_threads = true;
  manifest.tasks = {{"images.resize", false, true, "process", R"({"retries":5})"}, {"images.fetch", true, false, "async", ""}};
  manifest.middleware = {{"timed", 10, true, true, ""}, {"cached", -1, true, false, "images.resize"}};
  manifest.middleware.front().worker = true;
  manifest.hooks = {{"on_failure", "images.resize"}, {"on_start", ""}};
  manifest.warnings = {"mind the step"};
  return manifest;
}

TEST(Manifest, ComesBackFromJsonAsItWas) {
  PluginManifest refused;
  refused.path = "/x.so";
  refused.fault = "it is no ELF file";
  const std::string text = encode_manifests({good(), refused});
  ASSERT_OK_AND_ASSIGN(const auto back, decode_manifests(text));
  ASSERT_EQ(back.size(), 2u);
  EXPECT_EQ(encode_manifests(back), text);
  EXPECT_EQ(back[0].tasks[0].options, R"({"retries":5})");
  EXPECT_TRUE(back[0].tasks[1].async);
  ASSERT_EQ(back[0].middleware.size(), 2u);
  EXPECT_TRUE(back[0].middleware[0].worker);
  EXPECT_FALSE(back[0].middleware[1].worker);
  EXPECT_EQ(back[0].middleware[1].name, "cached");
  EXPECT_EQ(back[0].middleware[1].priority, -1);
  EXPECT_FALSE(back[0].middleware[1].async);
  ASSERT_EQ(back[0].hooks.size(), 2u);
  EXPECT_EQ(back[0].hooks[0].task, "images.resize");
  EXPECT_EQ(back[0].hooks[1].event, "on_start");
  EXPECT_EQ(back[1].fault, "it is no ELF file");
}

TEST(Manifest, NamesWhatIsMissing) {
  for (const char* bad : {"", "[]", "{}", R"({"plugins":1})", R"({"plugins":[{}]})", R"({"plugins":[{"path":"/x"}]})",
                          R"({"plugins":[{"path":"/x","tasks":[{"name":"a"}]}]})"}) {
    EXPECT_FALSE(decode_manifests(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace conduitd::channel
