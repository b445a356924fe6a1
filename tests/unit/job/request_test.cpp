#include "job/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::job {
namespace {

TEST(ReadRequest, ReadsEveryMember) {
  ASSERT_OK_AND_ASSIGN(const auto request,
                       read_request(R"({"task":"a.b","args":{ "x": 1.0 },"queue":"q","delay":"10s","at":"2026-01-31T09:30:00Z",)"
                                    R"("priority":9,"unique":"u","unique_window":"1h","unique_states":"waiting","on_conflict":"reject",)"
                                    R"("idempotency_key":"i","expires":60000,"retries":0,"timeout":"1m",)"
                                    R"("traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})"));
  const NewJob& job = request.job;
  EXPECT_EQ(job.task, "a.b");
  EXPECT_EQ(job.args, R"({ "x": 1.0 })") << "the producer's own bytes";
  EXPECT_EQ(job.queue, "q");
  EXPECT_TRUE(request.names_queue);
  EXPECT_EQ(job.delay, Millis(10'000));
  EXPECT_EQ(job.at, from_unix_ms(1'769'851'800'000));
  EXPECT_EQ(job.priority, 9);
  EXPECT_EQ(job.unique, "u");
  EXPECT_EQ(job.unique_window, Millis(3'600'000));
  EXPECT_EQ(job.unique_states, UniqueStates::waiting);
  EXPECT_EQ(job.on_conflict, OnConflict::reject);
  EXPECT_EQ(job.idempotency_key, "i");
  EXPECT_EQ(job.expires, Millis(60'000));
  EXPECT_EQ(job.retries, 0);
  EXPECT_EQ(job.timeout, Millis(60'000));
  EXPECT_EQ(job.traceparent, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
}

TEST(ReadRequest, ATaskAloneIsEnough) {
  ASSERT_OK_AND_ASSIGN(const auto request, read_request(R"({"task":"t"})"));
  EXPECT_EQ(request.job.args, "{}");
  EXPECT_FALSE(request.names_queue);
}

TEST(ReadRequest, SaysWhatIsWrongAndWhere) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "JSON does not parse at byte 0"},
      {"[]", "a job is a JSON object"},
      {"\"t\"", "a job is a JSON object"},
      {"{}", "task: the name of a task is needed"},
      {R"({"task":5})", "task: a string is needed"},
      {R"({"task":"t","args":5})", "args: a JSON object"},
      {R"({"task":"t","delay":true})", "delay: a duration such as \"10s\" is needed"},
      {R"({"task":"t","delay":"soon"})", "delay: 'soon' is not a duration"},
      {R"({"task":"t","delay":9223372036854775807})", "delay: a duration from zero to a century"},
      {R"({"task":"t","at":"tomorrow"})", "at: 'tomorrow' is not a time"},
      {R"({"task":"t","priority":"high"})", "priority: a whole number is needed"},
      {R"({"task":"t","priority":4294967301})", "priority: a whole number is needed"},
      {R"({"task":"t","unique":"u","on_conflict":"replaces"})", "on_conflict: one of existing, reject, replace is needed"},
      {R"({"task":"t","on_conflict":"replace"})", "unique_window, unique_states and on_conflict go with unique: a key is needed"},
      {R"({"task":"t","traceparent":7})", "traceparent: a string is needed"},
      {R"({"task":"t","traceparent":"00-1-2-01"})", "traceparent '00-1-2-01': VERSION-TRACE-PARENT-FLAGS"},
      {R"({"task":"t","retires":1})", "unknown member 'retires' (did you mean 'retries'?)"},
      {R"({"task":"t")", "JSON does not parse at byte 11"}};
  for (const auto& [text, message] : table) {
    const auto read = read_request(text);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_THAT(read.error().message(), testing::StartsWith(message)) << text;
  }
}

TEST(ReadRequest, TheLargestArgumentsFitWithTheirOptions) {
  const std::string largest = "[\"" + std::string(1024 * 1024 - 4, 'x') + "\"]";
  EXPECT_OK(read_request(R"({"task":"t","unique":"u","args":)" + largest + "}"));
  EXPECT_ERRC(Errc::invalid_argument, read_request(R"({"task":"t","args":[1,)" + largest + "]}"));
}

TEST(ReadRequests, TakesOneOrMany) {
  EXPECT_EQ(test::must(read_requests(R"({"task":"a"})")).size(), 1U);
  EXPECT_EQ(test::must(read_requests(R"( [{"task":"a"}, {"task":"b"}])"))[1].job.task, "b");
  EXPECT_TRUE(test::must(read_requests("[]")).empty());
  const auto second = read_requests(R"([{"task":"a"},{"tsk":"b"}])");
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().message(), testing::StartsWith("job 1: unknown member 'tsk'"));
}

}  // namespace
}  // namespace conduitd::job
