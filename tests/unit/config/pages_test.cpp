// What the pages of the documentation show of the configuration file is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files.h"
#include "support/document.h"

namespace conduitd::config {
namespace {

class Pages : public testing::TestWithParam<std::string> {};

TEST_P(Pages, TheirExamplesAreReadWithoutAFault) {
  const auto blocks = conduitd::test::blocks_of(CONDUIT_CONFIG_DIR "/../docs/" + GetParam() + ".md", "```toml");
  EXPECT_FALSE(blocks.empty());
  for (const auto& block : blocks) {
    test::Files files;
    const auto loaded = files.load("example.toml", block);
    EXPECT_THAT(files.texts(loaded.faults), testing::IsEmpty()) << block;
    EXPECT_THAT(files.texts(loaded.warnings), testing::IsEmpty()) << block;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, Pages, testing::Values("limits", "schedules", "events", "resources"), [](const auto& page) { return page.param; });

}  // namespace
}  // namespace conduitd::config
