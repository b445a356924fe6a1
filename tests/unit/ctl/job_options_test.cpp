#include "ctl/job_options.h"

#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::ctl {
namespace {

using namespace std::chrono_literals;

JobOptions named(std::string task) {
  JobOptions options;
  options.task = std::move(task);
  return options;
}

std::string fault_of(const JobOptions& options) {
  const auto made = make_request(options, {});
  return made.has_value() ? "no fault" : made.error().message();
}

TEST(JobOptions, LeaveTheDefaultsWhereNothingIsGiven) {
  ASSERT_OK_AND_ASSIGN(const auto request, make_request(named("hello.greet"), {}));
  EXPECT_EQ(request.job.task, "hello.greet");
  EXPECT_EQ(request.job.args, "{}");
  EXPECT_EQ(request.job.priority, 5);
  EXPECT_FALSE(request.names_queue);
}

TEST(JobOptions, TakeJobsToRunAfterOneByOneOrWithCommas) {
  const std::string a = "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC";
  const std::string b = "other:01J8ZQ4YV7D3N0WQ5T2K6R9XBD";
  auto options = named("a.b");
  options.after = {a + "," + b, a};
  options.after_rule = "ended";
  ASSERT_OK_AND_ASSIGN(const auto request, make_request(options, {}));
  EXPECT_EQ(request.job.after, (std::vector<std::string>{a, b}));
  EXPECT_EQ(request.job.after_rule, job::AfterRule::ended);
  options.after = {a + ","};
  EXPECT_NE(fault_of(options).find("after"), std::string::npos);
  options.after = {a};
  options.after_rule = "never";
  EXPECT_NE(fault_of(options).find("'never' is not allowed: one of complete, ended"), std::string::npos) << fault_of(options);
  options.after_rule = "complete";
  options.delay = "1m";
  EXPECT_NE(fault_of(options).find("after: "), std::string::npos);
  options.after.clear();
  EXPECT_NE(fault_of(options).find("after-rule: "), std::string::npos);
}

TEST(JobOptions, AreAllTaken) {
  auto options = named("a.b");
  options.args = R"({ "x" : 1.0 })";
  options.queue = "media";
  options.delay = "10s";
  options.expires = "1h";
  options.timeout = "500ms";
  options.unique = "key";
  options.unique_window = "1h";
  options.unique_states = "waiting";
  options.on_conflict = "replace";
  options.idempotency_key = "order-1";
  options.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  options.priority = 9;
  options.weight = 3;
  options.retries = 0;
  ASSERT_OK_AND_ASSIGN(const auto request, make_request(options, {}));
  EXPECT_EQ(request.job.args, R"({ "x" : 1.0 })");
  EXPECT_TRUE(request.names_queue);
  EXPECT_EQ(request.job.queue, "media");
  EXPECT_EQ(request.job.delay, 10s);
  EXPECT_EQ(request.job.expires, 1h);
  EXPECT_EQ(request.job.timeout, 500ms);
  EXPECT_EQ(request.job.unique, "key");
  EXPECT_EQ(request.job.unique_window, 1h);
  EXPECT_EQ(request.job.unique_states, job::UniqueStates::waiting);
  EXPECT_EQ(request.job.on_conflict, job::OnConflict::replace);
  EXPECT_EQ(request.job.idempotency_key, "order-1");
  EXPECT_EQ(request.job.traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  EXPECT_EQ(request.job.priority, 9);
  EXPECT_EQ(request.job.weight, 3U);
  EXPECT_EQ(request.job.retries, 0);
}

TEST(JobOptions, TakeATimeWithAnOffset) {
  auto options = named("a.b");
  options.at = "2026-01-31T09:30:00+01:00";
  ASSERT_OK_AND_ASSIGN(const auto request, make_request(options, {}));
  EXPECT_EQ(to_unix_ms(*request.job.at), 1'769'848'200'000);
}

TEST(JobOptions, NameTheOptionThatIsWrong) {
  auto options = named("a.b");
  options.delay = "soon";
  EXPECT_TRUE(fault_of(options).starts_with("delay: 'soon' is not a duration")) << fault_of(options);
  options = named("a.b");
  options.at = "tomorrow";
  EXPECT_TRUE(fault_of(options).starts_with("at: 'tomorrow' is not a time")) << fault_of(options);
  options = named("a.b");
  options.traceparent = "";
  EXPECT_EQ(fault_of(options), "traceparent: an empty one is not allowed");
  options.traceparent = "abc";
  EXPECT_TRUE(fault_of(options).starts_with("traceparent 'abc': VERSION-TRACE-PARENT-FLAGS")) << fault_of(options);
  options = named("a.b");
  options.priority = 10;
  EXPECT_EQ(fault_of(options), "priority 10: 0 to 9 are allowed");
  options = named("a.b");
  options.retries = -1;
  EXPECT_EQ(fault_of(options), "retries -1: 0 to 1000000 are allowed");
  options = named("a.b");
  options.priority = 1LL << 40;
  EXPECT_NE(fault_of(options), "no fault");
  options = named("no spaces");
  EXPECT_TRUE(fault_of(options).starts_with("'no spaces' is not a task name")) << fault_of(options);
  options = named("a.b");
  options.unique = "";
  EXPECT_EQ(fault_of(options), "unique: an empty key is not allowed");
  options.unique = "key";
  options.on_conflict = "replaces";
  EXPECT_EQ(fault_of(options), "on-conflict: 'replaces' is not allowed: one of existing, reject, replace");
  options.on_conflict = "reject";
  EXPECT_EQ(fault_of(options), "no fault");
  options.unique.reset();
  EXPECT_EQ(fault_of(options), "unique_window, unique_states and on_conflict go with unique: a key is needed");
}

TEST(JobOptions, RefuseADelayAndATimeTogether) {
  auto options = named("a.b");
  options.delay = "10s";
  options.at = "2026-01-31T09:30:00Z";
  EXPECT_EQ(fault_of(options), "at: delay is given too; only one of them is allowed");
}

TEST(JobOptions, SayWhereTheArgumentsAreNoJson) {
  auto options = named("a.b");
  options.args = R"({"x": })";
  EXPECT_TRUE(fault_of(options).starts_with("args: JSON does not parse at byte 6")) << fault_of(options);
  options.args = "";
  EXPECT_TRUE(fault_of(options).starts_with("args: JSON does not parse at byte 0")) << fault_of(options);
  options.args = "17";
  EXPECT_TRUE(fault_of(options).starts_with("args: a JSON object")) << fault_of(options);
  options.args = "[\"\xFF\"]";
  EXPECT_TRUE(fault_of(options).starts_with("args: JSON is not valid UTF-8")) << fault_of(options);
  options.args = std::string(200'000, '[');
  EXPECT_TRUE(fault_of(options).starts_with("args: JSON is nested too deeply")) << fault_of(options);
}

TEST(JobOptions, NameTheWeightThatIsRefused) {
  JobOptions options;
  options.task = "a.b";
  options.weight = -3;
  const auto made = make_request(options, {});
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(made.error().message().find("-3 is not allowed: 1 to 1000000 are"), std::string::npos) << made.error().message();
}

}  // namespace
}  // namespace conduitd::ctl
