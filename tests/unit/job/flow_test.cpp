// Jobs of one submit that run after one another.
#include "job/flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::job {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<Request> requests(const std::string& json) { return test::must(read_requests(json)); }

std::string refusal(const std::string& json) {
  auto read = read_requests(json);
  if (!read.has_value()) return read.error().message();
  const auto waves = waves_of(read.value());
  return waves.has_value() ? "accepted" : waves.error().message();
}

TEST(Flow, JobsThatNameNoOthersAreOneWave) {
  EXPECT_THAT(test::must(waves_of(requests(R"([{"task":"a"},{"task":"b"},{"task":"c"}])"))), ElementsAre(ElementsAre(0, 1, 2)));
  EXPECT_THAT(test::must(waves_of({})), IsEmpty());
}

TEST(Flow, AWaveFollowsWhenAllBeforeItAreKnown) {
  auto jobs = requests(R"([{"task":"end","after":["left","right"]},{"task":"a","ref":"first"},{"task":"b","ref":"left","after":"first"},
    {"task":"c","ref":"right","after":["first"]},{"task":"d"}])");
  const auto waves = test::must(waves_of(jobs));
  ASSERT_THAT(waves, ElementsAre(ElementsAre(1, 4), ElementsAre(2, 3), ElementsAre(0)));
  std::vector<std::string> ids(5);
  ids[1] = "default:first";
  resolve_refs(jobs, waves[1], ids);
  EXPECT_THAT(jobs[2].job.after, ElementsAre("default:first"));
  EXPECT_THAT(jobs[2].after_refs, IsEmpty());
  ids[2] = "default:left";
  ids[3] = "default:right";
  auto same = jobs;
  resolve_refs(jobs, waves[2], ids);
  EXPECT_THAT(jobs[0].job.after, ElementsAre("default:left", "default:right"));
  ids[3] = ids[2];
  resolve_refs(same, waves[2], ids);
  EXPECT_THAT(same[0].job.after, ElementsAre("default:left")) << "two names of one job";
}

TEST(Flow, CirclesAndNamesOfNobodyAreRefused) {
  EXPECT_THAT(refusal(R"([{"task":"a","ref":"x","after":"y"},{"task":"b","ref":"y","after":"x"}])"), HasSubstr("'x' leads back to itself"));
  EXPECT_THAT(refusal(R"({"task":"a","ref":"x","after":"x"})"), HasSubstr("circle"));
  EXPECT_THAT(refusal(R"({"task":"a","after":"nobody"})"), HasSubstr("'nobody' is neither a job id nor the ref"));
  EXPECT_THAT(refusal(R"([{"task":"a","ref":"x"},{"task":"b","ref":"x"}])"), HasSubstr("'x': two jobs have it"));
  EXPECT_THAT(refusal(R"({"task":"a","ref":"not a name"})"), HasSubstr("ref"));
  EXPECT_THAT(refusal(R"({"task":"a","after":7})"), HasSubstr("after: a job's id or ref"));
  EXPECT_THAT(refusal(R"({"task":"a","after":"default:nonsense"})"), HasSubstr("after"));
  EXPECT_THAT(refusal(R"({"task":"a","after":"x","delay":"1s"})"), HasSubstr("not both"));
  EXPECT_THAT(refusal(R"({"task":"a","after_rule":"maybe"})"), HasSubstr("complete, ended"));
  EXPECT_THAT(refusal(R"({"task":"a","after_rule":"ended"})"), HasSubstr("after_rule: it says how the jobs of after must have ended"));
}

TEST(Flow, TheRefOfAJobThatCannotBeReadIsToldIfThereIsOne) {
  EXPECT_EQ(ref_of(R"({"ref":"x","wrong":1})"), "x");
  EXPECT_EQ(ref_of(R"({"ref":7})"), "");
  EXPECT_EQ(ref_of("[1]"), "");
  EXPECT_EQ(ref_of("7"), "");
  EXPECT_EQ(ref_of(R"({"ref":"x")"), std::nullopt);
}

TEST(Flow, IdsGoThroughJson) {
  const std::vector<std::string> ids{"default:a", "b:c"};
  EXPECT_EQ(ids_from_json(ids_to_json(ids)), ids);
  EXPECT_EQ(ids_to_json({}), "[]");
  EXPECT_THAT(ids_from_json(""), IsEmpty());
  EXPECT_THAT(ids_from_json("{broken"), IsEmpty());
}

}  // namespace
}  // namespace conduitd::job
