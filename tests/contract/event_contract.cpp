// Events: a job for each that subscribes, whoever is there to run it; what is collected, for how long, and that none is lost or doubled.

#include <algorithm>

#include "base/text.h"
#include "broker_contract.h"

namespace conduitd::test {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

job::Subscription on(const std::string& pattern, const std::string& name = "s", const std::string& task = "test.task") {
  job::Subscription out;
  out.name = name;
  out.pattern = pattern;
  out.task = task;
  return out;
}

job::Subscription debounced(Millis quiet, Millis most = Millis{0}) {
  auto out = on("order.*");
  out.debounce = quiet;
  out.debounce_max = most;
  return out;
}

job::Subscription batched(std::uint32_t most, Millis within) {
  auto out = on("order.*");
  out.batch = most;
  out.batch_within = within;
  return out;
}

job::NewEvent event(const std::string& name, const std::string& payload = "{}") {
  job::NewEvent out;
  out.name = name;
  out.payload = payload;
  return out;
}

std::vector<std::string> subscribers(const broker::Triggered& triggered) {
  std::vector<std::string> out;
  for (const auto& delivery : triggered.deliveries) out.push_back(delivery.subscription);
  return out;
}

std::vector<std::string> args(const std::vector<job::Claim>& claims) {
  std::vector<std::string> out;
  for (const auto& claim : claims) out.push_back(claim.args);
  return out;
}

/// The payloads in the arguments of a batch's job, in order.
std::vector<std::string> payloads(const std::string& args) {
  std::vector<std::string> out;
  const auto json = must(parse_json(args));
  for (const auto& one : *json.find("events")->as_array()) out.push_back(one.find("payload")->text());
  return out;
}

}  // namespace

TEST_P(BrokerContract, EventMakesAJobForEachSubscriptionThatMatches) {
  auto& c = connect("w1");
  auto elsewhere = on("**", "all");
  elsewhere.queue = "other";
  elsewhere.task = "other.task";
  subscribe(c, {on("order.placed", "one"), on("order.*", "two"), elsewhere, on("order", "none"), on("*.*.*", "neither")});
  const auto triggered = trigger(c, "order.placed", R"({"id":  7})");
  EXPECT_THAT(subscribers(triggered), ElementsAre("all", "one", "two"));
  EXPECT_FALSE(triggered.id.empty());
  const auto here = claim(c, 10);
  EXPECT_THAT(args(here), ElementsAre(R"({"id":  7})", R"({"id":  7})")) << "the payload's own bytes";
  const auto there = claim(c, 10, "other.task", "other");
  ASSERT_THAT(there, SizeIs(1));
  EXPECT_EQ(triggered.deliveries[0].job_id, there[0].lease.job_id);
  EXPECT_EQ(record(c, there[0].lease.job_id).args, R"({"id":  7})");
}

TEST_P(BrokerContract, EventNobodySubscribesToMakesNothing) {
  auto& c = connect("w1");
  subscribe(c, {on("order.placed")});
  EXPECT_THAT(trigger(c, "order.paid").deliveries, IsEmpty());
  EXPECT_THAT(claim(c, 10), IsEmpty());
}

TEST_P(BrokerContract, EventMakesJobsAlsoWhileEveryWorkerIsDown) {
  {
    auto& c = connect("w1");
    subscribe(c, {on("order.*")}, Millis{10});
    eventually([&] { return !only_subscription(c).alive; });
  }
  close_all();
  site->restart();
  auto& producer = connect("");
  EXPECT_THAT(subscribers(trigger(producer, "order.placed", "[1]")), ElementsAre("s"));
  auto& c = connect("w2");
  EXPECT_THAT(args(claim(c, 10)), ElementsAre("[1]"));
}

TEST_P(BrokerContract, PayloadThatIsNoObjectOrArrayIsTheOneArgument) {
  auto& c = connect("w1");
  subscribe(c, {on("a")});
  for (const char* payload : {"\"x\"", "17", "false", "null", "[1,2]", " {} "}) trigger(c, "a", payload);
  EXPECT_THAT(args(claim(c, 10)), UnorderedElementsAre("[\"x\"]", "[17]", "[false]", "{}", "[1,2]", "{}"));
}

