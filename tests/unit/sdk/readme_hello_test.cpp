// The plugin that sdk/README.md begins with, beside the page's own test of it.
#include <conduit/testing.hpp>

#include <gtest/gtest.h>

namespace {

using conduit::testing::run;

TEST(ReadmeHello, GreetsAndTellsHowFarItIs) {
  const auto greeted = run("hello.greet", {{"name", "you"}, {"times", 2}});
  EXPECT_EQ(greeted.result, "Hello, you! Hello, you! ") << greeted.error;
  EXPECT_EQ(greeted.progress.size(), 2U);
  EXPECT_EQ(run("hello.greet", {{"name", "you"}}).result, "Hello, you! ");
}

}  // namespace
