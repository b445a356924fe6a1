#include "events/announcer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "support/loop.h"
#include "support/result_matchers.h"

namespace conduitd::events {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Writes down what is announced and withdrawn.
class Recorder final : public broker::Events {
 public:
  boost::asio::awaitable<Result<>> subscribe(std::vector<job::Subscription> subscriptions, Millis) override {
    if (away) co_return Error(Errc::unavailable, "away");
    for (const auto& one : subscriptions) announced.push_back(one.name);
    co_return ok();
  }
  boost::asio::awaitable<Result<>> withdraw(std::vector<std::string> names, Millis) override {
    if (away) co_return Error(Errc::unavailable, "away");
    withdrawn.insert(withdrawn.end(), names.begin(), names.end());
    co_return ok();
  }
  boost::asio::awaitable<Result<std::vector<broker::SubscriptionState>>> subscriptions() override { co_return std::vector<broker::SubscriptionState>(); }
  boost::asio::awaitable<Result<>> remove_subscription(std::string) override { co_return ok(); }
  boost::asio::awaitable<Result<broker::Triggered>> trigger(job::NewEvent) override { co_return broker::Triggered(); }

  bool away = false;
  std::vector<std::string> announced;
  std::vector<std::string> withdrawn;
};

std::vector<job::Subscription> named(std::initializer_list<const char*> names) {
  std::vector<job::Subscription> out;
  for (const auto* name : names) out.emplace_back().name = name;
  return out;
}

class AnnouncerTest : public testing::Test {
 protected:
  Result<> announce() { return test::run(io, announcer.announce()); }

  boost::asio::io_context io;
  SystemClock clock;
  Recorder recorder;
  Announcer announcer{io.get_executor(), clock, recorder};
};

TEST_F(AnnouncerTest, WithdrawsOnceWhatAReloadHasDropped) {
  announcer.set(named({"a", "b"}));
  EXPECT_OK(announce());
  announcer.set(named({"b", "c"}));
  EXPECT_OK(announce());
  EXPECT_OK(announce());
  EXPECT_THAT(recorder.announced, ElementsAre("a", "b", "b", "c", "b", "c"));
  EXPECT_THAT(recorder.withdrawn, ElementsAre("a"));
}

TEST_F(AnnouncerTest, WithdrawsWhenTheBrokerIsBackUnlessItHasItAgain) {
  announcer.set(named({"a", "b"}));
  EXPECT_OK(announce());
  recorder.away = true;
  announcer.set({});
  EXPECT_FALSE(announce().has_value());
  announcer.set(named({"b"}));
  recorder.away = false;
  EXPECT_OK(announce());
  EXPECT_THAT(recorder.withdrawn, ElementsAre("a"));
}

TEST_F(AnnouncerTest, OfAWorkerWithoutSubscriptionsAsksNothing) {
  recorder.away = true;
  EXPECT_OK(announce());
  EXPECT_THAT(recorder.announced, IsEmpty());
}

TEST_F(AnnouncerTest, MayBeStoppedBeforeItWasStartedAndTwice) {
  test::run(io, announcer.stop());
  test::run(io, announcer.stop());
}

}  // namespace
}  // namespace conduitd::events
