#include <conduit/testing.hpp>

#include <gtest/gtest.h>

using conduit::testing::Kind;
using conduit::testing::run;

TEST(Hello, GreetsByName) {
  const auto outcome = run("hello.greet", {{"name", "Ada"}});
  EXPECT_EQ(outcome.result, conduit::Json("Hello, Ada!"));
}

TEST(Hello, TakesItsArgumentInOrderToo) {
  EXPECT_EQ(run("hello.greet", conduit::Json::array({"Ada"})).result, conduit::Json("Hello, Ada!"));
}

TEST(Hello, NamesTheMissingArgument) {
  const auto outcome = run("hello.greet", conduit::Json::object());
  EXPECT_EQ(outcome.kind, Kind::invalid);
  EXPECT_NE(outcome.error.find("name"), std::string::npos) << outcome.error;
}
