#include "broker/redis/record.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace conduitd::broker::redis {
namespace {

Tail a_tail() {
  Tail out;
  out.attempt = {2, from_unix_ms(1'700'000'000'000), Millis{12}, "w1", "retry", job::Failure{"std::runtime_error", "it | failed\n", R"({"code":7})"}};
  out.result = R"({"a":"|"})";
  return out;
}

TEST(RedisRecord, TailComesBackWhole) {
  const auto in = a_tail();
  const auto out = decode_tail(encode(in), 2);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->result, in.result);
  EXPECT_EQ(out->attempt.attempt, 2U);
  EXPECT_EQ(out->attempt.outcome, "retry");
  EXPECT_EQ(out->attempt.started_at, in.attempt.started_at);
  EXPECT_EQ(out->attempt.duration, in.attempt.duration);
  EXPECT_EQ(out->attempt.worker, "w1");
  ASSERT_TRUE(out->attempt.failure.has_value());
  EXPECT_EQ(out->attempt.failure->message, "it | failed\n");
  EXPECT_EQ(out->attempt.failure->detail, R"({"code":7})");
}

TEST(RedisRecord, FinalRecordIsReadAsTheScriptsWriteIt) {
  const std::string header = "2.1.0.0|r3";
  const std::string args = R"({"x":"|"})";
  const auto tail = encode(a_tail());
  const auto text = fmt::format("2|w1|failed|exhausted|1700000000500|a.task|7|{}|{}|{}{}{}", header.size(), args.size(), header, args, tail);
  const auto out = decode_record(text);
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->seen, "2|w1|failed|exhausted|1700000000500|");
  EXPECT_EQ(out->attempt, 2U);
  EXPECT_EQ(out->status, job::JobStatus::failed);
  EXPECT_EQ(out->reason, job::FailureReason::exhausted);
  EXPECT_EQ(out->task, "a.task");
  EXPECT_EQ(out->lane, 7);
  EXPECT_EQ(out->header.retries, 3);
  EXPECT_EQ(out->args, args);
  EXPECT_EQ(out->tail, tail);
}

TEST(RedisRecord, CutRecordIsNone) {
  const std::string text = "1|w|complete|none|5|a.task|5|0|2|{}" + encode(a_tail());
  ASSERT_TRUE(decode_record(text).has_value());
  for (std::size_t size = 0; size < 34; ++size) EXPECT_FALSE(decode_record(text.substr(0, size)).has_value()) << size;
  for (std::size_t size = 0; size < encode(a_tail()).size(); ++size) {
    EXPECT_FALSE(decode_tail(encode(a_tail()).substr(0, size), 1).has_value()) << size;
  }
}

TEST(RedisRecord, LogLineComesBackWhole) {
  const job::LogLine in{from_unix_ms(5), 3, job::LogLevel::warning, "a | b\n", R"({"k":1})"};
  const auto out = decode_log(encode(in));
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->time, in.time);
  EXPECT_EQ(out->attempt, in.attempt);
  EXPECT_EQ(out->level, in.level);
  EXPECT_EQ(out->message, in.message);
  EXPECT_EQ(out->fields, in.fields);
  EXPECT_FALSE(decode_log("1|1|9|1|x").has_value());
  EXPECT_FALSE(decode_log("garbage").has_value());
}

TEST(RedisRecord, GarbageArgumentsAreShownAsAString) {
  EXPECT_EQ(shown_args("{}", false), "{}");
  EXPECT_TRUE(validate_json(shown_args("what\xff \"is\" this", true)).has_value());
}

}  // namespace
}  // namespace conduitd::broker::redis
