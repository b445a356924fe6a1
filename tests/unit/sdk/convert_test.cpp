#include <conduit/convert.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace app {

enum class Fit { cover, contain };
BOOST_DESCRIBE_ENUM(Fit, cover, contain)

struct Point {
  int x = 0;
  int y = 0;
};
BOOST_DESCRIBE_STRUCT(Point, (), (x, y))

struct Resize {
  std::string path;
  int width = 256;
  std::uint8_t quality = 90;
  Fit fit = Fit::cover;
  std::optional<std::string> note;
  std::vector<Point> points;
  std::string format = "jpeg";
};
BOOST_DESCRIBE_STRUCT(Resize, (), (path, width, quality, fit, note, points, format))

struct Transfer {
  int from = 0;
  int to = 0;
  bool dry_run = false;
};
BOOST_DESCRIBE_STRUCT(Transfer, (), (from, to, dry_run))
CONDUIT_REQUIRED(Transfer, from, to);

struct Order {
  Transfer transfer;
  Point where;
};
BOOST_DESCRIBE_STRUCT(Order, (), (transfer, where))

struct Base {
  int id = 1;
};
BOOST_DESCRIBE_STRUCT(Base, (), (id))
struct Derived : Base {
  bool on = false;
};
BOOST_DESCRIBE_STRUCT(Derived, (Base), (on))

/// A type of somebody else's, with a conversion of its own.
struct Colour {
  int rgb = 0;
};

}  // namespace app

template <>
struct conduit::Convert<app::Colour> {
  static app::Colour from_json(const Json& value, const JsonPath& at) {
    if (!value.is_string() || value.text().size() != 7) at.expected("a colour", value);
    return {std::stoi(value.text().substr(1), nullptr, 16)};
  }
  static Json to_json(const app::Colour& value) { return Json(value.rgb); }
};

