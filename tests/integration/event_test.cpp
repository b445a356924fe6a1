// Events in the real conduitd: subscriptions of a plugin's code and of the config, and tasks that trigger.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "support/result_matchers.h"
#include "support/worker.h"

namespace conduitd::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;
using testing::UnorderedElementsAre;

class EventTest : public testing::TestWithParam<StoreKind> {
 protected:
  EventTest() { place.install("events"); }

  std::vector<broker::SubscriptionState> subscriptions() { return must(run(place.io, place.broker().events->subscriptions())); }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& state : subscriptions()) out.push_back(state.subscription.name);
    return out;
  }
  void until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the deadline of a condition is over");
      run_for(place.io, std::chrono::milliseconds(20));
    }
  }
  void until_announced(const std::string& name) {
    until([&] {
      const auto all = names();
      return std::find(all.begin(), all.end(), name) != all.end();
    });
  }
  broker::Triggered trigger(const std::string& name, const std::string& payload) {
    job::NewEvent event;
    event.name = name;
    event.payload = payload;
    return must(run(place.io, place.broker().events->trigger(std::move(event))));
  }
  /// The job made of an event at a subscription; empty if there is none.
  static std::string job_at(const broker::Triggered& triggered, const std::string& subscription) {
    for (const auto& delivery : triggered.deliveries) {
      if (delivery.subscription == subscription) return delivery.job_id;
    }
    return {};
  }
  std::vector<job::JobRecord> ended_of(const std::string& task, std::size_t count) {
    std::vector<job::JobRecord> out;
    until([&] {
      broker::JobFilter filter;
      filter.task = task;
      filter.status = job::JobStatus::complete;
      out = must(run(place.io, place.broker().directory->list(filter))).jobs;
      return out.size() >= count;
    });
    return out;
  }

  Workplace place{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Each, EventTest, testing::ValuesIn(all_stores()), [](const auto& kind) { return kind.param.name; });

TEST_P(EventTest, RunsTheHandlersOfAPluginsCode) {
  place.start();
  until_announced("events.receipt");
  EXPECT_THAT(names(), UnorderedElementsAre("events.audit", "events.count", "events.last", "events.receipt"));
  const auto triggered = trigger("order.placed", R"({"id": 7})");
  EXPECT_THAT(triggered.deliveries, SizeIs(2));
  const auto receipt = place.ended(job_at(triggered, "events.receipt"));
  EXPECT_EQ(receipt.status, job::JobStatus::complete);
  EXPECT_EQ(receipt.result, "\"receipt 7\"");
  trigger("order.paid", "1");
  trigger("order.sent", "2");
  EXPECT_THAT(ended_of("events.count", 1).at(0).result, HasSubstr(R"("names":"order.placed order.paid order.sent ")"));
  trigger("order.paid", "3");
  until([&] { return ended_of("events.count", 1).size() == 2; });
  const auto audit = place.ended(job_at(trigger("audit.login.failed", "null"), "events.audit"));
  EXPECT_EQ(audit.result, "\"audit.login.failed\"");
  for (int i = 0; i < 5; ++i) trigger("page.viewed", R"({"page":"a","n":)" + std::to_string(i) + "}");
  EXPECT_EQ(ended_of("events.last", 1).at(0).result, R"({"page":"a","n":4})");
}

TEST_P(EventTest, TasksTriggerEventsInEveryExecutor) {
  place.start();
  until_announced("events.receipt");
  for (const char* task : {"events.tell", "events.tell_process", "events.tell_async"}) {
    const auto told = place.ended(place.submit(task, R"({"event": "order.placed", "id": 9})"));
    ASSERT_EQ(told.status, job::JobStatus::complete) << task << (told.failure ? told.failure->message : "");
    const auto said = must(parse_json(told.result));
    ASSERT_EQ(said.find("jobs")->as_array()->size(), 1U) << told.result;
    EXPECT_EQ(said.int_or("collected", -1), 1);
    const auto receipt = place.ended(*said.find("jobs")->as_array()->front().as_string());
    EXPECT_EQ(receipt.result, "\"receipt 9\"");
    EXPECT_EQ(receipt.parent_id, told.id);
    EXPECT_EQ(receipt.root_id, told.id);
  }
  const auto refused = place.ended(place.submit("events.tell", R"({"event": "order..placed", "id": 1})"));
  ASSERT_TRUE(refused.failure.has_value());
  EXPECT_THAT(refused.failure->message, HasSubstr("triggering order..placed: trigger: 'order..placed' is no event"));
}

TEST_P(EventTest, ReachesSubscribersWhoseWorkersAreDown) {
  auto& worker = place.start();
  until_announced("events.receipt");
  worker.signal(SIGTERM);
  EXPECT_EQ(worker.wait_for_exit(), 0);
  const auto id = job_at(trigger("order.placed", R"({"id": 3})"), "events.receipt");
  trigger("order.placed", R"({"id": 4})");
  ASSERT_THAT(id, StartsWith("default:"));
  place.start();
  EXPECT_EQ(place.ended(id).result, "\"receipt 3\"");
  EXPECT_THAT(ended_of("events.count", 1).at(0).result, HasSubstr(R"("count":2)")) << "what was collected meanwhile";
}

TEST_P(EventTest, FollowsTheConfigurationAndAReload) {
  place.extra_config = "[[subscription]]\nevent = \"stock.*\"\ntask = \"events.configured\"\nqueue = \"elsewhere\"\n"
                       "[[subscription]]\nevent = \"order.cancelled\"\ntask = \"events.receipt\"\n";
  auto& worker = place.start();
  until_announced("events.configured");
  EXPECT_THAT(job_at(trigger("stock.low", "[5]"), "events.configured"), StartsWith("elsewhere:"));
  EXPECT_THAT(job_at(trigger("order.placed", R"({"id": 1})"), "events.receipt"), IsEmpty()) << "the file's takes the place of the code's";
  EXPECT_THAT(job_at(trigger("order.cancelled", R"({"id": 1})"), "events.receipt"), StartsWith("default:"));
  place.extra_config.clear();
  place.write_config();
  worker.signal(SIGHUP);
  worker.wait_for_line("reloaded");
  until([&] { return !job_at(trigger("order.placed", R"({"id": 1})"), "events.receipt").empty(); });
  until([&] { return trigger("stock.low", "[5]").deliveries.empty(); });
}

}  // namespace
}  // namespace conduitd::test
