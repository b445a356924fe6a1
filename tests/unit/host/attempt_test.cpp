#include "host/attempt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "host/attempt_context.h"
#include "host/staging.h"
#include "plugin/abi_check.h"
#include "recording_sink.h"

namespace conduitd::host {
namespace {

using channel::FrameType;
using channel::Outcome;
using plugin::to_abi;
using testing::HasSubstr;

class AttemptTest : public testing::Test {
 protected:
  std::shared_ptr<Attempt> make(std::uint32_t handle = 1) {
    channel::Start start;
    start.task = "a.b";
    start.job_id = "default:1";
    return std::make_shared<Attempt>(handle, start, channel::Executor::thread, sink, owner);
  }
  Outcome outcome() {
    const auto commands = sink.take();
    EXPECT_EQ(commands.back().type, FrameType::outcome);
    return channel::decode<Outcome>(commands.back().body).value();
  }

  test::RecordingSink sink;
  test::CountingOwner owner;
  AttemptTable table;
};

TEST_F(AttemptTest, EndsOnceWithTheSentinelBeforeTheOutcome) {
  const auto attempt = make();
  attempt->begin();
  attempt->set_progress(0.5, "half");
  attempt->complete("1");
  attempt->complete("2");
  attempt->set_progress(1, "late");
  attempt->returned();
  const auto commands = sink.take();
  ASSERT_EQ(commands.size(), 3u);
  EXPECT_EQ(commands[1].type, FrameType::end);
  EXPECT_EQ(channel::decode<Outcome>(commands[2].body).value().payload, "1");
  EXPECT_EQ(channel::decode<Outcome>(commands[2].body).value().cpu_us, 42);
  EXPECT_EQ(owner.endings, 1);
}

TEST_F(AttemptTest, EveryCallIsAnsweredExactlyOnceAtTheLatestWhenItEnds) {
  struct Answers {
    int count = 0;
    int ok = -1;
    std::string text;
  };
  const auto note = [](void* user, int ok, conduit_str text) {
    auto& answers = *static_cast<Answers*>(user);
    ++answers.count;
    answers.ok = ok;
    answers.text = plugin::view(text);
  };
  Answers first;
  Answers second;
  Answers late;
  Answers unknown;
  const auto attempt = make();
  attempt->call(CONDUIT_CALL_SUBMIT, "{}", note, &first);
  attempt->call(CONDUIT_CALL_SUBMIT, "{}", note, &second);
  attempt->call(77, "{}", note, &unknown);
  EXPECT_EQ(unknown.ok, 0);
  const auto call = channel::decode<channel::Call>(sink.take().front().body).value();
  attempt->reply({call.id, true, "[1]"});
  attempt->reply({call.id, true, "[2]"});
  attempt->complete("null");
  attempt->call(CONDUIT_CALL_SUBMIT, "{}", note, &late);
  EXPECT_EQ(first.count, 1);
  EXPECT_EQ(first.text, "[1]");
  EXPECT_EQ(second.count, 1);
  EXPECT_EQ(second.ok, 0);
  EXPECT_EQ(second.text, "the attempt has ended");
  EXPECT_EQ(late.count, 1);
}

TEST_F(AttemptTest, OpenCallsAreBounded) {
  const auto attempt = make();
  int refused = 0;
  const auto count = [](void* user, int ok, conduit_str) { *static_cast<int*>(user) += ok == 0 ? 1 : 0; };
  for (std::size_t i = 0; i < Attempt::kMostOpenCalls + 3; ++i) attempt->call(CONDUIT_CALL_SUBMIT, "{}", count, &refused);
  EXPECT_EQ(refused, 3);
}

TEST_F(AttemptTest, ACancelCallbackRunsOnceAndNotAfterItWasTakenBack) {
  const auto count = [](void* user) { ++*static_cast<int*>(user); };
  int calls = 0;
  const auto attempt = make();
  attempt->on_cancel(count, &calls);
  attempt->on_cancel(nullptr, nullptr);
  attempt->mark_cancelled();
  attempt->run_cancel_callback();
  EXPECT_EQ(calls, 0);
  attempt->on_cancel(count, &calls);
  EXPECT_EQ(calls, 1) << "at once, when it was asked to stop before";
  attempt->run_cancel_callback();
  EXPECT_EQ(calls, 1);
}

TEST_F(AttemptTest, WhenCompleteHasReturnedNoCallbackRunsOnAnotherThread) {
  struct Shared {
    std::promise<void> entered;
    std::promise<void> go_on;
    std::atomic<bool> left{false};
  } shared;
  const auto attempt = make();
  attempt->on_cancel(
      [](void* user) {
        auto& state = *static_cast<Shared*>(user);
        state.entered.set_value();
        state.go_on.get_future().wait();
        state.left = true;
      },
      &shared);
  attempt->mark_cancelled();
  std::thread canceller([&] { attempt->run_cancel_callback(); });
  shared.entered.get_future().wait();
  std::thread opener([&] { shared.go_on.set_value(); });
  attempt->complete("null");
  EXPECT_TRUE(shared.left);
  canceller.join();
  opener.join();
}

TEST_F(AttemptTest, ACallbackMayCallTheApi) {
  const auto attempt = make();
  attempt->on_cancel(
      [](void* user) {
        auto& self = *static_cast<Attempt*>(user);
        self.on_cancel(nullptr, nullptr);
        self.complete("\"stopped\"");
      },
      attempt.get());
  attempt->mark_cancelled();
  attempt->run_cancel_callback();
  EXPECT_EQ(outcome().payload, "\"stopped\"");
}

TEST_F(AttemptTest, AFailureWithoutASizeStillFails) {
  const auto attempt = make();
  attempt->fail({});
  EXPECT_EQ(outcome().error_type, "abi");
}

TEST_F(AttemptTest, F76_AnErrorIsCutAndADetailThatIsNoJsonIsLeftOut) {
  const std::string text(100'000, 'x');
  conduit_failure failure{};
  failure.size = sizeof failure;
  failure.message = to_abi(text);
  failure.detail = to_abi("{oops");
  const auto attempt = make();
  attempt->fail(failure);
  const auto ended = outcome();
  EXPECT_LE(ended.error_message.size(), Attempt::kLongestError + 64);
  EXPECT_EQ(ended.payload, "");
}

TEST_F(AttemptTest, WhatAPluginHoldsFindsNothingOnceTheAttemptHasEnded) {
  const auto first = make(7);
  auto* const token = table.add(first);
  ASSERT_NE(token, nullptr);
  EXPECT_EQ(table.add(make(7)), nullptr) << "the handle is in use";
  EXPECT_EQ(table.find(token), first);
  table.remove(*first);
  EXPECT_EQ(table.find(token), nullptr);
  auto* const again = table.add(make(7));
  EXPECT_NE(again, token);
  EXPECT_EQ(table.find(token), nullptr) << "though the handle is in use again";
  EXPECT_NE(table.find(again), nullptr);
}

TEST_F(AttemptTest, LateCallsThroughTheApiDoNothing) {
  const auto& api = context_api();
  auto* const stale = reinterpret_cast<conduit_attempt*>(std::uintptr_t{99} << 32 | 1);
  for (auto* const token : {stale, static_cast<conduit_attempt*>(nullptr)}) {
    EXPECT_EQ(api.cancelled(token), 1);
    EXPECT_EQ(api.info(token)->job_id.size, 0u);
    api.set_progress(token, 1, to_abi("late"));
    api.complete(token, to_abi("1"));
    api.fail(token, nullptr);
    int refused = 0;
    api.call(token, CONDUIT_CALL_SUBMIT, to_abi("{}"), [](void* user, int ok, conduit_str) {
      *static_cast<int*>(user) = ok == 0 ? 1 : 0;
    }, &refused);
    EXPECT_EQ(refused, 1);
  }
}

TEST_F(AttemptTest, ASentenceSaysWhenUserCodeReturnedWithoutAnOutcome) {
  const auto attempt = make();
  attempt->returned();
  EXPECT_THAT(outcome().error_message, HasSubstr("without complete or fail"));
}

TEST_F(AttemptTest, StagedWorkIsTakenInOrderOrWithdrawn) {
  Staging staging;
  std::vector<Work> arrived{{make(1)}, {make(2)}, {make(3)}};
  const auto second = arrived[1].attempt;
  staging.put(arrived);
  EXPECT_TRUE(arrived.empty());
  EXPECT_TRUE(staging.withdraw(*second));
  EXPECT_FALSE(staging.withdraw(*second));
  EXPECT_EQ(staging.next()->attempt->handle(), 1u);
  EXPECT_EQ(staging.next()->attempt->handle(), 3u);
  staging.close();
  EXPECT_FALSE(staging.next());
}

/// An attempt with one hook for each of two ends; what they were told is kept.
class AttemptHooksTest : public AttemptTest {
 protected:
  struct Told {
    std::uint32_t kind;
    std::int64_t after;
    std::string message;
  };
  AttemptHooksTest() {
    for (const auto event : {CONDUIT_HOOK_SUCCESS, CONDUIT_HOOK_RETRY}) handler.hooks.push_back({"p", event, note, this});
  }
  static int note(void* user, conduit_attempt*, const conduit_end* end, char*, std::size_t) {
    static_cast<AttemptHooksTest*>(user)->told.push_back({end->kind, end->retry_after_ms, std::string(plugin::view(end->message))});
    return 0;
  }
  std::shared_ptr<Attempt> begun() {
    auto attempt = make();
    attempt->watch(Hooks(handler, registry), nullptr);
    attempt->begin();
    return attempt;
  }
  static Outcome failure() {
    Outcome outcome;
    outcome.kind = Outcome::Kind::retry;
    outcome.error_message = "broken";
    return outcome;
  }
  static channel::Reply verdict(channel::Verdict::Kind kind) {
    return {0, true, channel::encode(channel::Verdict{kind, 9, "type", "as the supervisor says", {}})};
  }

  plugin::Registry registry;
  plugin::TaskHandler handler;
  std::vector<Told> told;
};

TEST_F(AttemptHooksTest, OutcomeIsSentFirstThenTheHooksRunThenItEnds) {
  const auto attempt = begun();
  attempt->complete("1");
  EXPECT_THAT(owner.urgent, testing::ElementsAre(FrameType::call));
  EXPECT_EQ(owner.endings, 0) << "user code has not returned";
  attempt->complete("2");
  attempt->returned();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, std::uint32_t{CONDUIT_END_COMPLETE});
  EXPECT_EQ(outcome().kind, Outcome::Kind::complete);
  EXPECT_EQ(owner.endings, 1);
}

TEST_F(AttemptHooksTest, OfAFailureTheSupervisorIsAskedWhatItMeans) {
  const auto attempt = begun();
  attempt->end_with(failure());
  auto returned = std::async(std::launch::async, [&] { attempt->returned(); });
  attempt->reply(verdict(channel::Verdict::Kind::retry));
  returned.get();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, std::uint32_t{CONDUIT_END_RETRY});
  EXPECT_EQ(told[0].after, 9);
  EXPECT_EQ(told[0].message, "as the supervisor says");
  EXPECT_EQ(owner.endings, 1);
}

TEST_F(AttemptHooksTest, OnAnEventLoopItEndsWhenTheAnswersToWhatHooksSubmittedHaveCome) {
  owner.loop = true;
  const auto attempt = begun();
  attempt->end_with(failure());
  EXPECT_TRUE(told.empty());
  int answers = 0;
  attempt->call(CONDUIT_CALL_SUBMIT, "{}", [](void* user, int, conduit_str) { ++*static_cast<int*>(user); }, &answers);
  attempt->reply(verdict(channel::Verdict::Kind::failed));
  EXPECT_TRUE(told.empty()) << "no hook is registered for that end";
  EXPECT_EQ(owner.endings, 0) << "a call is open";
  attempt->reply({1, true, "[]"});
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(owner.endings, 1);
}

TEST_F(AttemptHooksTest, OneThatIsThereForTheHooksOfAnEndRunsNothingElse) {
  for (const bool loop : {false, true}) {
    owner.loop = loop;
    owner.endings = 0;
    told.clear();
    const auto attempt = make();
    attempt->watch(Hooks(handler, registry), nullptr);
    attempt->only_hooks({channel::Verdict::Kind::retry, 9, "signal", "its host died", {}}, 17);
    attempt->begin();
    attempt->complete("1");
    if (loop) attempt->start(nullptr);
    if (!loop) attempt->run();
    if (!loop) attempt->returned();
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].message, "its host died");
    EXPECT_EQ(owner.endings, 1);
    EXPECT_TRUE(owner.urgent.empty()) << "the supervisor has decided";
  }
  const auto withdrawn = make();
  withdrawn->watch(Hooks(handler, registry), nullptr);
  withdrawn->only_hooks({}, 0);
  Outcome cancelled;
  cancelled.kind = Outcome::Kind::cancelled;
  withdrawn->never_began(cancelled);
  EXPECT_EQ(outcome().kind, Outcome::Kind::cancelled);
}

TEST_F(AttemptHooksTest, OneThatWasGivenUpRunsNone) {
  const auto before = begun();
  before->forget_hooks();
  before->end_with(failure());
  EXPECT_EQ(owner.endings, 1);
  const auto meanwhile = begun();
  meanwhile->end_with(failure());
  meanwhile->forget_hooks();
  meanwhile->reply(verdict(channel::Verdict::Kind::returned));
  meanwhile->returned();
  EXPECT_EQ(owner.endings, 2);
  EXPECT_TRUE(told.empty());
}

TEST_F(AttemptHooksTest, WithoutAHookForItsEndNothingIsAsked) {
  handler.hooks.erase(handler.hooks.begin() + 1);
  const auto attempt = begun();
  attempt->end_with(failure());
  EXPECT_TRUE(owner.urgent.empty());
  EXPECT_EQ(owner.endings, 1);
  const auto never = make(2);
  never->watch(Hooks(handler, registry), nullptr);
  never->complete("1");
  EXPECT_TRUE(owner.urgent.empty()) << "it never began";
  EXPECT_EQ(owner.endings, 2);
}

}  // namespace
}  // namespace conduitd::host
