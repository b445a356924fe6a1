#include "config/default_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace conduitd::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class DefaultFile : public testing::Test {
 protected:
  void make(const std::string& name) { std::ofstream(dir.file(name)) << "\n"; }
  conduitd::test::TempDir dir;
};

TEST_F(DefaultFile, IsTheOneThatIsThere) {
  make("conduit.yaml");
  make("other.toml");
  EXPECT_EQ(conduitd::test::must(default_file(dir.path().string())), dir.file("conduit.yaml"));
}

TEST_F(DefaultFile, IsNoneOfTwoForOneWouldBeIgnored) {
  make("conduit.yaml");
  make("conduit.toml");
  const auto found = default_file(dir.path().string());
  ASSERT_FALSE(found.has_value());
  EXPECT_TRUE(found.error().is(Errc::invalid_argument));
  EXPECT_THAT(found.error().message(), AllOf(HasSubstr(dir.file("conduit.toml")), HasSubstr(dir.file("conduit.yaml"))));
}

TEST_F(DefaultFile, IsMissedByNameOfTheFolder) {
  const auto found = default_file(dir.path().string());
  ASSERT_FALSE(found.has_value());
  EXPECT_TRUE(found.error().is(Errc::not_found));
  EXPECT_THAT(found.error().message(), HasSubstr(dir.file("conduit.toml")));
}

}  // namespace
}  // namespace conduitd::config
