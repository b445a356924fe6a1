// The context is plain data, serialisable, with synchronous methods in every executor.
#include <conduit/testing.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>

namespace {

using conduit::ContextData;
using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::Options;
using conduit::testing::run;
using namespace std::chrono_literals;

TEST(SdkContext, IsPlainDataThatSurvivesSerialisation) {
  ContextData data;
  data.job_id = "default:01J";
  data.root_id = "default:01A";
  data.task = "images.resize";
  data.queue = "media";
  data.executor = "process";
  data.attempt = 2;
  data.max_attempts = 6;
  data.deadline_ms = 1'700'000'000'123;
  data.metadata = {{"k", {1, 2}}};
  data.last_checkpoint = {{"stage", 1}};
  const std::string text = conduit::to_json(data).dump();
  EXPECT_EQ(Json::parse(text).get<ContextData>(), data);
}

TEST(SdkContext, SaysThingsSynchronouslyInEveryExecutor) {
  for (const auto executor : {conduit::async, conduit::thread, conduit::process}) {
    Options options;
    options.executor = executor;
    options.checkpoint = {{"stage", 4}};
    options.metadata = {{"gone", 1}, {"kept", 2}};
    options.attempt = 3;
    options.max_attempts = 5;
    const auto outcome = run("sample.report", {}, options);
    ASSERT_TRUE(outcome.ok()) << outcome.error;
    ASSERT_EQ(outcome.progress.size(), 2U);
    EXPECT_EQ(outcome.progress[0].fraction, 0.25);
    EXPECT_EQ(outcome.progress[0].message, "begun");
    EXPECT_EQ(outcome.metadata, (Json{{"kept", 2}, {"key", {{"a", 1}}}}));
    ASSERT_EQ(outcome.checkpoints.size(), 1U);
    EXPECT_EQ(outcome.checkpoints[0], (Json{{"stage", 5}}))
        << "the next attempt goes on from the last checkpoint";
    ASSERT_EQ(outcome.logs.size(), 1U);
    EXPECT_EQ(outcome.logs[0].level, conduit::LogLevel::warning);
    EXPECT_EQ(outcome.logs[0].fields, (Json{{"n", 3}}));

    EXPECT_EQ(outcome.result.at("key"), (Json{{"a", 1}}));
    EXPECT_EQ(outcome.result.at("checkpoint"), (Json{{"stage", 5}}));
    const auto data = outcome.result.at("data").get<ContextData>();
    EXPECT_EQ(data.executor, conduit::to_json(executor).text());
    EXPECT_EQ(data.attempt, 3U);
    EXPECT_EQ(data.max_attempts, 5U);
    EXPECT_EQ(data.metadata, outcome.metadata);
  }
}

TEST(SdkContext, SubmitsChildrenAndReturnsTheirIds) {
  const auto outcome = run("sample.submit");
  ASSERT_TRUE(outcome.ok()) << outcome.error;
  EXPECT_EQ(outcome.result, Json("test:submitted-2"));
  ASSERT_EQ(outcome.submits.size(), 2U);
  EXPECT_EQ(outcome.submits[0].dump(), R"({"task":"mail.later","args":[1],"queue":"slow"})");
  EXPECT_EQ(outcome.submits[1].dump(),
            R"({"task":"mail.send","args":{"to":"a"},"delay":"10s","unique":"once"})");
}

TEST(SdkContext, ABlockingSubmitOnAnEventLoopFailsAtOnceAndNamesTheAwaitable) {
  const auto outcome = run("sample.submit_on_loop", {}, {.executor = conduit::async});
  EXPECT_EQ(outcome.kind, Kind::retry);
  EXPECT_EQ(outcome.error_type, "std::logic_error");
  EXPECT_NE(outcome.error.find("async_submit()"), std::string::npos) << outcome.error;
}

TEST(SdkContext, ARefusedSubmitThrowsAndARefusedForgottenOneIsLogged) {
  Options options;
  options.on_submit = [](const Json& job) -> std::string {
    throw std::runtime_error("no room for " + job.at("task").text());
  };
  const auto outcome = run("sample.submit", {}, options);
  EXPECT_EQ(outcome.kind, Kind::retry);
  EXPECT_EQ(outcome.error, "submitting mail.send: no room for mail.send");
  ASSERT_EQ(outcome.logs.size(), 1U);
  EXPECT_EQ(outcome.logs[0].message,
            "a job could not be submitted: mail.later: no room for mail.later");
}

TEST(SdkContext, SeesACancelBeforeTheStartInTheMiddleAndLater) {
  EXPECT_EQ(run("sample.until_cancelled", {}, {.cancel_after = 0ms}).kind, Kind::cancelled);
  EXPECT_EQ(run("sample.until_cancelled", {}, {.cancel_after = 5ms}).kind, Kind::cancelled);
  Options options;
  options.cancel_when = [](const auto& so_far) { return so_far.progress.size() == 3; };
  const auto outcome = run("sample.until_cancelled", {}, options);
  EXPECT_EQ(outcome.kind, Kind::cancelled);
  EXPECT_EQ(outcome.progress.size(), 3U);
}

TEST(SdkContext, CannotBeFoundOutsideATask) {
  EXPECT_THROW(static_cast<void>(conduit::current_context()), std::logic_error);
}

}  // namespace
