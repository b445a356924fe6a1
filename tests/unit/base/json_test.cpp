#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <random>

#include "support/result_matchers.h"

namespace conduitd {
namespace {

using testing::HasSubstr;

Json parsed(std::string_view text) { return test::must(parse_json(text)); }

TEST(JsonParser, ReadsEveryKindOfValue) {
  const auto json = parsed(R"( {"n":null,"t":true,"i":-7,"d":1.5,"s":"é\u00e9\n","a":[1,[]],"o":{"k":"v"}} )");
  EXPECT_TRUE(json.find("n")->is_null());
  EXPECT_TRUE(json.bool_or("t", false));
  EXPECT_EQ(json.int_or("i", 0), -7);
  EXPECT_EQ(json.find("d")->as_number(), 1.5);
  EXPECT_EQ(json.string_or("s", ""), "éé\n");
  EXPECT_EQ(json.find("a")->as_array()->size(), 2U);
  EXPECT_EQ(json.find("o")->string_or("k", ""), "v");
  EXPECT_EQ(json.find("none"), nullptr);
  EXPECT_EQ(json.string_or("i", "no string"), "no string");
  EXPECT_EQ(parsed("5").find("x"), nullptr);
}

TEST(JsonParser, F74_TwoMegabytesOfOpenBracketsAreAnErrorAndNoCrash) {
  const JsonLimits roomy{.size = 4 * 1024 * 1024, .depth = 64};
  for (const char* open : {"[", "{\"a\":", "[{\"a\":"}) {
    std::string bomb;
    while (bomb.size() < 2 * 1024 * 1024) bomb += open;
    EXPECT_ERRC(Errc::invalid_argument, parse_json(bomb, roomy));
    const auto checked = validate_json(bomb, roomy);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().message(), "JSON is nested too deeply: at most 64 levels are allowed");
  }
}

TEST(JsonParser, TheDepthAllowedIsAllowedAndNoMore) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_OK(validate_json(nested(64)));
  EXPECT_OK(parse_json(nested(64)));
  EXPECT_ERRC(Errc::invalid_argument, validate_json(nested(65)));
  EXPECT_ERRC(Errc::invalid_argument, parse_json(nested(65)));
}

TEST(JsonParser, TheSizeAllowedIsAllowedAndNoMore) {
  const JsonLimits limits{.size = 10, .depth = 4};
  EXPECT_OK(validate_json("\"12345678\"", limits));
  const auto large = validate_json("\"123456789\"", limits);
  ASSERT_FALSE(large.has_value());
  EXPECT_EQ(large.error().message(), "JSON is too large: 11 bytes, at most 10 are allowed");
}

TEST(JsonParser, RefusesWhatIsNoJsonAndSaysWhere) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "byte 0"},           {"  ", "byte 2"},       {"{", "byte 1"},           {"[1,]", "byte 3"},
      {"{\"a\":1,}", "byte 7"}, {"{'a':1}", "byte 1"},  {"[1 2]", "byte 3"},       {"{} {}", "byte 3"},
      {"nul", "byte"},          {"NaN", "byte 0"},      {"[Infinity]", "byte 1"},  {"-", "byte"},
      {"01", "byte 1"},         {"1.", "byte"},         {".5", "byte 0"},          {"1e999", "Number too big"},
      {"\"\t\"", "byte"},       {"\"\\x\"", "byte"},    {"\"\\ud800\"", "byte"},   {"\"\\udd80\"", "byte"},
      {"{\"\\udc00\":1}", "byte"}, {"-1e309", "Number too big"}, {"9e308", "Number too big"}, {"0.99e309", "Number too big"}, {"[" + std::string(400, '9') + "]", "Number too big"}, {"// c\n1", "byte 0"},
      {"\xEF\xBB\xBF{}", "byte 0"}};
  for (const auto& [text, where] : table) {
    const auto checked = validate_json(text);
    ASSERT_FALSE(checked.has_value()) << text;
    EXPECT_THAT(checked.error().message(), HasSubstr(where)) << text;
    EXPECT_FALSE(parse_json(text).has_value()) << text;
  }
}

TEST(JsonParser, F74_NothingMayHideBehindAZeroByte) {
  using std::string_literals::operator""s;
  EXPECT_ERRC(Errc::invalid_argument, validate_json("{}\0garbage"s));
  EXPECT_ERRC(Errc::invalid_argument, parse_json("{}\0"s));
  EXPECT_ERRC(Errc::invalid_argument, validate_json("\"a\0b\""s));
  EXPECT_OK(validate_json("\"a\\u0000b\""));
}

TEST(JsonParser, F74_RefusesWhatIsNotUtf8) {
  for (const std::string text : {"\"\xff\"", "\"\xC3(\"", "\"\xED\xA0\x80\"", "\"\xC0\x80\"", "{\"\xff\":1}"}) {
    const auto checked = validate_json(text);
    ASSERT_FALSE(checked.has_value());
    EXPECT_THAT(checked.error().message(), HasSubstr("JSON is not valid UTF-8 at byte"));
  }
}

