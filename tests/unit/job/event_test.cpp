#include "job/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "support/result_matchers.h"

namespace conduitd::job {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Subscription sample() {
  Subscription out;
  out.name = "images.receipt";
  out.pattern = "order.*";
  out.task = "images.receipt";
  return out;
}

std::string fault_of(const Subscription& subscription) {
  const auto checked = check(subscription);
  return checked.has_value() ? std::string() : checked.error().message();
}

TEST(EventName, IsSegmentsJoinedByDots) {
  for (const char* good : {"order", "order.placed", "Order_2.a-b.c", "7"}) EXPECT_TRUE(check_event_name(good).has_value()) << good;
  for (const char* bad : {"", ".", "order.", ".order", "a..b", "order.*", "**", "a b", "a/b", "\xc3\xa4", "a\n"}) {
    EXPECT_FALSE(check_event_name(bad).has_value()) << bad;
  }
  EXPECT_OK(check_event_name(std::string(100, 'x')));
  EXPECT_ERRC(Errc::invalid_argument, check_event_name(std::string(101, 'x')));
}

TEST(EventPattern, ThatIsNoneIsRefusedWithWhatIsAllowed) {
  for (const char* good : {"order.placed", "*", "**", "order.*", "*.placed", "**.placed", "a.**.b.*"}) EXPECT_TRUE(check_pattern(good).has_value()) << good;
  for (const char* bad : {"", "order.", ".*", "a..b", "ord*", "order.***", "order.pl*", "a.?", "[ab]", "*order"}) {
    const auto refused = check_pattern(bad);
    ASSERT_FALSE(refused.has_value()) << bad;
    EXPECT_THAT(refused.error().message(), AllOf(HasSubstr(bad), HasSubstr("is no pattern of events"), HasSubstr("* for any one segment"))) << bad;
  }
}

TEST(EventPattern, MatchesOneSegmentByAStarAndAnyNumberByTwo) {
  struct Case {
    const char* pattern;
    const char* name;
    bool matches;
  };
  constexpr std::array kCases{
      Case{"order.placed", "order.placed", true}, Case{"order.placed", "order.paid", false}, Case{"order.placed", "order", false},
      Case{"order", "order.placed", false},       Case{"order.*", "order.placed", true},     Case{"order.*", "order", false},
      Case{"order.*", "order.a.b", false},        Case{"*.placed", "order.placed", true},    Case{"*", "order", true},
      Case{"*", "order.placed", false},           Case{"**", "order", true},                 Case{"**", "a.b.c.d", true},
      Case{"order.**", "order", true},            Case{"order.**", "order.a.b", true},       Case{"order.**", "orders.a", false},
      Case{"**.placed", "placed", true},          Case{"**.placed", "a.b.placed", true},     Case{"**.placed", "a.placed.b", false},
      Case{"a.**.z", "a.z", true},                Case{"a.**.z", "a.b.z.c.z", true},         Case{"a.**.z", "a.b", false},
      Case{"a.**.b.**.c", "a.b.x.b.y.c", true},   Case{"**.*", "a", true},                   Case{"**.*.*", "a", false},
      Case{"Order.*", "order.placed", false},
  };
  for (const auto& one : kCases) EXPECT_EQ(matches(one.pattern, one.name), one.matches) << one.pattern << " " << one.name;
}

TEST(EventPattern, OfManyStarsIsMatchedInReasonableTime) {
  std::string pattern = "**";
  std::string name = "a";
  for (int i = 0; i < 16; ++i) pattern += ".a.**";
  for (int i = 0; i < 45; ++i) name += ".a";
  pattern += ".b";
  EXPECT_FALSE(matches(pattern, name));
}

TEST(Subscription, IsKeptAsItIs) {
  auto all = sample();
  all.queue = "media";
  all.batch = 7;
  all.batch_within = Millis{1'500};
  all.key = "/user/id";
  const auto back = subscription_from(all.name, encode(all));
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(back.value(), all);
  auto other = sample();
  other.debounce = Millis{5};
  other.debounce_max = Millis{50};
  other.whole = true;
  const auto again = subscription_from(other.name, encode(other));
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(again.value(), other);
  for (const char* broken : {"", "{}", "[]", R"({"event":"a..b","task":"t","queue":"q"})", R"({"event":"a","task":"t t","queue":"q"})"}) {
    EXPECT_FALSE(subscription_from("x", broken).has_value()) << broken;
  }
}

TEST(Subscription, ThatCannotBeIsRefusedByTheMemberAtFault) {
  EXPECT_EQ(fault_of(sample()), "");
  const auto with = [](const std::function<void(Subscription&)>& change) {
    auto out = sample();
    change(out);
    return fault_of(out);
  };
  EXPECT_THAT(with([](auto& s) { s.task = "a b"; }), HasSubstr("task"));
  EXPECT_THAT(with([](auto& s) { s.queue = ""; }), HasSubstr("queue"));
  EXPECT_THAT(with([](auto& s) { s.batch = 5; }), HasSubstr("batch_within is needed"));
  EXPECT_THAT(with([](auto& s) { s.batch_within = Millis{5}; }), HasSubstr("goes with batch"));
  EXPECT_THAT(with([](auto& s) { s.batch = 1'001; }), HasSubstr("1 to 1000"));
  EXPECT_THAT(with([](auto& s) { s.debounce_max = Millis{5}; }), HasSubstr("goes with debounce"));
  EXPECT_THAT(with([](auto& s) { s.debounce = Millis{9}, s.debounce_max = Millis{5}; }), HasSubstr("shorter than debounce"));
  EXPECT_THAT(with([](auto& s) { s.debounce = Millis{9}, s.batch = 5, s.batch_within = Millis{5}; }), HasSubstr("one of the two"));
  EXPECT_THAT(with([](auto& s) { s.debounce = Millis{-1}; }), HasSubstr("debounce"));
  EXPECT_THAT(with([](auto& s) { s.key = "/a"; }), HasSubstr("key goes with"));
}

TEST(Event, OfWhichTheJobIsMadeGivesItItsPayload) {
  const auto args = [](const char* payload) { return job_for(sample(), Event{"id", "order.placed", {}, payload}).args; };
  EXPECT_EQ(args(R"({"a":  1})"), R"({"a":  1})");
  EXPECT_EQ(args(" [1, 2]"), "[1, 2]");
  EXPECT_EQ(args("\"x\""), "[\"x\"]");
  EXPECT_EQ(args("null"), "{}");
  EXPECT_EQ(args("3.5"), "[3.5]");
  auto whole = sample();
  whole.whole = true;
  EXPECT_EQ(job_for(whole, Event{"E", "order.placed", from_unix_ms(1'000), "3"}).args,
            R"({"event":{"id":"E","name":"order.placed","time":"1970-01-01T00:00:01.000Z","payload":3}})");
}

TEST(Event, IsReadBackWithThePayloadsOwnBytes) {
  const Event event{"01J", "order.placed", from_unix_ms(1'234), R"({"b": [1,  2]})"};
  const auto back = event_from(encode(event));
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(back.value().payload, event.payload);
  EXPECT_EQ(back.value().time, event.time);
  EXPECT_EQ(back.value().id, event.id);
  EXPECT_ERRC(Errc::protocol, event_from("{}"));
  EXPECT_ERRC(Errc::protocol, event_from("x"));
}

TEST(Event, OfABatchAreNoMoreThanArgumentsHold) {
  EXPECT_EQ(fitting({10, 10, 10}, 2), 2U);
  EXPECT_EQ(fitting({10}, 5), 1U);
  EXPECT_EQ(fitting({2'000'000, 10}, 5), 1U) << "one at least";
  EXPECT_EQ(fitting({600'000, 400'000, 100'000}, 5), 2U);
  EXPECT_EQ(fitting({}, 5), 0U);
}

TEST(Event, TakenFromJsonIsCheckedMemberByMember) {
  const auto good = read_event(R"({"event":"order.placed","payload":{"n": 1},"idempotency_key":"k"})");
  ASSERT_TRUE(good.has_value()) << good.error().message();
  EXPECT_EQ(good.value().payload, R"({"n": 1})");
  EXPECT_EQ(good.value().idempotency_key, "k");
  EXPECT_EQ(read_event(R"({"event":"a"})").value().payload, "{}");
  for (const auto& [text, what] : {std::pair("[]", "an event is a JSON object"), {R"({"event":"a."})", "is no event"}, {R"({"event":7})", "event: a text"},
                                   {R"({})", "is no event"}, {R"({"event":"a","args":1})", "unknown member 'args'"},
                                   {R"({"event":"a","traceparent":"x"})", "traceparent"}, {"{", ""}}) {
    const auto refused = read_event(text);
    ASSERT_FALSE(refused.has_value()) << text;
    EXPECT_THAT(refused.error().message(), HasSubstr(what)) << text;
  }
}

TEST(Event, ThatIsTooLargeOrDeepForAJobIsRefused) {
  NewEvent event;
  event.name = "a";
  event.payload = '"' + std::string(1'048'576 - 2, 'x') + '"';
  EXPECT_FALSE(check(event).has_value()) << "there must be room for what is put around it";
  event.payload = std::string(62, '[') + std::string(62, ']');
  EXPECT_ERRC(Errc::invalid_argument, check(event));
  event.payload = std::string(60, '[') + std::string(60, ']');
  EXPECT_OK(check(event));
}

}  // namespace
}  // namespace conduitd::job