TEST_P(BrokerContract, SubscriptionMayWantTheEventWhole) {
  auto& c = connect("w1");
  auto whole = on("**");
  whole.whole = true;
  subscribe(c, {whole});
  const auto triggered = trigger(c, "order.placed", R"({"n": 1})");
  const auto given = must(parse_json(claim_one(c).args));
  const auto* one = given.find("event");
  ASSERT_NE(one, nullptr);
  EXPECT_EQ(one->string_or("name", ""), "order.placed");
  EXPECT_EQ(one->string_or("id", ""), triggered.id);
  EXPECT_EQ(one->find("payload")->text(), R"({"n":1})");
  const auto time = parse_time(one->string_or("time", ""));
  ASSERT_TRUE(time.has_value());
  EXPECT_LT(std::chrono::abs(time.value() - clock.wall_now()), seconds(20));
}

TEST_P(BrokerContract, JobsOfAnEventAreChildrenOfTheJobThatTriggeredIt) {
  auto& c = connect("w1");
  subscribe(c, {on("a", "one"), debounced(Millis{20})});
  const auto parent = submit(c);
  const auto root = submit(c);
  must(run(c.broker->claim(request(10))));
  for (const char* name : {"a", "order.x"}) {
    auto what = event(name);
    what.parent_id = parent;
    what.root_id = root;
    what.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    trigger(c, what);
    const auto claims = gathered(c);
    ASSERT_THAT(claims, SizeIs(1)) << name;
    EXPECT_EQ(claims[0].parent_id, parent);
    EXPECT_EQ(claims[0].root_id, root);
    EXPECT_EQ(claims[0].traceparent, what.traceparent);
  }
}

TEST_P(BrokerContract, F65_RepeatedTriggerMakesNoSecondJobs) {
  auto& c = connect("w1");
  auto collecting = batched(2, seconds(60));
  collecting.name = "collecting";
  subscribe(c, {on("order.*", "one"), on("order.*", "two"), collecting});
  auto what = event("order.placed");
  what.idempotency_key = "order-7";
  const auto first = trigger(c, what);
  EXPECT_FALSE(first.repeated);
  auto& other = connect("");
  const auto again = trigger(other, what);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.id, first.id);
  ASSERT_EQ(subscribers(again), subscribers(first));
  for (std::size_t i = 0; i < first.deliveries.size(); ++i) EXPECT_EQ(again.deliveries[i].job_id, first.deliveries[i].job_id);
  const auto claims = claim(c, 10);
  EXPECT_THAT(claims, SizeIs(2));
  for (const auto& one : claims) settle(c, complete(one));
  EXPECT_TRUE(trigger(c, what).repeated) << "also after the jobs' ends";
  EXPECT_THAT(claim(c, 10), IsEmpty());
  must(run(c.broker->promote_due(100)));
  EXPECT_THAT(claim(c, 10), IsEmpty()) << "the second one was not collected";
  what.idempotency_key = "order-8";
  EXPECT_FALSE(trigger(c, what).repeated);
}

TEST_P(BrokerContract, SubscriptionIsKeptAsItWasAnnouncedLast) {
  auto& c = connect("w1");
  auto all = batched(10, seconds(5));
  all.key = "/tenant";
  all.queue = "media";
  subscribe(c, {all, on("a", "other")});
  const auto states = must(run(c.events->subscriptions()));
  ASSERT_THAT(states, SizeIs(2));
  EXPECT_EQ(states[0].subscription, on("a", "other"));
  EXPECT_EQ(states[1].subscription, all);
  EXPECT_TRUE(states[1].alive);
  EXPECT_EQ(states[1].collected, 0U);
  all.batch = 20;
  subscribe(c, {all});
  EXPECT_EQ(must(run(c.events->subscriptions()))[1].subscription, all);
}

TEST_P(BrokerContract, SubscriptionThatAWorkerNoLongerHasIsForgottenUnlessAnotherHasIt) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  subscribe(a, {on("a", "gone"), on("a", "kept")});
  subscribe(b, {on("a", "kept")});
  EXPECT_OK(run(a.events->withdraw({"gone", "kept"}, Millis{30})));
  subscribe(b, {on("a", "kept")});
  eventually([&] { return subscribers(trigger(b, "a")) == std::vector<std::string>{"kept"}; });
  subscribe(b, {on("a", "kept")});
  EXPECT_EQ(only_subscription(a).subscription.name, "kept");
}

