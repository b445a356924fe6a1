#include "channel/messages.h"

#include <gtest/gtest.h>

#include <random>

namespace conduitd::channel {
namespace {

Start a_start() {
  Start m;
  m.task = "images.resize";
  m.job_id = "default:01J0";
  m.parent_id = "p";
  m.root_id = "r";
  m.queue = "media";
  m.args = R"({"a":1})";
  m.metadata = "{}";
  m.checkpoint = std::string("\0\xff", 2);
  m.attempt = 3;
  m.max_attempts = 5;
  m.deadline_ms = -1;
  m.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  return m;
}

Outcome an_outcome() {
  Outcome m;
  m.kind = Outcome::Kind::snooze;
  m.payload = "{}";
  m.error_type = "type";
  m.error_message = "message";
  m.after_ms = 1'500;
  m.duration_us = 1LL << 40;
  m.cpu_us = 12;
  m.peak_rss_kib = 13;
  return m;
}

/// Everything the codec must hold for any message: round trip, no prefix accepted, nothing left over accepted.
template <class Message>
void check(const Message& message) {
  const std::string body = encode(message);
  const auto back = decode<Message>(body);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(encode(back.value()), body);
  for (std::size_t size = 0; size < body.size(); ++size) {
    const auto cut = decode<Message>(std::string_view(body).substr(0, size));
    ASSERT_TRUE(cut.has_error()) << "cut at " << size;
    EXPECT_TRUE(cut.error().is(Errc::protocol));
  }
  EXPECT_TRUE(decode<Message>(body + "x").has_error());
}

TEST(Messages, EachComesBackAsItWasAndNoCutIsAccepted_F47) {
  check(a_start());
  check(Cancel{Cancel::Reason::lease_lost});
  check(Ready{42, "no model"});
  check(Progress{0.25, "decoded"});
  check(Metadata{"key", "[1]"});
  check(Log{job::LogLevel::error, 1'700'000'000'000, "line", "{}"});
  check(an_outcome());
  check(Call{9, Call::Kind::submit, "{}"});
  check(Call{0, Call::Kind::conclude, encode(an_outcome())});
  check(Reply{9, false, "refused"});
  check(Verdict{Verdict::Kind::retry, 2'000, "type", "message", "{}"});
  LateHooks late;
  late.start.task = "a.b";
  late.start.args = "[1]";
  late.verdict = {Verdict::Kind::failed, -1, "signal", "killed", R"({"pid":1})"};
  late.duration_us = 17;
  check(late);
  check(Load{"/usr/lib/conduit/plugins", 5'000});
  check(Spawn{1, Executor::process, 4, 1ULL << 33, 64, 10, "0,1", 1});
  check(Spawned{1, -11});
  check(Exited{99, 139});
}

TEST(Messages, KeepEveryMember) {
  const auto start = decode<Start>(encode(a_start()));
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start.value().task, "images.resize");
  EXPECT_EQ(start.value().checkpoint, std::string("\0\xff", 2));
  EXPECT_EQ(start.value().max_attempts, 5u);
  EXPECT_EQ(start.value().deadline_ms, -1);
  EXPECT_EQ(start.value().traceparent, a_start().traceparent);
  const auto outcome = decode<Outcome>(encode(an_outcome()));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome.value().kind, Outcome::Kind::snooze);
  EXPECT_EQ(outcome.value().duration_us, 1LL << 40);
  EXPECT_EQ(decode<Progress>(encode(Progress{0.25, ""})).value().fraction, 0.25);
}

TEST(Messages, RefuseAStringLongerThanTheBody_F47) {
  EXPECT_TRUE(decode<Metadata>(std::string("\xff\xff\xff\xff", 4)).has_error());
}

TEST(Messages, RefuseAnEnumeratorNobodyKnows) {
  EXPECT_TRUE(decode<Cancel>(std::string(1, '\x04')).has_error());
  EXPECT_TRUE(decode<Cancel>(std::string(1, '\x03')).has_value());
  EXPECT_TRUE(decode<Cancel>(std::string(1, '\xff')).has_error());
}

TEST(Messages, SurviveRandomBodies_F46) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string good = encode(a_start());
  for (int round = 0; round < 5'000; ++round) {
    std::string body = good;
    for (int change = 0; change < 4; ++change) body[random() % body.size()] = static_cast<char>(random());
    (void)decode<Start>(body);
    (void)decode<Outcome>(body);
    (void)decode<Log>(body);
    (void)decode<Spawn>(body);
  }
}

TEST(Executor, ItsNamesAreReadBack) {
  for (const auto executor : {Executor::async, Executor::thread, Executor::process}) {
    EXPECT_EQ(parse_executor(to_string(executor)), executor);
  }
  EXPECT_FALSE(parse_executor("fiber"));
}

}  // namespace
}  // namespace conduitd::channel
