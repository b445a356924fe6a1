// Waiting for jobs, as an author tests it: tests/plugins/family.cpp with no daemon and no broker.
#include <conduit/testing.hpp>

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace {

using conduit::JobEnd;
using conduit::JobStatus;
using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::Options;
using conduit::testing::run;

JobEnd ended(const std::string& id, JobStatus status, Json result = {}) {
  JobEnd out;
  out.id = id;
  out.status = status;
  out.result = std::move(result);
  if (status == JobStatus::failed) out.failure = conduit::JobFailure{"std::runtime_error", "no luck", {}};
  return out;
}

/// The blocking form and the awaitable one.
class SdkFlow : public testing::TestWithParam<std::string> {
 protected:
  [[nodiscard]] std::string task(const std::string& name) const { return "family." + GetParam() + name; }
};
INSTANTIATE_TEST_SUITE_P(Each, SdkFlow, testing::Values("", "async_"),
                         [](const auto& param) { return param.param.empty() ? "Blocking" : "Awaitable"; });

TEST_P(SdkFlow, MapSubmitsAJobForEachAndGivesTheResultsInOrder) {
  Options options;
  options.on_submit = [](const Json& job) { return "t:" + std::to_string(job.at("args").at("n").get<int>()); };
  options.on_wait = [](const std::string& id) { return ended(id, JobStatus::complete, std::stoi(id.substr(2)) + 1); };
  const auto outcome = run(task("fan"), {{"count", 1200}, {"once", "x"}}, options);
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.at("sum"), Json(1200 * 1201 / 2));
  ASSERT_EQ(outcome.submits.size(), 1200U);
  EXPECT_EQ(outcome.submits[7].dump(),
            R"({"task":"family.leaf","args":{"n":7,"fail":false,"ms":0},"idempotency_key":"test:1/x/7","on_parent_end":"cancel"})");
}

TEST_P(SdkFlow, TheFirstFailureCancelsTheOthersAndIsThrown) {
  Options options;
  options.on_wait = [](const std::string& id) {
    return ended(id, id == "test:submitted-2" ? JobStatus::failed : JobStatus::complete, 1);
  };
  const auto outcome = run(task("fan"), {{"count", 3}}, options);
  EXPECT_EQ(outcome.kind, Kind::retry);
  EXPECT_EQ(outcome.error_type, "conduit::ChildFailed");
  EXPECT_EQ(outcome.error, "job test:submitted-2 ended as failed: no luck");
  EXPECT_EQ(outcome.cancels.size(), 3U) << "those that have ended are left as they are";
}

TEST_P(SdkFlow, CollectedFailuresAreInTheResult) {
  Options options;
  options.on_wait = [](const std::string& id) {
    return ended(id, id == "test:submitted-2" ? JobStatus::failed : JobStatus::complete, 1);
  };
  const auto outcome = run(task("fan"), {{"count", 3}, {"collect", true}}, options);
  EXPECT_EQ(outcome.result.dump(), R"({"sum":2,"failed":1})") << outcome.error;
  EXPECT_TRUE(outcome.cancels.empty());
}

TEST_P(SdkFlow, TheFirstOfAnyIsGivenAndOthersCanBeCancelled) {
  const auto outcome = run(task("first"));
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.cancels, (std::vector<std::string>{"test:submitted-2"}));
}

TEST_P(SdkFlow, ABatchHasItsCallbacksAfterAllOfItsJobs) {
  const auto outcome = run(task("batch"), {{"count", 2}, {"once", "x"}});
  ASSERT_EQ(outcome.kind, Kind::complete) << outcome.error;
  EXPECT_EQ(outcome.result.dump(), R"({"jobs":["test:submitted-1","test:submitted-2"],"on_success":"test:submitted-3","on_complete":"test:submitted-4"})");
  ASSERT_EQ(outcome.submits.size(), 4U);
  EXPECT_EQ(outcome.submits[1].dump(), R"({"task":"family.leaf","args":{"n":1,"fail":false},"idempotency_key":"test:1/x/1"})");
  EXPECT_EQ(outcome.submits[2].at("args").dump(), R"({"batch":2})");
  EXPECT_EQ(outcome.submits[2].at("after").dump(), R"(["test:submitted-1","test:submitted-2"])");
  EXPECT_EQ(outcome.submits[2].at("after_rule"), Json("complete"));
  EXPECT_EQ(outcome.submits[2].at("idempotency_key"), Json("test:1/x/on_success"));
  EXPECT_EQ(outcome.submits[3].at("after_rule"), Json("ended"));
}

