#include "base/log.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "support/result_matchers.h"

namespace conduitd::log {
namespace {

class LogTest : public testing::Test {
 protected:
  void TearDown() override { configure(Level::info, Format::text); }

  /// What `write` puts on standard error.
  template <class Write>
  std::string written(const Write& write) {
    testing::internal::CaptureStderr();
    write();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, AJsonLineIsOneObjectWhateverItSays) {
  configure(Level::info, Format::json);
  const std::string evil = "a \"quote\", a \\, a\nbreak, \x1b[31m, \xff and {\"level\":\"x\"}";
  const auto line = written([&] { warning(evil, {{"job", evil}, {"attempt", 3}}); });
  EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line";
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const auto json, parse_json(line));
  EXPECT_EQ(json.string_or("level", ""), "warning");
  EXPECT_EQ(json.string_or("message", ""), escape_control(evil)) << "not UTF-8: so it is escaped as a whole";
  EXPECT_EQ(json.string_or("attempt", ""), "3");
  EXPECT_OK(parse_time(json.string_or("time", "")));
}

TEST_F(LogTest, AJsonLineKeepsWellFormedTextAsItIs) {
  configure(Level::info, Format::json);
  const auto line = written([] { info("zwei\nZeilen é", {{"key", "\"x\""}}); });
  ASSERT_OK_AND_ASSIGN(const auto json, parse_json(line));
  EXPECT_EQ(json.string_or("message", ""), "zwei\nZeilen é");
  EXPECT_EQ(json.string_or("key", ""), "\"x\"");
}

TEST_F(LogTest, ATextLineCannotBeForgedByItsContent) {
  const auto line = written([] { error("first\n2026-01-01 error forged", {{"path", "a\r\x1b[2K"}}); });
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_NE(line.find(" error   first\\n2026-01-01 error forged path=a\\x0d\\x1b[2K"), std::string::npos) << line;
}

TEST_F(LogTest, WritesNothingBelowItsLevel) {
  configure(Level::warning, Format::text);
  EXPECT_EQ(written([] {
              debug("no");
              info("no");
            }),
            "");
  EXPECT_NE(written([] { warning("yes"); }), "");
  configure(Level::off, Format::text);
  EXPECT_EQ(written([] { error("no"); }), "");
}

TEST_F(LogTest, ReadsTheNamesItWrites) {
  for (const Level level : {Level::trace, Level::debug, Level::info, Level::warning, Level::error, Level::off}) {
    Level read = Level::info;
    EXPECT_TRUE(parse_level(to_string(level), read));
    EXPECT_EQ(read, level);
  }
  Level untouched = Level::error;
  EXPECT_FALSE(parse_level("loud", untouched));
  EXPECT_EQ(untouched, Level::error);
}

}  // namespace
}  // namespace conduitd::log
