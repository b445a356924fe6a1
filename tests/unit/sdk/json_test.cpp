#include <conduit/json.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace {

using conduit::Json;
using conduit::JsonError;

std::string error_of(const std::string& text) {
  try {
    static_cast<void>(Json::parse(text));
  } catch (const JsonError& error) {
    return error.what();
  }
  return "parsed";
}

TEST(SdkJson, MakesAnObjectOfPairsAndAnArrayOfAnythingElse) {
  const Json object = {{"stage", 1}, {"files", {"a", "b"}}, {"nested", {{"x", true}}}};
  EXPECT_EQ(object.dump(), R"({"stage":1,"files":["a","b"],"nested":{"x":true}})");
  const Json array = {"a", 1, nullptr, 2.5};
  EXPECT_EQ(array.dump(), R"(["a",1,null,2.5])");
  EXPECT_EQ(Json::array({{"a", 1}}).dump(), R"([["a",1]])");
  EXPECT_EQ(Json::object().dump(), "{}");
  EXPECT_THROW(static_cast<void>(Json::object({1, 2})), JsonError);
}

TEST(SdkJson, TakesContainers) {
  const std::vector<std::string> names{"a", "b"};
  const Json value = {{"names", names}, {"counts", std::map<std::string, int>{{"x", 1}}}};
  EXPECT_EQ(value.dump(), R"({"names":["a","b"],"counts":{"x":1}})");
  EXPECT_TRUE(Json(std::optional<int>()).is_null());
  EXPECT_EQ(Json(std::optional<int>(3)), Json(3));
}

TEST(SdkJson, KeepsIntegersInFull) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  constexpr auto kLeast = std::numeric_limits<std::int64_t>::min();
  const Json value = Json::parse(Json({kMost, kLeast}).dump());
  EXPECT_EQ(value.at(std::size_t{0}).get<std::uint64_t>(), kMost);
  EXPECT_EQ(value.at(1).get<std::int64_t>(), kLeast);
}

TEST(SdkJson, ReadsBackWhatItWrites) {
  const std::string text = R"({"a":[1,-2,3.25,"\u0001\"é",true,null,{}],"b":[]})";
  const Json value = Json::parse(text);
  EXPECT_EQ(Json::parse(value.dump()), value);
}

TEST(SdkJson, RefusesBadTextNamingThePlace) {
  EXPECT_EQ(error_of("{\"a\": }"), "JSON does not parse at byte 6: Invalid value.");
  EXPECT_NE(error_of("").find("does not parse"), std::string::npos);
  EXPECT_NE(error_of("1 2").find("does not parse"), std::string::npos);
  EXPECT_NE(error_of("\"\xC3\x28\"").find("does not parse"), std::string::npos);
}

TEST(SdkJson, RefusesHostileDepthWithoutRecursing) {
  EXPECT_EQ(error_of(std::string(2'000'000, '[')),
            "JSON is nested too deeply: at most 64 levels are allowed");
  EXPECT_EQ(error_of(std::string(64, '[') + std::string(64, ']')), "parsed");
  EXPECT_THROW(static_cast<void>(Json::parse("[[1]]", {.depth = 1})), JsonError);
}

TEST(SdkJson, NumbersAreTheNearestDoubleHoweverTheyAreWritten) {
  EXPECT_EQ(Json::parse("0E99").get<double>(), 0.0);
  EXPECT_EQ(Json::parse("1e-400").get<double>(), 0.0);
  EXPECT_EQ(Json::parse("18446744073709551615").get<std::uint64_t>(), 18'446'744'073'709'551'615U);
  EXPECT_THROW(static_cast<void>(Json::parse("1e999")), JsonError);
  EXPECT_THROW(static_cast<void>(Json::parse("9e308")), JsonError);
}

TEST(SdkJson, HalfACharacterIsRefused) {
  EXPECT_EQ(Json::parse(R"("\ud83d\ude00")").text(), "\xF0\x9F\x98\x80");
  EXPECT_THROW(static_cast<void>(Json::parse(R"("\ud83d")")), JsonError);
  EXPECT_THROW(static_cast<void>(Json::parse(R"("\ude00")")), JsonError);
  EXPECT_THROW(static_cast<void>(Json::parse(R"({"\ude00": 1})")), JsonError);
}

TEST(SdkJson, RefusesToWriteWhatJsonCannotHold) {
  EXPECT_THROW(static_cast<void>(Json("\xFF").dump()), JsonError);
  EXPECT_THROW(static_cast<void>(Json(std::numeric_limits<double>::quiet_NaN()).dump()), JsonError);
  EXPECT_THROW(static_cast<void>(Json(std::numeric_limits<double>::infinity()).dump()), JsonError);
}

TEST(SdkJson, FindsTheLastOfRepeatedKeys) {
  const Json value = Json::parse(R"({"a":1,"a":2})");
  EXPECT_EQ(value.at("a"), Json(2));
  EXPECT_EQ(value.find("b"), nullptr);
  EXPECT_THROW(static_cast<void>(value.at("b")), JsonError);
}

TEST(SdkJson, GrowsFromNull) {
  Json object;
  object["a"] = 1;
  object["list"].push_back("x");
  EXPECT_EQ(object.dump(), R"({"a":1,"list":["x"]})");
  EXPECT_TRUE(object.erase("a"));
  EXPECT_FALSE(object.erase("a"));
  Json number = 3;
  EXPECT_THROW(number["a"] = 1, JsonError);
  EXPECT_THROW(number.push_back(1), JsonError);
}

TEST(SdkJson, GivesDefaultsForWhatIsMissingButNotForWhatIsWrong) {
  const Json value = {{"width", 3}, {"none", nullptr}, {"wrong", "wide"}};
  EXPECT_EQ(value.value_or("width", 256), 3);
  EXPECT_EQ(value.value_or("height", 256), 256);
  EXPECT_EQ(value.value_or("none", 256), 256);
  EXPECT_EQ(value.value_or("name", "default"), "default");
  EXPECT_EQ(Json().value_or("stage", 7), 7);
  EXPECT_THROW(static_cast<void>(value.value_or("wrong", 256)), JsonError);
}

TEST(SdkJson, MayBeIteratedThoughItIsATemporary) {
  std::string keys;
  for (const auto& [key, value] : Json::parse(R"({"first key that is long enough":1})").members())
    keys += key;
  EXPECT_EQ(keys, "first key that is long enough");
}

}  // namespace