TEST_P(SdkFlow, ABatchOfMoreThanARequestAndOneOfNone) {
  const auto many = run(task("batch"), {{"count", 1'200}});
  ASSERT_EQ(many.submits.size(), 1'202U) << many.error;
  EXPECT_EQ(many.result.at("jobs").size(), 1'200U);
  EXPECT_EQ(many.submits[1'201].at("after").size(), 1'200U);
  EXPECT_EQ(many.submits[1'201].at("after").at(1'199), Json("test:submitted-1200"));
  const auto none = run(task("batch"), {{"count", 0}});
  ASSERT_EQ(none.submits.size(), 2U) << none.error;
  EXPECT_EQ(none.submits[0].at("args").dump(), R"({"batch":0})");
  EXPECT_EQ(none.submits[0].find("after_rule"), nullptr) << "it runs at once";
}

TEST_P(SdkFlow, ABatchOfTooManyIsRefusedBeforeAnythingIsSubmitted) {
  const auto outcome = run(task("batch"), {{"count", 10'001}});
  EXPECT_EQ(outcome.error_type, "std::invalid_argument");
  EXPECT_EQ(outcome.error.find("10001 jobs, and a callback runs after at most 10,000"), 0U) << outcome.error;
  EXPECT_TRUE(outcome.submits.empty());
}

TEST_P(SdkFlow, WhatRefusesAWaitIsThrown) {
  Options options;
  options.on_wait = [](const std::string& id) -> JobEnd { throw std::runtime_error("wait: there is no job " + id); };
  EXPECT_EQ(run(task("await"), {{"id", "a:b"}}, options).result, Json("waiting for a job: wait: there is no job a:b"));
}

TEST_P(SdkFlow, AJobWhoseRecordIsGoneIsUnknown) {
  Options options;
  options.on_wait = [](const std::string& id) {
    JobEnd out;
    out.id = id;
    return out;
  };
  EXPECT_EQ(run(task("await"), {{"id", "a:b"}}, options).result, Json("unknown"));
}

TEST_P(SdkFlow, WhatAJobRanAfterIsKnown) {
  Options options;
  options.after = {"a:1", "a:2"};
  options.on_wait = [](const std::string& id) { return ended(id, id == "a:1" ? JobStatus::complete : JobStatus::expired, 7); };
  EXPECT_EQ(run(task("gather"), {}, options).result.dump(), R"([{"status":"complete","result":7},{"status":"expired","result":null}])");
  EXPECT_EQ(run(task("gather")).result.dump(), "[]");
}

TEST(SdkFlowOnLoop, WhatBlocksIsRefusedAndTheAwaitableNamed) {
  for (const auto& [task, name] : std::map<std::string, std::string>{
           {"family.fan", "async_map"}, {"family.first", "async_submit_all"}, {"family.batch", "async_submit_batch"}, {"family.gather", "async_after"}}) {
    const auto outcome = run(task, {}, {.executor = conduit::async});
    EXPECT_EQ(outcome.error_type, "std::logic_error");
    EXPECT_NE(outcome.error.find(name + "()"), std::string::npos) << outcome.error;
  }
}

TEST(SdkFlowValues, TheResultOfAJobThatFailedIsAnException) {
  EXPECT_EQ(ended("a:b", JobStatus::complete, 3).value(), Json(3));
  EXPECT_THROW(static_cast<void>(ended("a:b", JobStatus::cancelled).value()), conduit::ChildFailed);
}

}  // namespace
