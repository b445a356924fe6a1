#include "broker/redis/entry.h"

#include <gtest/gtest.h>

#include <random>

namespace conduitd::broker::redis {
namespace {

TEST(RedisEntry, CommonestHeaderIsEmpty) {
  EXPECT_EQ(encode(header_for(job::NewJob{})), "");
  const auto header = decode_header("");
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->counters.attempts, 0U);
  EXPECT_FALSE(header->retries.has_value());
}

TEST(RedisEntry, HeaderComesBackWhole) {
  Header in;
  in.counters = {3, 2, 1, 4};
  in.ulid = "01J8ZQ4YV7D3N0WQ5T2K6R9XBC";
  in.created_at = from_unix_ms(1'700'000'000'123);
  in.priority = 9;
  in.retries = 0;
  in.timeout = Millis{1'500};
  in.expires_at = from_unix_ms(1'700'000'100'000);
  in.ties = {"a|b%c%B|iX ä", "order|1"};
  in.unique_until = from_unix_ms(77);
  in.unique_waiting = true;
  in.parent_id = "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBD";
  in.root_id = "no | id";
  in.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto out = decode_header(encode(in));
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->counters.attempts, 3U);
  EXPECT_EQ(out->counters.failures, 2U);
  EXPECT_EQ(out->counters.crashes, 1U);
  EXPECT_EQ(out->counters.interruptions, 4U);
  EXPECT_EQ(out->ulid, in.ulid);
  EXPECT_EQ(out->created_at, in.created_at);
  EXPECT_EQ(out->priority, in.priority);
  EXPECT_EQ(out->retries, in.retries);
  EXPECT_EQ(out->timeout, in.timeout);
  EXPECT_EQ(out->expires_at, in.expires_at);
  EXPECT_EQ(out->ties, in.ties);
  EXPECT_EQ(out->unique_until, in.unique_until);
  EXPECT_TRUE(out->unique_waiting);
  EXPECT_EQ(out->parent_id, in.parent_id);
  EXPECT_EQ(out->root_id, in.root_id);
  EXPECT_EQ(out->traceparent, in.traceparent);
  EXPECT_FALSE(out->garbage);
}

TEST(RedisEntry, ValueCannotPassForATag) {
  Header in;
  in.ties.unique = "x|i01J8ZQ4YV7D3N0WQ5T2K6R9XBC";
  EXPECT_EQ(encode(in).find("|i"), std::string::npos) << "the scripts look for it";
}

TEST(RedisEntry, AnIdIsReadAsItWasWritten) {
  Header in;
  in.counters.attempts = 1;
  in.ulid = "a%|B";
  const auto out = decode_header(encode(in));
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->ulid, in.ulid);
}

TEST(RedisEntry, HeaderOfALaterVersionIsRead) {
  const auto header = decode_header("1.0.0.0|zsomething|r3");
  ASSERT_TRUE(header.has_value());
  EXPECT_EQ(header->retries, 3);
}

TEST(RedisEntry, GarbageIsNoHeader) {
  for (const char* text : {"x", "1.2.3", "1.2.3.4.5", "1.2.3.-4", "1.2.3.4||r1", "1.2.3.4|rx", "1.2.3.4|t", "-1.0.0.0",
                           "99999999999.0.0.0"}) {
    EXPECT_FALSE(decode_header(text).has_value()) << text;
  }
}

TEST(RedisEntry, IdLeadsBackToItsPlace) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 1'000; ++i) {
    const Place in{{random() & 0xFFFF'FFFF'FFFFU, random() & 0xFFFF'FFFFU}, static_cast<Lane>(random() % 11),
                   hash_of_task(std::to_string(random()))};
    const auto text = job::to_string(ulid_at(in));
    const auto out = place_of(*job::parse_ulid(text));
    ASSERT_TRUE(out.has_value());
    EXPECT_EQ(out->entry, in.entry);
    EXPECT_EQ(out->lane, in.lane);
    EXPECT_EQ(out->task_hash, in.task_hash);
  }
}

TEST(RedisEntry, IdsSortAsTheEntriesDo) {
  const auto hash = hash_of_task("a.task");
  const auto id = [&](std::uint64_t ms, std::uint64_t seq) { return job::to_string(ulid_at({{ms, seq}, 5, hash})); };
  EXPECT_LT(id(1, 0), id(1, 1));
  EXPECT_LT(id(1, 0xFFFF), id(1, 0x1'0000));
  EXPECT_LT(id(1, 0x1'0000), id(2, 0));
}

TEST(RedisEntry, PlacelessIdLeadsNowhereAndSortsByItsNumber) {
  std::mt19937_64 random(1);
  std::string last;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto ulid = placeless_ulid({1'700'000'000'000, i}, random());
    EXPECT_FALSE(place_of(ulid).has_value());
    EXPECT_LT(last, job::to_string(ulid));
    last = job::to_string(ulid);
  }
}

TEST(RedisEntry, LeaseHandleComesBackWhole) {
  const LeaseHandle in{kFrontLane, {17, 3}, 4, 9, {"u/with/slashes", "3/and/another"}};
  const auto out = decode_handle(encode(in));
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->lane, in.lane);
  EXPECT_EQ(out->entry, in.entry);
  EXPECT_EQ(out->attempts_before, in.attempts_before);
  EXPECT_EQ(out->priority, in.priority);
  EXPECT_EQ(out->ties, in.ties);
  for (const auto limited : {false, true}) {
    for (const auto plain : {false, true}) {
      const auto marked = decode_handle(encode(LeaseHandle{5, {17, 3}, 0, 5, {}, limited, plain}));
      ASSERT_TRUE(marked.has_value());
      EXPECT_EQ(marked->limited, limited);
      EXPECT_EQ(marked->plain, plain);
    }
  }
  for (const char* text : {"", "5", "5/1-1", "5/1-1/0", "x/1-1/0/5/", "5/1/0/5/", "5/1-1/0/10/"}) {
    EXPECT_FALSE(decode_handle(text).has_value()) << text;
  }
}

TEST(RedisEntry, DueMemberAndLaneComeBackWhole) {
  const DueMember in{"01J8ZQ4YV7D3N0WQ5T2K6R9XBC", {"images.resize", 7}};
  const auto out = decode_due(encode(in));
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->ulid, in.ulid);
  EXPECT_EQ(out->lane, in.lane);
  EXPECT_EQ(decode_lane(encode(in.lane)), in.lane);
  EXPECT_FALSE(decode_due("01J8ZQ4YV7D3N0WQ5T2K6R9XBC/7").has_value());
  EXPECT_FALSE(decode_due("short/7/task").has_value());
  EXPECT_FALSE(decode_lane("task/12").has_value());
}

}  // namespace
}  // namespace conduitd::broker::redis