TEST(JsonParser, F74_WholeNumbersOf64BitsStayExact) {
  EXPECT_EQ(*parsed("9223372036854775807").as_int(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(*parsed("-9223372036854775808").as_int(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parsed("9223372036854775807").text(), "9223372036854775807");
  EXPECT_EQ(parsed("18446744073709551615").as_int(), nullptr) << "what does not fit is no integer";
  EXPECT_EQ(parsed("18446744073709551615").as_number(), 18446744073709551615.0);
  EXPECT_EQ(Json(std::uint64_t{18446744073709551615U}).as_number(), 18446744073709551615.0);
  EXPECT_EQ(*Json(std::uint64_t{5}).as_int(), 5);
}

TEST(JsonParser, F74_NumbersAreTheNearestDoubleHoweverTheyAreWritten) {
  const std::vector<std::pair<std::string, double>> table{
      {"0E99", 0.0},        {"-0E99", -0.0},
      {"1e-400", 0.0},      {"-1e-400", 0.0},
      {"1.5e3", 1500.0},    {"0." + std::string(400, '0') + "1", 0.0},
      {"1.7976931348623157e308", std::numeric_limits<double>::max()},
      {"2.2250738585072011e-308", 2.2250738585072011e-308},
      {"123456789012345678901234567890", 123456789012345678901234567890.0}};
  for (const auto& [text, value] : table) {
    EXPECT_OK(validate_json(text));
    EXPECT_EQ(parsed(text).as_number(), value) << text;
  }
}

TEST(JsonParser, OfARepeatedKeyTheLastCounts) {
  const auto json = parsed(R"({"a":1,"b":2,"a":3})");
  EXPECT_EQ(json.int_or("a", 0), 3);
  EXPECT_EQ(json.as_object()->size(), 3U);
}

TEST(JsonWriter, WritesWhatItRead) {
  const std::string text = R"({"z":1,"a":[true,null,"x\ny\u0001é"],"d":0.1,"e":{}})";
  EXPECT_EQ(parsed(text).text(), text);
}

TEST(JsonWriter, KeepsRawTextAsItIs) {
  Json json;
  json.set("args", Json::Raw{"{\"b\" : 1.0 , \"a\":1e2}"}).set("none", Json::Raw{});
  EXPECT_EQ(json.text(), "{\"args\":{\"b\" : 1.0 , \"a\":1e2},\"none\":null}");
}

TEST(JsonWriter, WritesWhatJsonCannotSayAsNull) {
  Json json;
  json.push(std::numeric_limits<double>::quiet_NaN()).push(std::numeric_limits<double>::infinity()).push(0.5);
  EXPECT_EQ(json.text(), "[null,null,0.5]");
}

TEST(JsonWriter, SetReplacesAndKeepsThePlace) {
  Json json;
  json.set("a", 1).set("b", 2).set("a", "x");
  EXPECT_EQ(json.text(), R"({"a":"x","b":2})");
  EXPECT_EQ(json.text(true), "{\n  \"a\": \"x\",\n  \"b\": 2\n}");
}

TEST(SplitJson, GivesEachMemberTheBytesItWasWrittenIn) {
  const std::string text = R"( { "a" : {"x":[1, 2]} , "q\"uote":"},]\"", "n": 1.0e2,"last": [ {} ] } )";
  ASSERT_OK_AND_ASSIGN(const auto members, split_json(text));
  ASSERT_EQ(members.size(), 4U);
  EXPECT_EQ(members[0].key, "a");
  EXPECT_EQ(members[0].value, R"({"x":[1, 2]})");
  EXPECT_EQ(members[1].key, "q\"uote");
  EXPECT_EQ(members[1].value, R"("},]\"")");
  EXPECT_EQ(members[2].value, "1.0e2");
  EXPECT_EQ(members[3].value, "[ {} ]");
}

TEST(SplitJson, TakesArraysAndEmptyThings) {
  ASSERT_OK_AND_ASSIGN(const auto elements, split_json("[1 , \"a,b\",{\"c\":[]},[2]]"));
  ASSERT_EQ(elements.size(), 4U);
  EXPECT_EQ(elements[1].value, "\"a,b\"");
  EXPECT_EQ(elements[2].value, "{\"c\":[]}");
  EXPECT_TRUE(test::must(split_json("[ ]")).empty());
  EXPECT_TRUE(test::must(split_json(" {} ")).empty());
  EXPECT_ERRC(Errc::invalid_argument, split_json("5"));
  EXPECT_ERRC(Errc::invalid_argument, split_json(""));
}

/// A random tree of at most `depth` levels.
Json random_json(std::mt19937& random, int depth) {
  switch (random() % (depth > 0 ? 7U : 5U)) {
    case 0: return nullptr;
    case 1: return random() % 2 == 0;
    case 2: return static_cast<std::int64_t>(random()) - 1'000'000'000;
    case 3: return static_cast<double>(random()) / 7.0;
    case 4: {
      std::string text;
      for (auto n = random() % 6; n > 0; --n) text += std::array{"a", "\"", "\\", "é", "\n", "},]"}[random() % 6];
      return text;
    }
    case 5: {
      Json array{Json::Array{}};
      for (auto n = random() % 4; n > 0; --n) array.push(random_json(random, depth - 1));
      return array;
    }
    default: {
      Json object{Json::Object{}};
      for (auto n = random() % 4; n > 0; --n) object.append("k\"" + std::to_string(n), random_json(random, depth - 1));
      return object;
    }
  }
}

TEST(RandomJson, SurvivesWritingParsingAndSplitting) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 2'000; ++i) {
    Json json{Json::Array{}};
    json.push(random_json(random, 4)).push(random_json(random, 2));
    for (const bool indented : {false, true}) {
      const auto text = json.text(indented);
      EXPECT_OK(validate_json(text));
      EXPECT_EQ(parsed(text).text(), json.text());
      ASSERT_OK_AND_ASSIGN(const auto elements, split_json(text));
      ASSERT_EQ(elements.size(), 2U);
      for (const auto& element : elements) EXPECT_OK(validate_json(element.value));
    }
  }
}

}  // namespace
}  // namespace conduitd