TEST_P(BrokerContract, SubscriptionCanBeRemovedAndWhatItCollectedBecomesAJob) {
  auto& c = connect("w1");
  subscribe(c, {batched(10, Millis{30})});
  trigger(c, "order.placed", "1");
  EXPECT_OK(run(c.events->remove_subscription("s")));
  EXPECT_THAT(must(run(c.events->subscriptions())), IsEmpty());
  EXPECT_THAT(trigger(c, "order.placed").deliveries, IsEmpty());
  EXPECT_ERRC(Errc::not_found, run(c.events->remove_subscription("s")));
  EXPECT_THAT(payloads(gathered(c).at(0).args), ElementsAre("1"));
}

TEST_P(BrokerContract, DebounceMakesOneJobOfABurstOfTheLastEvent) {
  auto& c = connect("w1");
  subscribe(c, {debounced(Millis{80})});
  for (int i = 0; i < 5; ++i) {
    const auto triggered = trigger(c, i % 2 == 0 ? "order.placed" : "order.paid", std::to_string(i));
    ASSERT_THAT(triggered.deliveries, SizeIs(1));
    EXPECT_EQ(triggered.deliveries[0].job_id, "") << "the job is made later";
  }
  EXPECT_EQ(only_subscription(c).collected, 1U);
  EXPECT_TRUE(only_subscription(c).due.has_value());
  EXPECT_THAT(args(gathered(c)), ElementsAre("[4]"));
  must(run(c.broker->promote_due(100)));
  EXPECT_THAT(claim(c, 10), IsEmpty());
  EXPECT_EQ(only_subscription(c).collected, 0U);
  trigger(c, "order.placed", "9");
  EXPECT_THAT(args(gathered(c)), ElementsAre("[9]")) << "another burst is another job";
}

TEST_P(BrokerContract, DebounceWaitsForQuiet) {
  auto& c = connect("w1");
  subscribe(c, {debounced(Millis{400})});
  trigger(c, "order.placed", "1");
  const auto first = only_subscription(c).due.value();
  eventually([&] {
    trigger(c, "order.placed", "2");
    return only_subscription(c).due.value() > first + Millis{50};
  });
  must(run(c.broker->promote_due(100)));
  EXPECT_THAT(claim(c, 10), IsEmpty());
  EXPECT_THAT(args(gathered(c)), ElementsAre("[2]"));
}

TEST_P(BrokerContract, DebounceDoesNotWaitForQuietLongerThanItsMost) {
  auto& c = connect("w1");
  subscribe(c, {debounced(Millis{150}, Millis{150})});
  std::vector<job::Claim> claims;
  eventually([&] {  // without a pause that is long enough
    trigger(c, "order.placed", "1");
    must(run(c.broker->promote_due(100)));
    claims = claim(c, 10);
    return !claims.empty();
  });
  EXPECT_THAT(claims, SizeIs(1));
}

TEST_P(BrokerContract, DebounceByAKeyIsApartForEachValue) {
  auto& c = connect("w1");
  auto by_user = debounced(Millis{50});
  by_user.key = "/user";
  subscribe(c, {by_user});
  for (const char* payload : {R"({"user":"a","n":1})", R"({"user":"b","n":2})", R"({"user":"a","n":3})", R"({"n":4})"}) {
    trigger(c, "order.placed", payload);
  }
  EXPECT_EQ(only_subscription(c).collected, 3U);
  std::vector<job::Claim> claims;
  eventually([&] {
    const auto more = gathered(c);
    claims.insert(claims.end(), more.begin(), more.end());
    return claims.size() >= 3;
  });
  EXPECT_THAT(args(claims), UnorderedElementsAre(R"({"user":"b","n":2})", R"({"user":"a","n":3})", R"({"n":4})"));
}