namespace {

using conduit::Json;
using conduit::JsonError;
using namespace std::chrono_literals;

template <class T>
T read(const std::string& text) {
  return Json::parse(text).get<T>();
}

/// The sentence with which `text` is refused as a T.
template <class T>
std::string refusal(const std::string& text) {
  try {
    static_cast<void>(read<T>(text));
  } catch (const JsonError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SdkConvert, ReadsIntegersInRange) {
  EXPECT_EQ(read<std::uint8_t>("255"), 255);
  EXPECT_EQ(read<int>("3.0"), 3);
  EXPECT_EQ(refusal<std::uint8_t>("256"), "256 is out of range: 0 to 255 is allowed");
  EXPECT_EQ(refusal<unsigned>("-1"), "-1 is out of range: 0 to 4294967295 is allowed");
  EXPECT_EQ(refusal<std::int64_t>("9223372036854775808"),
            "9223372036854775808 is out of range: -9223372036854775808 to 9223372036854775807 is "
            "allowed");
  EXPECT_EQ(refusal<int>("3.5"), "expected an integer, got 3.5");
  EXPECT_EQ(refusal<int>("true"), "expected an integer, got true");
  EXPECT_EQ(refusal<int>("1e300"), "expected an integer, got 1e300");
}

TEST(SdkConvert, ReadsScalars) {
  EXPECT_TRUE(read<bool>("true"));
  EXPECT_EQ(refusal<bool>("1"), "expected true or false, got 1");
  EXPECT_DOUBLE_EQ(read<double>("2"), 2.0);
  EXPECT_EQ(refusal<double>("\"2\""), "expected a number, got \"2\"");
  EXPECT_EQ(read<std::string>("\"x\""), "x");
  EXPECT_EQ(refusal<std::string>("[]"), "expected a string, got an array");
  EXPECT_EQ(read<std::filesystem::path>("\"/tmp/a\""), "/tmp/a");
}

TEST(SdkConvert, NamesThePlaceInNestedValues) {
  EXPECT_EQ(read<std::vector<int>>("[1,2]"), (std::vector<int>{1, 2}));
  EXPECT_EQ(refusal<std::vector<int>>("[1,\"x\"]"), "/1: expected an integer, got \"x\"");
  using Map = std::map<std::string, std::vector<bool>>;
  EXPECT_EQ(read<Map>(R"({"a":[true]})"), (Map{{"a", {true}}}));
  EXPECT_EQ(refusal<Map>(R"({"a/b~c":[true,null]})"),
            "/a~1b~0c/1: expected true or false, got null");
}

TEST(SdkConvert, CutsLongTextInAnError) {
  const std::string said = refusal<int>('"' + std::string(10'000, 'x') + '"');
  EXPECT_LT(said.size(), 100U);
  EXPECT_NE(said.find("xxx...\""), std::string::npos);
}

TEST(SdkConvert, ReadsNullAsNoValueOnlyForOptionals) {
  EXPECT_EQ(read<std::optional<int>>("null"), std::nullopt);
  EXPECT_EQ(read<std::optional<int>>("3"), 3);
  EXPECT_EQ(refusal<int>("null"), "expected an integer, got null");
}

TEST(SdkConvert, ReadsDurationsAsTextOrMilliseconds) {
  EXPECT_EQ(read<std::chrono::milliseconds>("\"1.5s\""), 1500ms);
  EXPECT_EQ(read<std::chrono::milliseconds>("250"), 250ms);
  EXPECT_EQ(read<std::chrono::seconds>("\"10m\""), 600s);
  EXPECT_EQ(read<std::chrono::hours>("\"7d\""), 168h);
  EXPECT_EQ(read<std::chrono::microseconds>("0.5"), 500us);
  EXPECT_EQ(read<std::chrono::milliseconds>("\"0\""), 0ms);
  EXPECT_EQ(refusal<std::chrono::seconds>("\"10\""),
            "expected a duration, as in \"30s\", or a number of milliseconds, got \"10\"");
  EXPECT_EQ(refusal<std::chrono::seconds>("1500"), "1500 is finer than the task can count");
  EXPECT_EQ(refusal<std::chrono::seconds>("1e30"), "a duration longer than a century");
  EXPECT_EQ(conduit::to_json(90s), Json("90s"));
  EXPECT_EQ(conduit::to_json(120s), Json("2m"));
  EXPECT_EQ(conduit::to_json(1500us), Json(1.5));
}

TEST(SdkConvert, ReadsEnumsByName) {
  EXPECT_EQ(read<app::Fit>("\"contain\""), app::Fit::contain);
  EXPECT_EQ(conduit::to_json(app::Fit::cover), Json("cover"));
  EXPECT_EQ(refusal<app::Fit>("\"contian\""),
            "\"contian\" is not allowed here; did you mean \"contain\"?");
  EXPECT_EQ(refusal<app::Fit>("\"fill\""),
            "\"fill\" is not allowed here; known are cover, contain");
  EXPECT_EQ(refusal<app::Fit>("0"), "expected a name, got 0");
}

TEST(SdkConvert, KeepsDefaultsOfMissingMembers) {
  const auto args = read<app::Resize>(R"({"path":"a.jpg"})");
  EXPECT_EQ(args.path, "a.jpg");
  EXPECT_EQ(args.width, 256);
  EXPECT_EQ(args.fit, app::Fit::cover);
  EXPECT_EQ(args.format, "jpeg");
  EXPECT_FALSE(args.note);
}

TEST(SdkConvert, RequiresTextThatIsEmptyByDefaultAndWhatTheStructNames) {
  EXPECT_EQ(refusal<app::Resize>("{}"), "/path: missing, and it is required");
  EXPECT_EQ(refusal<app::Transfer>(R"({"from":1})"), "/to: missing, and it is required");
  EXPECT_FALSE(read<app::Transfer>(R"({"from":1,"to":2})").dry_run);
  EXPECT_EQ(refusal<app::Order>("{}"), "/transfer: missing, and it is required");
}

TEST(SdkConvert, NamesTheNearestMemberForAnUnknownOne) {
  EXPECT_EQ(refusal<app::Resize>(R"({"path":"a","widht":3})"),
            "/widht: there is no such member; did you mean \"width\"?");
  EXPECT_EQ(refusal<app::Point>(R"({"colour":3})"),
            "/colour: there is no such member; known are x, y");
}

TEST(SdkConvert, NamesTheMemberWithTheWrongType) {
  EXPECT_EQ(refusal<app::Resize>(R"({"path":"a","width":"wide"})"),
            "/width: expected an integer, got \"wide\"");
  EXPECT_EQ(refusal<app::Resize>(R"({"path":"a","points":[{"x":1},{"y":true}]})"),
            "/points/1/y: expected an integer, got true");
  EXPECT_EQ(refusal<app::Resize>("3"), "expected an object, got 3");
}

TEST(SdkConvert, WritesStructsWithInheritedMembers) {
  app::Derived value;
  value.on = true;
  EXPECT_EQ(conduit::to_json(value).dump(), R"({"id":1,"on":true})");
  EXPECT_EQ(read<app::Derived>(R"({"id":7})").id, 7);
}

TEST(SdkConvert, UsesAnAuthorsOwnConversion) {
  EXPECT_EQ(read<std::vector<app::Colour>>(R"(["#0000ff"])").front().rgb, 255);
  EXPECT_EQ(refusal<std::vector<app::Colour>>("[3]"), "/0: expected a colour, got 3");
}

}  // namespace
