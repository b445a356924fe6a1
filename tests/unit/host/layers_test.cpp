// An attempt whose task has layers of the worker around it, through the functions that plugins are given.
#include "host/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <future>
#include <list>
#include <thread>

#include "host/attempt_context.h"
#include "plugin/abi_check.h"
#include "recording_sink.h"
#include "support/result_matchers.h"

namespace conduitd::host {
namespace {

using channel::FrameType;
using channel::Outcome;
using plugin::to_abi;
using plugin::view;
using testing::ElementsAre;
using testing::HasSubstr;

const conduit_api& api() { return context_api(); }

struct GivenLayer {
  const char* name;
  int priority;
  std::function<void(conduit_attempt*, conduit_next*)> body;
};

/// One attempt with the layers that a test gives, in both forms, and a task.
class LayersTest : public testing::Test {
 protected:
  ~LayersTest() override {
    if (attempt) attempts().remove(*attempt);
  }

  void layer(const char* name, int priority, std::function<void(conduit_attempt*, conduit_next*)> body) {
    given.push_back({name, priority, std::move(body)});
  }
  void begin(channel::Executor executor, std::function<void(conduit_attempt*)> body) {
    task = std::move(body);
    load();
    handler.user = &task;
    handler.run = [](void* user, conduit_attempt* of) { (*static_cast<std::function<void(conduit_attempt*)>*>(user))(of); };
    handler.start = [](void* user, conduit_attempt* of, void*) { (*static_cast<std::function<void(conduit_attempt*)>*>(user))(of); };
    channel::Start start;
    start.task = "a.b";
    start.job_id = "default:1";
    attempt = std::make_shared<Attempt>(9, start, executor, sink, owner);
    token = attempts().add(attempt);
    attempt->surround(Layers(handler, registry, executor), token);
    attempt->begin();
  }
  /// Runs it in the thread executor.
  void run(std::function<void(conduit_attempt*)> body) {
    begin(channel::Executor::thread, std::move(body));
    attempt->run();
    attempt->returned();
  }
  /// Starts it on a loop, and runs that until there is nothing left to do.
  void start(std::function<void(conduit_attempt*)> body) {
    owner.loop = true;
    begin(channel::Executor::async, std::move(body));
    attempt->start(&io);
    io.run();
  }
  Outcome outcome() {
    const auto commands = sink.take();
    if (commands.empty() || commands.back().type != FrameType::outcome) throw std::runtime_error("it has not ended");
    return channel::decode<Outcome>(commands.back().body).value();
  }

  std::vector<GivenLayer> given;
  std::function<void(conduit_attempt*)> task;
  std::vector<std::string> said;
  plugin::Registry registry;
  plugin::TaskHandler handler;
  test::RecordingSink sink;
  test::CountingOwner owner;
  boost::asio::io_context io;
  std::shared_ptr<Attempt> attempt;
  conduit_attempt* token = nullptr;

