#include "job/needs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::job {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Result<Needs> read(std::string_view json) { return needs_from(test::must(parse_json(json))); }

TEST(Needs, AreUnitsByResourceAndBytesOfMemory) {
  const auto needs = test::must(read(R"({"gpu":1,"memory":"4GiB","licence":3})"));
  EXPECT_THAT(needs, ElementsAre(Pair("gpu", 1U), Pair("licence", 3U), Pair("memory", std::uint64_t{4} << 30)));
  EXPECT_EQ(test::must(needs_from(to_json(needs))), needs);
  EXPECT_EQ(describe(needs), "gpu 1, licence 3, memory 4GiB");
}

TEST(Needs, OfZeroOfLessOrOfAnUnknownUnitAreRefusedInOneSentence) {
  EXPECT_THAT(read(R"({"gpu":0})").error().message(), HasSubstr("gpu: a whole number from 1 to 1000000 is needed, not 0"));
  EXPECT_THAT(read(R"({"gpu":-2})").error().message(), HasSubstr("not -2"));
  EXPECT_THAT(read(R"({"gpu":1.5})").error().message(), HasSubstr("not 1.5"));
  EXPECT_THAT(read(R"({"gpu":"2GiB"})").error().message(), HasSubstr("gpu: a whole number"));
  EXPECT_THAT(read(R"({"memory":"4 bananas"})").error().message(), HasSubstr("memory: a size from 1 byte to 1024TiB is needed, as in \"4GiB\", not '4 bananas'"));
  EXPECT_THAT(read(R"({"memory":0})").error().message(), HasSubstr("memory: a size from 1 byte"));
  EXPECT_THAT(read(R"({"a b":1})").error().message(), HasSubstr("a resource's name is"));
  EXPECT_THAT(read(R"(["gpu"])").error().message(), HasSubstr("an object"));
}

TEST(Needs, FitAsOftenAsTheScarcestResourceLets) {
  EXPECT_EQ(times_in({{"gpu", 5}, {"cpu", 100}}, {{"gpu", 2}, {"cpu", 1}}), 2U);
  EXPECT_EQ(times_in({{"cpu", 100}}, {{"gpu", 1}}), 0U) << "what is not named is not there";
  EXPECT_EQ(times_in({}, {}), std::numeric_limits<std::size_t>::max());
}

}  // namespace
}  // namespace conduitd::job
