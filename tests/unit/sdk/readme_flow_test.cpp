// The README's example of jobs that make jobs does what is said of it.
#include <conduit/testing.hpp>

#include <gtest/gtest.h>

#include <string>

namespace {

using conduit::JobStatus;
using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::run;

TEST(SdkReadme, AFilmIsRenderedInScenesAndJoined) {
  conduit::testing::Options options;
  options.on_submit = [](const Json& job) {
    const std::string task = job.at("task").get<std::string>();
    return task == "film.scene" ? "t:" + std::to_string(job.at("args").at("number").get<int>()) : "t:" + task;
  };
  options.on_wait = [](const std::string& id) {
    conduit::JobEnd out;
    out.id = id;
    out.status = JobStatus::complete;
    out.result = id == "t:film.join" ? "a.mov" : "a-" + id.substr(2) + ".mov";
    return out;
  };
  const auto outcome = run("film.render", {{"id", "a"}, {"scenes", 2}}, options);
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result, Json("a.mov"));
  ASSERT_EQ(outcome.submits.size(), 4U);
  EXPECT_EQ(outcome.submits[2].dump(), R"({"task":"film.join","args":{"files":["a-1.mov","a-2.mov"]},"on_parent_end":"cancel"})");
  EXPECT_EQ(outcome.submits[3].dump(), R"({"task":"film.announce","args":{"film":"a"},"after":["t:film.join"]})");
  EXPECT_EQ(run("film.scene", {{"film", "a"}, {"number", 3}}).result, Json("a-3.mov"));
}

}  // namespace
