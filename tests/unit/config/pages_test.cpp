// What the README and the pages of the documentation show of the configuration file is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files.h"
#include "support/document.h"

namespace conduitd::config {
namespace {

class Pages : public testing::TestWithParam<std::string> {};

TEST_P(Pages, TheirExamplesAreReadWithoutAFault) {
  const auto blocks = conduitd::test::blocks_of(CONDUIT_CONFIG_DIR "/../" + GetParam(), "```toml");
  EXPECT_FALSE(blocks.empty());
  for (const auto& block : blocks) {
    test::Files files;
    files.write("credentials/redis", "secret");
    files.environment = {{"CREDENTIALS_DIRECTORY", files.path("credentials")}};
    const auto loaded = files.load("example.toml", block);
    EXPECT_THAT(files.texts(loaded.faults), testing::IsEmpty()) << block;
    EXPECT_THAT(files.texts(loaded.warnings), testing::IsEmpty()) << block;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Pages, testing::Values("README.md", "docs/limits.md", "docs/schedules.md", "docs/events.md", "docs/resources.md"),
                         [](const auto& page) {
                           const auto name = page.param.substr(page.param.find('/') + 1);
                           return name.substr(0, name.find('.'));
                         });

}  // namespace
}  // namespace conduitd::config
