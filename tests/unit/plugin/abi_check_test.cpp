#include "plugin/abi_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::plugin {
namespace {

const Build kOurs{"g++ 12.2", "1.81.0"};

conduit_plugin description() {
  conduit_plugin plugin{};
  plugin.size = sizeof plugin;
  plugin.abi_major = CONDUIT_ABI_MAJOR;
  plugin.abi_minor = CONDUIT_ABI_MINOR;
  plugin.name = to_abi("good");
  plugin.load = [](const conduit_api*, const conduit_registry*) { return 0; };
  return plugin;
}

TEST(AbiCheck, LooksAtBoostAndCompilerOnlyWhereCoroutinesShareTheLoop_F57) {
  auto plugin = description();
  plugin.compiler = to_abi("rustc 1.70");
  EXPECT_OK(check_abi(plugin, kOurs));
  plugin.uses_asio = 1;
  EXPECT_ERRC(Errc::unsupported, check_abi(plugin, kOurs));
}

TEST(AbiCheck, TakesAnotherMinorVersionOfTheSameCompiler_F57) {
  auto plugin = description();
  plugin.uses_asio = 1;
  plugin.boost = to_abi("1.81.0");
  for (const char* same : {"g++ 12.2", "g++ 12.3", "g++ 12"}) {
    plugin.compiler = to_abi(same);
    EXPECT_OK(check_abi(plugin, kOurs));
  }
  for (const char* other : {"g++ 13.2", "clang 12.2", "", "g++ 1"}) {
    plugin.compiler = to_abi(other);
    EXPECT_ERRC(Errc::unsupported, check_abi(plugin, kOurs));
  }
}

TEST(AbiCheck, LooksAtNothingBeyondTheStatedSize) {
  conduit_plugin plugin{};
  for (const std::uint32_t size : {0u, 4u, 11u}) {
    plugin.size = size;
    EXPECT_ERRC(Errc::invalid_argument, check_abi(plugin, kOurs));
  }
}

TEST(AbiCheck, KnowsGoodNames_F59) {
  EXPECT_TRUE(is_valid_name("images.resize-2_B"));
  EXPECT_TRUE(is_valid_name(std::string(100, 'a')));
  for (const std::string& bad : {std::string(), std::string(101, 'a'), std::string("a b"), std::string("a/b"),
                                 std::string("\xc3\xa4"), std::string("a\0b", 3)}) {
    EXPECT_FALSE(is_valid_name(bad)) << bad;
  }
}

}  // namespace
}  // namespace conduitd::plugin
