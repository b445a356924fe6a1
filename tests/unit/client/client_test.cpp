// The client's lifecycle, queue and batches, over a broker that does as it is told.

#include <conduit/client.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <set>
#include <thread>

#include "fake_broker.h"

namespace conduit {
namespace {

using conduitd::Errc;
using conduitd::Error;
using conduitd::test::FakeBrokerScript;
using namespace std::chrono_literals;
using testing::HasSubstr;

template <class Call>
std::optional<ClientError> error_of(const Call& call) {
  try {
    call();
  } catch (const ClientError& error) {
    return error;
  }
  return std::nullopt;
}

template <class Call>
std::optional<ClientErrorKind> kind_of(const Call& call) {
  const auto error = error_of(call);
  return error ? std::optional(error->kind()) : std::nullopt;
}

/// Collects what on_error is told.
struct Forgotten {
  std::mutex mutex;
  std::vector<ClientErrorKind> kinds;
  std::function<void(const ClientError&)> handler() {
    return [this](const ClientError& error) {
      const std::lock_guard lock(mutex);
      kinds.push_back(error.kind());
    };
  }
};

TEST(ClientLifecycle, NamesTheMissingUrl) {
  const auto error = error_of([] { Client client({}); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ClientErrorKind::invalid_argument);
  EXPECT_THAT(error->what(), HasSubstr("ClientOptions::url"));
}

TEST(ClientLifecycle, ACallBeforeStartStartsTheClient) {
  FakeBrokerScript broker;
  Client client({.url = "fake:"});
  EXPECT_EQ(client.submit("a.b"), "default:1");
}

TEST(ClientLifecycle, StartSaysWhyTheBrokerCannotBeReachedAndTheNextCallTriesAgain) {
  FakeBrokerScript broker;
  broker.refuse_to_open(Error(Errc::unavailable, "connect to fake: refused"));
  Client client({.url = "fake:"});
  const auto error = error_of([&] { client.start(); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ClientErrorKind::unavailable);
  EXPECT_TRUE(error->is_transient());
  EXPECT_THAT(error->what(), HasSubstr("connect to fake: refused"));
  EXPECT_EQ(kind_of([&] { client.submit("a.b"); }), ClientErrorKind::unavailable);
  broker.refuse_to_open(std::nullopt);
  EXPECT_EQ(client.submit("a.b"), "default:1");
}

TEST(ClientLifecycle, StopIsSafeWithoutStartAndTwiceAndLaterCallsSaySo) {
  FakeBrokerScript broker;
  Client client({.url = "fake:"});
  client.stop();
  client.stop();
  const auto error = error_of([&] { client.submit("a.b"); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ClientErrorKind::stopped);
  EXPECT_THAT(error->what(), HasSubstr("start()"));
  EXPECT_EQ(kind_of([&] { client.find("default:1"); }), ClientErrorKind::stopped);
  EXPECT_EQ(kind_of([&] { client.submit_and_forget("a.b"); }), ClientErrorKind::stopped);
}

TEST(ClientLifecycle, StartAfterStopBeginsAnew) {
  FakeBrokerScript broker;
  Client client({.url = "fake:"});
  client.start();
  client.stop();
  EXPECT_TRUE(broker.closed());
  client.start();
  EXPECT_EQ(client.submit("a.b"), "default:1");
}

TEST(ClientLifecycle, StartAndStopFromManyThreadsAtOnceLeaveAWorkingClient) {
  FakeBrokerScript broker;
  Client client({.url = "fake:"});
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&client, i] {
      for (int turn = 0; turn < 20; ++turn) {
        const auto kind = kind_of([&] { (turn + i) % 2 == 0 ? client.start() : client.stop(); });
        EXPECT_TRUE(!kind || kind == ClientErrorKind::stopped);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  client.stop();
  client.start();
  EXPECT_FALSE(client.submit("a.b").empty());
}

TEST(ClientLifecycle, StopEndsWaitsAtOnce) {
  FakeBrokerScript broker;
  Client client({.url = "fake:"});
  auto waiting = std::async(std::launch::async, [&] { return kind_of([&] { client.wait("default:1", 1h); }); });
  broker.await_waits(1);
  client.stop();
  EXPECT_EQ(waiting.get(), ClientErrorKind::stopped);
}

TEST(ClientSubmit, RefusesWhatCannotBeRightWithoutAskingTheBroker) {
  FakeBrokerScript broker;
  Client client({.url = "fake:"});
  const auto bad_name = error_of([&] { client.submit("no task"); });
  ASSERT_TRUE(bad_name);
  EXPECT_EQ(bad_name->kind(), ClientErrorKind::invalid_argument);
  EXPECT_THAT(bad_name->what(), HasSubstr("'no task' is not a task name"));
  const auto bad_args = error_of([&] { client.submit("a.b", 7); });
  ASSERT_TRUE(bad_args);
  EXPECT_THAT(bad_args->what(), HasSubstr("args: a JSON object"));
  const auto not_utf8 = error_of([&] { client.submit("a.b", {{"text", "\xff"}}); });
  ASSERT_TRUE(not_utf8);
  EXPECT_EQ(not_utf8->kind(), ClientErrorKind::invalid_argument);
  const auto second = error_of([&] { client.submit_bulk({{.task = "a.b"}, {.task = ""}}); });
  ASSERT_TRUE(second);
  EXPECT_THAT(second->what(), HasSubstr("job 2 of 2: "));
  EXPECT_TRUE(broker.batches().empty());
}

TEST(ClientSubmit, SendsWhatWaitsAtTheSameTimeAsOneBatch) {
  FakeBrokerScript broker;
  broker.hold();
  Client client({.url = "fake:"});
  client.submit_and_forget("a.first");
  broker.await_batches(1);
  for (int i = 0; i < 100; ++i) client.submit_and_forget("a.later");
  broker.let_go();
  client.stop();
  const auto batches = broker.batches();
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[1].size(), 100U);
}

TEST(ClientSubmit, ManyThreadsGetEachTheirOwnId) {
  FakeBrokerScript broker;
  Client client({.url = "fake:"});
  std::mutex mutex;
  std::set<std::string> ids;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 50; ++turn) {
        auto id = client.submit("a.b");
        const std::lock_guard lock(mutex);
        ids.insert(std::move(id));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ids.size(), 400U);
}

TEST(ClientSubmit, SplitsABulkIntoBatchesAndAnswersInOrder) {
  FakeBrokerScript broker;
  Client client({.url = "fake:"});
  const auto answers = client.submit_bulk(std::vector<JobRequest>(2500, {.task = "a.b"}));
  ASSERT_EQ(answers.size(), 2500U);
  EXPECT_EQ(answers.front().id, "default:1");
  EXPECT_EQ(answers.back().id, "default:2500");
  EXPECT_EQ(broker.batches().size(), 3U);
  EXPECT_TRUE(client.submit_bulk({}).empty());
}

TEST(ClientSubmit, PassesEveryOptionOn) {
  FakeBrokerScript broker;
  Client client({.url = "fake:"});
  client.submit("a.b", {{"x", 1}},
                {.queue = "media", .delay = 10s, .priority = 7, .unique = "key", .expires = 1min, .retries = 4, .timeout = 30s});
  const auto job = broker.batches().at(0).at(0);
  EXPECT_EQ(job.args, R"({"x":1})");
  EXPECT_EQ(job.queue, "media");
  EXPECT_EQ(job.delay, 10s);
  EXPECT_EQ(job.priority, 7);
  EXPECT_EQ(job.unique, "key");
  EXPECT_EQ(job.expires, 1min);
  EXPECT_EQ(job.retries, 4);
  EXPECT_EQ(job.timeout, 30s);
}

TEST(ClientSubmit, AJobThatNamesNoQueueGoesToItsTasks) {
  FakeBrokerScript broker;
  conduitd::broker::TaskInfo task;
  task.name = "images.resize";
  task.queue = "media";
  broker.announce(task);
  Client client({.url = "fake:"});
  client.submit_bulk({{.task = "images.resize"},
                      {.task = "images.resize", .options = {.queue = "other"}},
                      {.task = "nobody.knows"}});
  const auto jobs = broker.batches().at(0);
  EXPECT_EQ(jobs.at(0).queue, "media");
  EXPECT_EQ(jobs.at(1).queue, "other");
  EXPECT_EQ(jobs.at(2).queue, "default");
}

TEST(ClientSubmit, GivesUpWhenTheBrokerDoesNotAnswerAndSaysWhatMayHaveHappened) {
  FakeBrokerScript broker;
  broker.hold();
  Client client({.url = "fake:", .timeout = 50ms, .stop_timeout = 0ms});
  const auto sent = error_of([&] { client.submit("a.sent"); });
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->kind(), ClientErrorKind::timed_out);
  EXPECT_THAT(sent->what(), HasSubstr("may have been accepted"));
  const auto withdrawn = error_of([&] { client.submit("a.withdrawn"); });
  ASSERT_TRUE(withdrawn);
  EXPECT_THAT(withdrawn->what(), HasSubstr("nothing was sent"));
  broker.let_go();
  client.submit_and_forget("a.next");
  broker.await_batches(2);
  EXPECT_EQ(broker.batches().at(1).front().task, "a.next");
}

TEST(ClientSubmit, WaitsForRoomWhenTheQueueIsFullAndThenSaysSo) {
  FakeBrokerScript broker;
  broker.hold();
  Client client({.url = "fake:", .timeout = 50ms, .stop_timeout = 0ms, .max_waiting = 2});
  client.submit_and_forget("a.b");
  client.submit_and_forget("a.b");
  EXPECT_EQ(kind_of([&] { client.submit_and_forget("a.b"); }), ClientErrorKind::full);
  EXPECT_EQ(kind_of([&] { client.submit("a.b"); }), ClientErrorKind::full);
}

TEST(ClientSubmit, GoesOnAsSoonAsThereIsRoom) {
  FakeBrokerScript broker;
  broker.hold();
  Client client({.url = "fake:", .max_waiting = 1});
  client.submit_and_forget("a.b");
  auto waiting = std::async(std::launch::async, [&] { return client.submit("a.c"); });
  broker.await_batches(1);
  broker.let_go();
  EXPECT_EQ(waiting.get(), "default:2");
}

TEST(FireAndForget, IsFinishedByStop) {
  FakeBrokerScript broker;
  Forgotten forgotten;
  Client client({.url = "fake:", .on_error = forgotten.handler()});
  for (int i = 0; i < 300; ++i) client.submit_and_forget("a.b");
  client.stop();
  std::size_t sent = 0;
  for (const auto& batch : broker.batches()) sent += batch.size();
  EXPECT_EQ(sent, 300U);
  EXPECT_TRUE(forgotten.kinds.empty());
}

TEST(FireAndForget, IsCancelledAndReportedWhenStopsDeadlineIsOver) {
  FakeBrokerScript broker;
  broker.hold();
  Forgotten forgotten;
  Client client({.url = "fake:", .stop_timeout = 20ms, .on_error = forgotten.handler()});
  for (int i = 0; i < 3; ++i) client.submit_and_forget("a.b");
  client.stop();
  EXPECT_EQ(forgotten.kinds, std::vector<ClientErrorKind>(3, ClientErrorKind::stopped));
  EXPECT_TRUE(broker.closed());
}

TEST(FireAndForget, TellsTheHandlerWhenTheBrokerRefuses) {
  FakeBrokerScript broker;
  broker.fail_enqueues(Error(Errc::full, "no space left"));
  Forgotten forgotten;
  Client client({.url = "fake:", .on_error = forgotten.handler()});
  client.submit_and_forget("a.b");
  client.stop();
  EXPECT_EQ(forgotten.kinds, std::vector<ClientErrorKind>{ClientErrorKind::full});
}

TEST(FireAndForget, IsOwnedWhenTheClientIsDestroyed) {
  FakeBrokerScript broker;
  Forgotten forgotten;
  {
    Client client({.url = "fake:", .on_error = forgotten.handler()});
    client.submit_and_forget("a.b");
  }
  EXPECT_EQ(broker.batches().size() + forgotten.kinds.size(), 1U);
}

TEST(ClientBatch, ACallbackGoesOutAlsoWhileTheClientStops) {
  FakeBrokerScript broker;
  broker.hold();
  Client client({.url = "fake:"});
  auto submitting = std::async(std::launch::async, [&] { return client.submit_batch({{.task = "a.b"}}, {.on_success = "a.good"}); });
  broker.await_batches(1);
  auto stopping = std::async(std::launch::async, [&] { client.stop(); });
  while (kind_of([&] { client.submit_and_forget("a.b"); }) != ClientErrorKind::stopped) std::this_thread::yield();
  broker.let_go();
  EXPECT_THAT(submitting.get().on_success, HasSubstr("default:"));
  stopping.get();
}

TEST(ClientBatch, SaysThatJobsAreThereWhoseCallbackIsNot) {
  FakeBrokerScript broker;
  broker.hold();
  Client client({.url = "fake:"});
  auto submitting = std::async(std::launch::async, [&] {
    return error_of([&] { client.submit_batch({{.task = "a.b"}, {.task = "a.b"}}, {.on_success = "a.good"}); });
  });
  broker.await_batches(1);
  broker.fail_enqueues(Error(Errc::unavailable, "connection lost"));
  broker.let_go();
  const auto error = submitting.get();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), ClientErrorKind::unavailable);
  EXPECT_THAT(error->what(), HasSubstr("2 jobs submitted, but not what was to run after all of them: connection lost"));
}

}  // namespace
}  // namespace conduit
