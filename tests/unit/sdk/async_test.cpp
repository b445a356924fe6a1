#include <conduit/async.hpp>
#include <conduit/testing.hpp>

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "unit/sdk/async_plugin.h"

namespace {

namespace asio = boost::asio;
using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::Options;
using conduit::testing::run;
using conduit::testing::detail::FakeAttempt;
using namespace std::chrono_literals;

/// An open request of an attempt.
struct Call {
  conduit_attempt* attempt;
  conduit_reply_fn fn;
  void* user;
};

/// A host for the async executor: a loop with two threads, and answers that come when the test says
/// so.
class Host {
 public:
  Host() : api_(FakeAttempt::api()), work_(loop_.get_executor()) {
    host = this;
    api_.call = [](conduit_attempt* attempt, std::uint32_t, conduit_str, conduit_reply_fn fn,
                   void* user) {
      const std::lock_guard lock(host->mutex_);
      host->calls_.push_back({attempt, fn, user});
      host->changed_.notify_all();
    };
    api_.complete = [](conduit_attempt* attempt, conduit_str result) {
      host->refuse_calls_of(attempt);
      FakeAttempt::api().complete(attempt, result);
    };
    api_.fail = [](conduit_attempt* attempt, const conduit_failure* failure) {
      host->refuse_calls_of(attempt);
      FakeAttempt::api().fail(attempt, failure);
    };
    conduit_registry registry{};
    registry.size = sizeof registry;
    registry.self = this;
    registry.add_task = [](void* self, const conduit_task* task) {
      static_cast<Host*>(self)->tasks_[std::string(task->name.data, task->name.size)] = *task;
      return 0;
    };
    registry.fault = [](void*, conduit_str) { FAIL(); };
    EXPECT_EQ(conduit_plugin_entry()->load(&api_, &registry), 0);
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { loop_.run(); });
  }
  ~Host() {
    work_.reset();
    for (auto& thread : threads_) thread.join();
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  void start(FakeAttempt& attempt, const std::string& task) {
    const conduit_task& found = tasks_.at(task);
    found.start(found.user, attempt.handle(), &loop_);
  }
  /// The next request, once there is one.
  Call next_call() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !calls_.empty(); });
    const Call call = calls_.front();
    calls_.pop_front();
    return call;
  }
  static void answer(const Call& call, int ok, const std::string& payload) {
    call.fn(call.user, ok, {payload.data(), payload.size()});
  }

 private:
  void refuse_calls_of(conduit_attempt* attempt) {
    std::deque<Call> open;
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(calls_, [&](const Call& call) {
        if (call.attempt == attempt) open.push_back(call);
        return call.attempt == attempt;
      });
    }
    for (const Call& call : open) answer(call, 0, "the attempt has ended");
  }

  static inline Host* host = nullptr;  // the ABI's functions know only the attempt
  conduit_api api_;
  asio::io_context loop_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::map<std::string, conduit_task> tasks_;
  std::mutex mutex_;  // guards calls_
  std::condition_variable changed_;
  std::deque<Call> calls_;
  std::vector<std::thread> threads_;
};

TEST(SdkAsync, PluginSaysThatItSharesTheLoopAndWithWhatItWasBuilt) {
  const conduit_plugin* plugin = conduit_plugin_entry();
  EXPECT_EQ(plugin->uses_asio, 1U);
  EXPECT_EQ(std::string(plugin->boost.data, plugin->boost.size).substr(0, 2), "1.");
  EXPECT_EQ(std::string(plugin->compiler.data, plugin->compiler.size), CONDUIT_COMPILER);
  EXPECT_TRUE(conduit::testing::tasks().front().is_async);
}

TEST(SdkAsync, CurrentContextIsRightAcrossCoAwaitWithTasksInterleavingOnTwoThreads) {
  Host host;
  std::vector<std::unique_ptr<FakeAttempt>> attempts;
  for (int i = 0; i < 60; ++i) {
    Options options;
    options.job_id = "job-" + std::to_string(i);
    attempts.push_back(
        std::make_unique<FakeAttempt>("async.interleave", R"({"steps":20})", "async", options));
    host.start(*attempts.back(), "async.interleave");
  }
  for (int i = 0; i < 60; ++i) {
    const auto outcome = attempts[static_cast<std::size_t>(i)]->wait();
    ASSERT_TRUE(outcome.ok()) << outcome.error;
    EXPECT_EQ(outcome.result, Json("job-" + std::to_string(i)));
  }
}

TEST(SdkAsync, ACoroutineRunsInTheOtherExecutorsToo) {
  for (const auto executor : {conduit::async, conduit::thread, conduit::process}) {
    const auto outcome = run("async.interleave", {{"steps", 3}}, {.executor = executor});
    ASSERT_TRUE(outcome.ok()) << outcome.error;
    EXPECT_EQ(outcome.result, Json("test:1"));
    EXPECT_EQ(run("async.fail", {}, {.executor = executor}).kind, Kind::fail);
  }
}

