// The plugin that sdk/README.md shows.
#include <conduit/testing.hpp>

#include <gtest/gtest.h>

namespace {

using conduit::testing::Kind;
using conduit::testing::run;

TEST(ReadmeMail, IsTimedByItsLayer) {
  const auto outcome = run("mail.send", {{"to", "ada@example.org"}});
  EXPECT_EQ(outcome.result, "sent to ada@example.org");
  EXPECT_GE(outcome.metadata.at("seconds").get<double>(), 0);
  EXPECT_TRUE(outcome.hooks.empty());
}

TEST(ReadmeMail, ItsHookPagesSomebodyWhenItHasFailed) {
  const auto outcome = run("mail.send", {{"to", "nobody"}});
  EXPECT_EQ(outcome.kind, Kind::fail);
  ASSERT_EQ(outcome.submits.size(), 1u);
  EXPECT_EQ(outcome.submits[0].at("task"), "pager.page");
  EXPECT_EQ(outcome.submits[0].at("args").at("why"), "no address: nobody");
}

}  // namespace
