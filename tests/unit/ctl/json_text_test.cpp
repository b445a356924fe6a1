#include "ctl/json_text.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace conduitd::ctl {
namespace {

TEST(JsonText, StandsOnOneLineWithoutSpaceBetweenTokens) {
  EXPECT_EQ(json_line("{ \"a b\" :\n [1 , 2.50,\t{}] }"), R"({"a b":[1,2.50,{}]})");
}

TEST(JsonText, IsIndentedWithEmptyObjectsAndArraysClosedAtOnce) {
  EXPECT_EQ(json_lines(R"({"a":[1,{"b":null}],"c":{ },"d":[]})"),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": {},\n  \"d\": []\n}");
  EXPECT_EQ(json_lines("{}"), "{}");
  EXPECT_EQ(json_lines("\"a\""), "\"a\"");
}

TEST(JsonText, KeepsNumbersAndStringsAsTheyWere) {
  EXPECT_EQ(json_lines("[1.50,12345678901234567890]"), "[\n  1.50,\n  12345678901234567890\n]");
  EXPECT_EQ(json_line(R"(["a\"b","\\",": , [","x"])"), R"(["a\"b","\\",": , [","x"])");
}

TEST(JsonText, WritesCharactersThatSteerATerminalAsTheirNumbers) {
  const std::string json = "{\"a\":\"\xC2\x9B\xE2\x80\xAEx\x7F\"}";
  const auto line = json_line(json);
  EXPECT_EQ(line, "{\"a\":\"\\u009b\\u202ex\\u007f\"}");
  EXPECT_EQ(parse_json(line).value().string_or("a", ""), parse_json(json).value().string_or("a", ""));
}

TEST(JsonText, ReplacesBytesThatAreNoUtf8) { EXPECT_EQ(json_line("\"\xFF\""), "\"\xEF\xBF\xBD\""); }

TEST(JsonText, LeavesNoControlByteOfWhatIsNoJson) {
  for (const std::string text : {"\x1b[2J", "}}]]\x1b", "\"\x1b", "\"\\\x1b\"\x07", "\xC2\x9B"}) {
    for (const char c : json_line(text)) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << text;
    for (const char c : json_lines(text)) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << text;
  }
}

}  // namespace
}  // namespace conduitd::ctl