TEST_P(BrokerContract, BatchIsMadeWhenEnoughHaveCome) {
  auto& c = connect("w1");
  subscribe(c, {batched(3, seconds(3'600))});
  for (int i = 0; i < 8; ++i) trigger(c, "order.placed", std::to_string(i));
  EXPECT_EQ(only_subscription(c).collected, 8U);
  auto claims = gathered(c);
  while (claims.size() < 2) {
    const auto more = gathered(c);
    claims.insert(claims.end(), more.begin(), more.end());
  }
  ASSERT_THAT(claims, SizeIs(2));
  EXPECT_THAT(payloads(claims[0].args), ElementsAre("0", "1", "2"));
  EXPECT_THAT(payloads(claims[1].args), ElementsAre("3", "4", "5"));
  must(run(c.broker->promote_due(100)));
  EXPECT_THAT(claim(c, 10), IsEmpty()) << "two wait for a third";
  EXPECT_EQ(only_subscription(c).collected, 2U);
  EXPECT_GT(only_subscription(c).due.value(), clock.wall_now() + seconds(3'000)) << "as long as the first of them may";
}

TEST_P(BrokerContract, BatchIsMadeWhenItsTimeIsOver) {
  auto& c = connect("w1");
  subscribe(c, {batched(100, Millis{100})});
  trigger(c, "order.placed", R"({"n":1})");
  trigger(c, "order.paid", "\"two\"");
  const auto claims = gathered(c);
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_THAT(payloads(claims[0].args), ElementsAre(R"({"n":1})", "\"two\""));
  const auto json = must(parse_json(claims[0].args));
  EXPECT_EQ(json.find("events")->as_array()->at(1).string_or("name", ""), "order.paid");
  EXPECT_THAT(claims[0].args, HasSubstr(R"("time":")"));
}

TEST_P(BrokerContract, BatchesByAKeyAreApartForEachValue) {
  auto& c = connect("w1");
  auto by_tenant = batched(2, seconds(3'600));
  by_tenant.key = "/tenant";
  subscribe(c, {by_tenant});
  for (const char* payload : {R"({"tenant":"x/y"})", R"({"tenant":2})", R"({"tenant":"x/y"})"}) trigger(c, "order.placed", payload);
  const auto claims = gathered(c);
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_THAT(payloads(claims[0].args), ElementsAre(R"({"tenant":"x/y"})", R"({"tenant":"x/y"})"));
}

TEST_P(BrokerContract, JobOfABatchIsNoLargerThanArgumentsMayBe) {
  auto& c = connect("w1");
  subscribe(c, {batched(3, seconds(3'600))});
  const auto large = "\"" + std::string(600'000, 'x') + "\"";
  for (int i = 0; i < 3; ++i) trigger(c, "order.placed", large);
  std::vector<job::Claim> claims;
  eventually([&] {
    const auto more = gathered(c);
    claims.insert(claims.end(), more.begin(), more.end());
    return !claims.empty();
  });
  EXPECT_THAT(payloads(claims[0].args), SizeIs(1));
  EXPECT_EQ(only_subscription(c).collected, 2U) << "the rest is not lost";
}

TEST_P(BrokerContract, WhatIsCollectedOutlivesWorkersAndARestartOfTheStore) {
  {
    auto& c = connect("w1");
    subscribe(c, {batched(10, Millis{50})});
    trigger(c, "order.placed", "1");
    trigger(c, "order.placed", "2");
  }
  close_all();
  site->restart();
  auto& c = connect("w2");
  const auto claims = gathered(c);
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_THAT(payloads(claims[0].args), ElementsAre("1", "2"));
}

TEST_P(BrokerContract, CollectedEventBecomesOneJobWhoeverMakesIt) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  auto by_n = batched(2, seconds(3'600));
  by_n.key = "/n";
  subscribe(a, {by_n});
  for (int i = 0; i < 40; ++i) trigger(a, "order.placed", R"({"n":)" + std::to_string(i % 20) + "}");
  auto first = start(a.broker->promote_due(100));
  auto second = start(b.broker->promote_due(100));
  must(finish(first));
  must(finish(second));
  must(run(a.broker->promote_due(100)));
  EXPECT_THAT(claim(a, 100), SizeIs(20));
}

TEST_P(BrokerContract, WhatIsToBeMadeNextIsKnown) {
  auto& c = connect("w1");
  subscribe(c, {batched(10, seconds(30))});
  trigger(c, "order.placed");
  const auto next = must(run(c.broker->promote_due(100))).next_due;
  ASSERT_TRUE(next.has_value());
  EXPECT_LE(*next, only_subscription(c).due.value());
}

}  // namespace conduitd::test
