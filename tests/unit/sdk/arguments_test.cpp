#include <conduit/testing.hpp>

#include <gtest/gtest.h>

#include <string>

namespace {

using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::run_text;

/// The result of a task as JSON, or how it was refused.
std::string said(const std::string& task, const std::string& args) {
  const auto outcome = run_text("sample." + task, args);
  return outcome.ok() ? outcome.result.dump()
                      : conduit::to_json(outcome.kind).text() + ": " + outcome.error;
}

TEST(SdkArguments, FillAStructFromAnObjectOrInOrderFromAnArray) {
  EXPECT_EQ(said("by_reference", R"({"path":"a","width":3})"), R"("a:3")");
  EXPECT_EQ(said("by_value", R"({"path":"a"})"), R"({"path":"a","width":256})");
  EXPECT_EQ(said("by_reference", R"(["a",3])"), R"("a:3")");
  EXPECT_EQ(said("by_reference", R"(["a"])"), R"("a:256")");
  EXPECT_EQ(said("by_reference", R"([{"path":"a","width":4}])"), R"("a:4")");
  EXPECT_EQ(said("batch", R"([{"path":"a","width":7},[{"path":"b"}]])"), "8");
}

TEST(SdkArguments, FillPlainParametersByOrderOrByName) {
  EXPECT_EQ(said("plain", R"(["u",3])"), R"("u 3")");
  EXPECT_EQ(said("plain", R"(["u",3,true])"), R"("u 3!")");
  EXPECT_EQ(said("plain", R"({"width":3,"url":"u"})"), R"("u 3")");
  EXPECT_EQ(said("plain", R"({"width":3,"url":"u","loud":null})"), R"("u 3")");
  EXPECT_EQ(said("context_between", R"([1,"b"])"), R"("sample.context_between1b")");
}

TEST(SdkArguments, AreGivenWholeToRawParameters) {
  EXPECT_EQ(said("raw_json", R"([1,{"a":2}])"), R"({"got":[1,{"a":2}]})");
  EXPECT_EQ(said("raw_text", "{ \"a\" : 1.0 }"), R"("{ \"a\" : 1.0 }")")
      << "the producer's own bytes";
  EXPECT_EQ(said("sum", R"({"a":1,"b":2})"), "3");
  EXPECT_EQ(said("sum", R"([{"a":1}])"), "1");
}

TEST(SdkArguments, MayBeLeftOutWhereNoneAreTaken) {
  for (const char* none : {"", "{}", "[]"}) EXPECT_EQ(said("nothing", none), "null") << none;
  EXPECT_EQ(said("nothing", "[1]"), "invalid: this task takes no arguments");
}

TEST(SdkArguments, ThatDoNotFitAreRefusedWithTheirPlace) {
  EXPECT_EQ(said("by_reference", R"({"path":"a","width":"wide"})"),
            "invalid: /width: expected an integer, got \"wide\"");
  EXPECT_EQ(said("by_reference", "{}"), "invalid: /path: missing, and it is required");
  EXPECT_EQ(said("by_reference", R"(["a",1,2])"),
            "invalid: /2: too many arguments: the task takes 2, got 3");
  EXPECT_EQ(said("by_reference", R"(["a","b"])"),
            "invalid: /width: expected an integer, got \"b\"");
  EXPECT_EQ(said("plain", R"(["u"])"), "invalid: /1: missing, and it is required");
  EXPECT_EQ(said("plain", R"({"url":"u"})"), "invalid: /width: missing, and it is required");
  EXPECT_EQ(said("plain", R"({"url":"u","widht":1})"),
            "invalid: /widht: there is no such parameter; did you mean \"width\"?");
  EXPECT_EQ(said("plain", R"(["u","b"])"), "invalid: /1: expected an integer, got \"b\"");
  EXPECT_EQ(
      said("unnamed", R"({"url":"u"})"),
      "invalid: this task takes an array of arguments: the names of its parameters are not known");
  EXPECT_EQ(said("plain", "3"), "invalid: expected an object or an array of arguments, got 3");
  EXPECT_EQ(said("plain", "{"),
            "invalid: JSON does not parse at byte 1: Missing a name for object member.");
}

TEST(SdkArguments, ThatAreRefusedCarryTheirPathAsData) {
  const auto outcome = run_text("sample.by_reference", R"({"path":"a","width":[]})");
  EXPECT_EQ(outcome.kind, Kind::invalid);
  EXPECT_EQ(outcome.error_path, "/width");
  EXPECT_EQ(outcome.error_type, "conduit::InvalidArguments");
}

TEST(SdkArguments, TooDeepAreRefused) {
  EXPECT_EQ(said("raw_json", std::string(1'000'000, '[')),
            "invalid: JSON is nested too deeply: at most 64 levels are allowed");
}

}  // namespace