 private:
  static inline LayersTest* loading = nullptr;
  void load() {
    loading = this;
    conduit_plugin described{};
    described.size = sizeof described;
    described.abi_major = CONDUIT_ABI_MAJOR;
    described.name = to_abi("around");
    described.load = [](const conduit_api*, const conduit_registry* host) {
      for (auto& each : loading->given) {
        conduit_middleware out{};
        out.size = sizeof out;
        out.priority = each.priority;
        out.scope = CONDUIT_SCOPE_WORKER;
        out.name = to_abi(each.name);
        out.user = &each;
        out.run = [](void* user, conduit_attempt* of, conduit_next* next) { static_cast<GivenLayer*>(user)->body(of, next); };
        out.start = [](void* user, conduit_attempt* of, void*, conduit_next* next) { static_cast<GivenLayer*>(user)->body(of, next); };
        host->add_middleware(host->self, &out);
      }
      return 0;
    };
    if (!given.empty()) EXPECT_OK(registry.load(described, api()));
  }
};

/// Ends a layer as what is inside of it ended.
void pass_on(conduit_attempt* attempt, const conduit_inner_end& end) {
  if (end.failure != nullptr) return api().fail(attempt, end.failure);
  api().complete(attempt, end.result);
}

/// `message` must outlive it.
conduit_failure failure_of(std::string_view message) {
  return {sizeof(conduit_failure), CONDUIT_FAILURE_SNOOZE, 77, to_abi("library::Error"), to_abi(message), to_abi(R"({"code":5})")};
}

TEST_F(LayersTest, HighestPriorityIsOutermostAndEqualOnesStandInOrderOfRegistration) {
  const auto noting = [this](const char* name) {
    return [this, name](conduit_attempt* of, conduit_next* next) {
      said.emplace_back(std::string("> ") + name);
      const auto result = std::string(view(api().run_next(of, next)->result)) + name;
      said.emplace_back(std::string("< ") + name);
      api().complete(of, to_abi("\"" + result.substr(result.rfind('"') + 1) + "\""));
    };
  };
  layer("first", 1, noting("first"));
  layer("second", 1, noting("second"));
  layer("outer", 10, noting("outer"));
  run([this](conduit_attempt* of) {
    said.emplace_back("task");
    api().complete(of, to_abi("1"));
  });
  EXPECT_THAT(said, ElementsAre("> outer", "> first", "> second", "task", "< second", "< first", "< outer"));
  EXPECT_EQ(outcome().payload, "\"outer\"");
  EXPECT_EQ(owner.endings, 1);
}

TEST_F(LayersTest, AFailurePassedOnIsTheOneItWouldBeWithoutTheLayers) {
  const std::string message(20'000, 'x');
  const auto fail = [&](conduit_attempt* of) {
    const auto failure = failure_of(message);
    api().fail(of, &failure);
  };
  const auto pass = [](conduit_attempt* of, conduit_next* next) { pass_on(of, *api().run_next(of, next)); };
  run(fail);
  auto plain = outcome();
  attempts().remove(*attempt);
  layer("a", 0, pass);
  layer("b", 0, pass);
  run(fail);
  auto layered = outcome();
  plain.duration_us = layered.duration_us = 0;
  EXPECT_EQ(channel::encode(layered), channel::encode(plain));
  EXPECT_EQ(layered.kind, Outcome::Kind::snooze);
  EXPECT_EQ(layered.after_ms, 77);
  EXPECT_EQ(layered.payload, R"({"code":5})");
}

TEST_F(LayersTest, NextCalledAgainRunsTheInsideAgain) {
  int runs = 0;
  layer("again", 0, [](conduit_attempt* of, conduit_next* next) {
    if (const auto* first = api().run_next(of, next); first->failure == nullptr) return pass_on(of, *first);
    pass_on(of, *api().run_next(of, next));
  });
  run([&](conduit_attempt* of) {
    const auto failure = failure_of("the first time");
    if (++runs == 1) return api().fail(of, &failure);
    api().complete(of, to_abi("2"));
    api().complete(of, to_abi("3"));  // the first counts
  });
  EXPECT_EQ(outcome().payload, "2");
}

TEST_F(LayersTest, WithoutNextTheTaskDoesNotRun) {
  layer("cached", 0, [](conduit_attempt* of, conduit_next*) { api().complete(of, to_abi("\"cached\"")); });
  run([](conduit_attempt*) { FAIL(); });
  EXPECT_EQ(outcome().payload, "\"cached\"");
}

void count(void* user) { ++*static_cast<int*>(user); }

TEST_F(LayersTest, TheInsideHasACancelCallbackOfItsOwnAndTheLayersIsPutBack) {
  int layers = 0;
  int tasks = 0;
  layer("listens", 0, [&](conduit_attempt* of, conduit_next* next) {
    api().on_cancel(of, count, &layers);
    const auto* end = api().run_next(of, next);
    EXPECT_EQ(tasks, 0);
    attempt->mark_cancelled();
    attempt->run_cancel_callback();
    pass_on(of, *end);
  });
  run([&](conduit_attempt* of) {
    api().on_cancel(of, count, &tasks);
    api().complete(of, to_abi("1"));
  });
  EXPECT_EQ(tasks, 0) << "it had ended";
  EXPECT_EQ(layers, 1);
}

TEST_F(LayersTest, AskedToStopInsideTheLayerIsToldWhenTheInsideHasEnded) {
  int layers = 0;
  int tasks = 0;
  layer("listens", 0, [&](conduit_attempt* of, conduit_next* next) {
    api().on_cancel(of, count, &layers);
    const auto* end = api().run_next(of, next);
    EXPECT_EQ(layers, 1);
    pass_on(of, *end);
  });
  run([&](conduit_attempt* of) {
    api().on_cancel(of, count, &tasks);
    attempt->mark_cancelled();
    attempt->run_cancel_callback();
    EXPECT_EQ(tasks, 1);
    EXPECT_EQ(layers, 0);
    api().complete(of, to_abi("1"));
  });
  EXPECT_EQ(tasks, 1);
  EXPECT_EQ(layers, 1);
}

TEST_F(LayersTest, CallsOfTheInsideAreRefusedAtItsEndAndThoseOfTheLayerStayOpen) {
  struct Answers {
    int count = 0;
    int ok = -1;
    std::string text;
  };
  const auto note = [](void* user, int ok, conduit_str text) {
    auto& answers = *static_cast<Answers*>(user);
    ++answers.count;
    answers.ok = ok;
    answers.text = view(text);
  };
  Answers of_layer;
  Answers of_task;
  layer("asks", 0, [&](conduit_attempt* of, conduit_next* next) {
    api().call(of, CONDUIT_CALL_SUBMIT, to_abi("{}"), note, &of_layer);
    const auto* end = api().run_next(of, next);
    EXPECT_EQ(of_task.count, 1);
    EXPECT_EQ(of_layer.count, 0);
    attempt->reply({2, true, "[\"late\"]"});
    attempt->reply({1, true, "[1]"});
    pass_on(of, *end);
  });
  run([&](conduit_attempt* of) {
    api().call(of, CONDUIT_CALL_SUBMIT, to_abi("{}"), note, &of_task);
    api().complete(of, to_abi("1"));
  });
  EXPECT_EQ(of_task.count, 1);
  EXPECT_EQ(of_task.text, "the attempt has ended");
  EXPECT_EQ(of_layer.count, 1);
  EXPECT_EQ(of_layer.text, "[1]");
}

TEST_F(LayersTest, WhatReturnsWithoutAnEndIsNamed) {
  std::string inside;
  layer("silent", 0, [&](conduit_attempt* of, conduit_next* next) {
    const auto* end = api().run_next(of, next);
    inside = view(end->failure->message);
  });
  run([](conduit_attempt*) {});
  EXPECT_EQ(inside, "the task returned without complete or fail");
  EXPECT_EQ(outcome().error_message, "middleware 'silent' of plugin 'around' returned without complete or fail");
}

TEST_F(LayersTest, NextRunsNothingWhereItIsNotItsTurn) {
  conduit_next* kept = nullptr;
  int runs = 0;
  layer("outer", 1, [&](conduit_attempt* of, conduit_next* next) {
    kept = next;
    const auto* end = api().run_next(of, next);
    EXPECT_EQ(view(api().run_next(of, to_next(2))->failure->type), "abi") << "that is the other layer's";
    EXPECT_EQ(view(api().run_next(of, to_next(40))->failure->type), "abi");
    pass_on(of, *end);
    EXPECT_EQ(view(api().run_next(of, next)->failure->type), "abi") << "it has ended";
  });
  layer("inner", 0, [&](conduit_attempt* of, conduit_next* next) {
    api().start_next(of, next, [](void*, const conduit_inner_end* end) { EXPECT_EQ(view(end->failure->type), "abi"); }, nullptr);
    pass_on(of, *api().run_next(of, next));
    EXPECT_EQ(view(api().run_next(of, next)->failure->type), "abi") << "it has ended";
  });
  run([&](conduit_attempt* of) {
    ++runs;
    EXPECT_EQ(view(api().run_next(of, kept)->failure->type), "abi");
    api().complete(of, to_abi("1"));
  });
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(outcome().payload, "1");
}

TEST_F(LayersTest, WhenTheInsidesCompleteHasReturnedNoCallbackOfItRunsOnAnotherThread) {
  struct Shared {
    std::promise<void> entered;
    std::promise<void> go_on;
    std::atomic<bool> left{false};
  } shared;
  std::thread canceller;
  std::thread opener;
  layer("waits", 0, [&](conduit_attempt* of, conduit_next* next) {
    const auto* end = api().run_next(of, next);
    EXPECT_TRUE(shared.left);
    pass_on(of, *end);
  });
  run([&](conduit_attempt* of) {
    api().on_cancel(
        of,
        [](void* user) {
          auto& state = *static_cast<Shared*>(user);
          state.entered.set_value();
          state.go_on.get_future().wait();
          state.left = true;
        },
        &shared);
    attempt->mark_cancelled();
    canceller = std::thread([&] { attempt->run_cancel_callback(); });
    shared.entered.get_future().wait();
    opener = std::thread([&] { shared.go_on.set_value(); });
    api().complete(of, to_abi("1"));
    EXPECT_TRUE(shared.left);
  });
  canceller.join();
  opener.join();
}

/// What an asynchronous layer of a test needs to go on.
struct AsyncLayer {
  conduit_attempt* attempt = nullptr;
  conduit_next* next = nullptr;
  int tries = 0;
};

TEST_F(LayersTest, OnALoopALayerIsCalledBackWhenTheInsideHasEnded) {
  AsyncLayer state;
  layer("again", 0, [&](conduit_attempt* of, conduit_next* next) {
    state = {of, next, 1};
    const auto ended = [](void* user, const conduit_inner_end* end) {
      auto& self = *static_cast<AsyncLayer*>(user);
      pass_on(self.attempt, *end);
    };
    const auto first = [](void* user, const conduit_inner_end* end) {
      auto& self = *static_cast<AsyncLayer*>(user);
      EXPECT_EQ(view(end->failure->message), "the first time");
      ++self.tries;
    };
    api().start_next(of, next, first, &state);
    api().start_next(of, next, ended, &state);
  });
  layer("inner", -1, [](conduit_attempt* of, conduit_next* next) {
    api().start_next(of, next, [](void* user, const conduit_inner_end* end) { pass_on(static_cast<conduit_attempt*>(user), *end); }, of);
  });
  start([&](conduit_attempt* of) {
    const auto failure = failure_of("the first time");
    if (state.tries == 1) return api().fail(of, &failure);
    api().complete(of, to_abi("7"));
  });
  EXPECT_EQ(outcome().payload, "7");
  EXPECT_EQ(owner.endings, 1);
}

TEST_F(LayersTest, OnALoopTheInsideMayEndOnAnotherThreadAndIsStartedOnTheLoopAgain) {
  AsyncLayer state;
  std::vector<std::thread::id> ran_on;
  std::list<std::thread> threads;
  auto open = boost::asio::make_work_guard(io);
  layer("again", 0, [&](conduit_attempt* of, conduit_next* next) {
    state = {of, next, 0};
    api().start_next(
        of, next,
        [](void* user, const conduit_inner_end*) {
          auto& self = *static_cast<AsyncLayer*>(user);
          const auto last = [](void* it, const conduit_inner_end* end) { pass_on(static_cast<AsyncLayer*>(it)->attempt, *end); };
          api().start_next(self.attempt, self.next, last, user);
        },
        &state);
  });
  std::atomic<int> done{0};
  start([&](conduit_attempt* of) {
    ran_on.push_back(std::this_thread::get_id());
    threads.emplace_back([&, of] {
      api().complete(of, to_abi("8"));
      if (++done == 2) open.reset();
    });
  });
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(ran_on, ElementsAre(std::this_thread::get_id(), std::this_thread::get_id()));
  EXPECT_EQ(outcome().payload, "8");
}

TEST_F(LayersTest, HooksAreToldOfTheEndThatTheOutermostLayerGives) {
  std::string told;
  handler.hooks.push_back({"p", CONDUIT_HOOK_SUCCESS,
                           [](void* user, conduit_attempt*, const conduit_end* end, char*, std::size_t) {
                             *static_cast<std::string*>(user) += view(end->result);
                             return 0;
                           },
                           &told});
  layer("replaces", 0, [](conduit_attempt* of, conduit_next* next) {
    api().run_next(of, next);
    api().complete(of, to_abi("\"mended\""));
  });
  begin(channel::Executor::thread, [](conduit_attempt* of) {
    const auto failure = failure_of("broken");
    api().fail(of, &failure);
  });
  attempt->watch(Hooks(handler, registry), token);
  attempt->run();
  attempt->returned();
  EXPECT_EQ(told, "\"mended\"");
}

}  // namespace
}  // namespace conduitd::host
