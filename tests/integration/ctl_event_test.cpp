#include <gmock/gmock.h>

#include "ctl_fixture.h"
#include "support/document.h"

namespace conduitd::test {
namespace {

class CtlEvent : public CtlTest {
 protected:
  void subscribe(const std::string& name, const std::string& pattern, Millis interval = Millis{60'000}, std::uint32_t batch = 0) {
    job::Subscription one;
    one.name = name;
    one.pattern = pattern;
    one.task = "a.b";
    one.batch = batch;
    if (batch > 0) one.batch_within = Millis{60'000};
    std::vector<job::Subscription> all{one};
    EXPECT_OK(run(io_, worker().events->subscribe(std::move(all), interval)));
  }
};

TEST_F(CtlEvent, TriggerPrintsTheIdsOfTheJobsItMade) {
  subscribe("one", "order.*");
  subscribe("two", "order.placed");
  const auto outcome = ctl({"event", "trigger", "order.placed", R"({"n": 1})"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  std::istringstream lines(outcome.out);
  std::vector<std::string> ids;
  for (std::string line; std::getline(lines, line);) ids.push_back(line);
  ASSERT_EQ(ids.size(), 2U) << outcome.out;
  for (const auto& id : ids) {
    const auto job = json({"job", "show", id});
    EXPECT_EQ(job.string_or("task", ""), "a.b");
    EXPECT_EQ(job.find("args")->text(), R"({"n":1})");
  }
}

TEST_F(CtlEvent, TriggerSaysPlainlyThatNobodySubscribes) {
  subscribe("one", "order.*");
  const auto outcome = ctl({"event", "trigger", "orders.placed"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "conduitctl: nobody subscribes to orders.placed: no job was made; see conduitctl event list\n");
  const auto none = json({"event", "trigger", "orders.placed"});
  EXPECT_TRUE(none.find("jobs")->as_array()->empty());
}

TEST_F(CtlEvent, TriggerRefusesWhatIsNoEventWithoutTheBroker) {
  for (const Words& words : {Words{"order.*"}, Words{"a..b"}, Words{"a", "{"}, Words{"a", "1", "--traceparent", "x"}}) {
    auto all = words;
    all.insert(all.begin(), {"event", "trigger"});
    const auto outcome = ctl(all);
    EXPECT_EQ(outcome.code, 2) << words.front() << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_THAT(ctl({"event", "trigger", "order.*"}).err, testing::HasSubstr("'order.*' is no event: segments of A-Z a-z 0-9 _ - joined by dots"));
}

TEST_F(CtlEvent, RepeatedTriggerShowsTheFirstOnesJobs) {
  subscribe("one", "a");
  const auto first = ctl({"event", "trigger", "a", "--idempotency-key", "k"});
  const auto again = ctl({"event", "trigger", "a", "--idempotency-key", "k"});
  EXPECT_EQ(again.out, first.out);
  EXPECT_THAT(again.err, testing::HasSubstr("had been accepted before"));
  EXPECT_EQ(json({"event", "trigger", "a", "--idempotency-key", "k"}).bool_or("repeated", false), true);
}

TEST_F(CtlEvent, SubscriptionsAreListedWithWhatTheyCollect) {
  EXPECT_THAT(ctl({"event", "list"}).out, testing::StartsWith("Nobody subscribes to an event"));
  subscribe("one", "order.placed");
  subscribe("three", "order.*", Millis{60'000}, 3);
  const auto outcome = ctl({"event", "trigger", "order.placed"});
  EXPECT_THAT(outcome.err, testing::HasSubstr("subscription three collects: its job is made later"));
  const auto page = ctl({"event", "list"}).out;
  EXPECT_THAT(page, testing::ContainsRegex("SUBSCRIPTION +EVENT +TASK +QUEUE +STATE +COLLECTS +NOW +DUE"));
  EXPECT_THAT(page, testing::ContainsRegex("one +order.placed +a.b +default +open"));
  EXPECT_THAT(page, testing::ContainsRegex("three +order.\\* +a.b +default +open +3 or 1m +1 +20"));
  const auto all = json({"event", "list"});
  const auto& three = all.find("subscriptions")->as_array()->at(1);
  EXPECT_EQ(three.int_or("collected", 0), 1);
  EXPECT_EQ(three.string_or("batch_within", ""), "1m");
}

TEST_F(CtlEvent, SubscriptionIsDeletedUnlessALiveWorkerAnnouncesIt) {
  subscribe("alive", "a");
  subscribe("gone", "a", Millis{0});
  const auto refused = ctl({"event", "delete", "alive"});
  EXPECT_EQ(refused.code, 2) << refused.err;
  EXPECT_THAT(refused.err, testing::HasSubstr("is announced by a live worker"));
  run_for(io_, Millis{5});
  EXPECT_EQ(ctl({"event", "delete", "gone"}).code, 0);
  EXPECT_EQ(ctl({"event", "delete", "gone"}).code, 3);
  EXPECT_EQ(json({"event", "list"}).find("subscriptions")->as_array()->size(), 1U);
}

TEST_F(CtlEvent, TheExamplesOfTheDocumentationRun) {
  subscribe("shop.receipt", "order.*");
  const auto blocks = blocks_of(CONDUIT_SOURCE_DIR "/docs/events.md", "```sh");
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_THAT(run_examples(blocks), testing::ContainsRegex("shop.receipt +order"));
}

}  // namespace
}  // namespace conduitd::test