TEST(SdkAsync, WrongArgumentsAreInvalidThereToo) {
  Host host;
  FakeAttempt attempt("async.submit", R"({"nmae":"x"})", "async", {});
  host.start(attempt, "async.submit");
  const auto outcome = attempt.wait();
  EXPECT_EQ(outcome.kind, Kind::invalid);
  EXPECT_EQ(outcome.error_path, "/nmae");
}

TEST(SdkAsync, ACancelWakesACoroutineThatWaits) {
  Host host;
  Options options;
  options.cancel_when = [](const auto& so_far) { return so_far.progress.size() == 1; };
  FakeAttempt attempt("async.wait", "{}", "async", options);
  host.start(attempt, "async.wait");
  EXPECT_EQ(attempt.wait().kind, Kind::cancelled);
  EXPECT_EQ(run("async.wait", {}, options).kind, Kind::cancelled) << "on a loop of its own";
}

TEST(SdkAsync, ACancelFromAnotherThreadAtAnyTimeEndsTheAttemptOnce) {
  Host host;
  for (int i = 0; i < 200; ++i) {
    FakeAttempt attempt("async.wait", "{}", "async", {});
    std::thread canceller([&] { attempt.cancel(); });
    host.start(attempt, "async.wait");
    EXPECT_EQ(attempt.wait().kind, Kind::cancelled);
    canceller.join();
  }
}

TEST(SdkAsync, OneCancelledBeforeItsStartDoesNotRun) {
  const auto outcome = run("async.wait", {}, {.cancel_after = 0ms});
  EXPECT_EQ(outcome.kind, Kind::cancelled);
  EXPECT_TRUE(outcome.progress.empty());
}

TEST(SdkAsync, SubmitIsAwaitable) {
  const auto outcome = run("async.submit", {{"name", "x"}});
  ASSERT_TRUE(outcome.ok()) << outcome.error;
  EXPECT_EQ(outcome.result, Json("test:submitted-1"));
  EXPECT_EQ(outcome.submits.at(0).dump(), R"({"task":"mail.send","args":{"name":"x"}})");
}

TEST(SdkAsync, AnAnswerFromAnotherThreadResumesTheCoroutine) {
  Host host;
  FakeAttempt attempt("async.submit", R"(["x"])", "async", {});
  host.start(attempt, "async.submit");
  Host::answer(host.next_call(), 1, R"(["default:9"])");
  EXPECT_EQ(attempt.wait().result, Json("default:9"));

  FakeAttempt refused("async.submit", R"(["x"])", "async", {});
  host.start(refused, "async.submit");
  Host::answer(host.next_call(), 0, "no such task");
  EXPECT_EQ(refused.wait().error, "submitting mail.send: no such task");
}

TEST(SdkAsync, ACancelEndsTheWaitForAnAnswer) {
  Host host;
  FakeAttempt attempt("async.submit", R"(["x"])", "async", {});
  host.start(attempt, "async.submit");
  const Call open = host.next_call();
  attempt.cancel();
  EXPECT_EQ(attempt.wait().kind, Kind::cancelled);
  Host::answer(open, 0, "too late");  // finds nobody, and frees what the request held
}

TEST(SdkAsync, AForgottenSubmitIsAnsweredBeforeTheAttemptEnds) {
  Host host;
  FakeAttempt attempt("async.forget", "{}", "async", {});
  host.start(attempt, "async.forget");
  const Call open = host.next_call();
  EXPECT_FALSE(attempt.ended());
  Host::answer(open, 0, "no room");
  const auto outcome = attempt.wait();
  EXPECT_TRUE(outcome.ok());
  ASSERT_EQ(outcome.logs.size(), 1U);
  EXPECT_EQ(outcome.logs[0].message, "a job could not be submitted: mail.later: no room");
}

TEST(SdkAsync, AForgottenSubmitIsGivenUpWhenTheAttemptIsCancelled) {
  Host host;
  FakeAttempt attempt("async.forget", "{}", "async", {});
  host.start(attempt, "async.forget");
  const Call open = host.next_call();
  attempt.cancel();
  EXPECT_TRUE(attempt.wait().ok()) << "the work was done all the same";
  Host::answer(open, 0, "too late");
}

TEST(SdkAsync, ACoroutineThatNothingCanWakeFailsInsteadOfHanging) {
  Host host;
  FakeAttempt attempt("async.stuck", "{}", "async", {});
  host.start(attempt, "async.stuck");
  EXPECT_EQ(attempt.wait().error_type, "conduit::Stuck");
  const auto outcome = run("async.stuck", {}, {.executor = conduit::thread});
  EXPECT_EQ(outcome.kind, Kind::retry);
  EXPECT_EQ(outcome.error_type, "conduit::Stuck");
}

TEST(SdkAsync, ACoroutineLeftBehindFindsNoContextAnyMore) {
  Host host;
  FakeAttempt attempt("async.leave_behind", "{}", "async", {});
  host.start(attempt, "async.leave_behind");
  EXPECT_TRUE(attempt.wait().ok());
  EXPECT_FALSE(async_sample::left_behind_found_context.get_future().get());
}

}  // namespace
