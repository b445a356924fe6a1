#include <conduit/async.hpp>
#include <conduit/testing.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::Outcome;
using conduit::testing::run;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// What was said at `level`, in order.
std::vector<std::string> said(const Outcome& outcome, conduit::LogLevel level) {
  std::vector<std::string> lines;
  for (const auto& line : outcome.logs) {
    if (line.level == level) lines.push_back(line.message);
  }
  return lines;
}

Json fields_of(const Outcome& outcome, const std::string& message) {
  for (const auto& line : outcome.logs) {
    if (line.message == message) return line.fields;
  }
  return {};
}

/// The same of a function and of a coroutine, in the executors where each may run.
class Onion : public testing::TestWithParam<std::pair<std::string, conduit::Executor>> {
 protected:
  Outcome run_it(const Json& args, conduit::testing::Options options = {}) const {
    options.executor = GetParam().second;
    return run(GetParam().first, args, options);
  }
};
INSTANTIATE_TEST_SUITE_P(Each, Onion,
                         testing::Values(std::pair{"onion.blocking", conduit::thread},
                                         std::pair{"onion.blocking", conduit::process},
                                         std::pair{"onion.async", conduit::async},
                                         std::pair{"onion.async", conduit::thread}),
                         [](const auto& param) {
                           return param.param.first.substr(6) + "_in_" +
                                  conduit::to_json(param.param.second).text();
                         });

TEST_P(Onion, HighestPriorityIsOutermostAndEqualOnesStandInOrderOfRegistration) {
  const auto outcome = run_it(Json::object());
  EXPECT_EQ(outcome.result, "done");
  EXPECT_THAT(said(outcome, conduit::LogLevel::debug),
              ElementsAre("> outer", "> first-5", "> second-5", "task", "< second-5", "< first-5",
                          "< outer", "worker's on_complete"));
}

TEST_P(Onion, LayerMayAnswerItselfAndMayRunTheTaskTwice) {
  EXPECT_EQ(run_it({{"skip", true}}).result, "skipped");
  EXPECT_EQ(run_it({{"twice", true}}).result, Json::array({"done", "done"}));
}

TEST_P(Onion, LayerSeesWhatTheTaskThrowsAndMayThrowAnother) {
  const auto outcome = run_it({{"throws", "range"}});
  EXPECT_EQ(outcome.kind, Kind::fail);
  EXPECT_EQ(outcome.error, "translated: too far");
}

TEST_P(Onion, ArgumentsThatDoNotFitFailAsWithoutLayers) {
  const auto outcome = run_it({{"throws", 5}});
  EXPECT_EQ(outcome.kind, Kind::invalid);
  EXPECT_EQ(outcome.error_path, "/throws");
}

TEST_P(Onion, CancelledBeforeItBeganNoLayerRuns) {
  const auto outcome = run_it(Json::object(), {.cancel_after = std::chrono::milliseconds(0)});
  EXPECT_EQ(outcome.kind, Kind::cancelled);
  EXPECT_THAT(outcome.hooks, ElementsAre("on_start", "on_complete", "on_complete"));
}

TEST_P(Onion, HooksAreToldHowItEnded) {
  const auto good = run_it(Json::object());
  EXPECT_THAT(good.hooks, ElementsAre("on_start", "on_success", "on_complete", "on_complete"));
  EXPECT_EQ(fields_of(good, "on_success").at("result"), "done");
  EXPECT_EQ(fields_of(good, "on_complete").at("kind"), "complete");

  const auto again = run_it({{"throws", "error"}}, {.attempt = 1, .max_attempts = 2});
  EXPECT_THAT(again.hooks, ElementsAre("on_start", "on_retry", "on_complete", "on_complete"));
  EXPECT_EQ(fields_of(again, "on_retry").at("error"), "broken");

  const auto last = run_it({{"throws", "error"}}, {.attempt = 2, .max_attempts = 2});
  EXPECT_THAT(last.hooks, ElementsAre("on_start", "on_failure", "on_complete", "on_complete"));
  EXPECT_EQ(fields_of(last, "on_complete").at("kind"), "failed");

  EXPECT_THAT(run_it({{"throws", "fail"}}).hooks, testing::Contains("on_failure"));
  EXPECT_THAT(run_it({{"throws", "snooze"}}).hooks,
              ElementsAre("on_start", "on_complete", "on_complete"));
}

TEST(Hooks, OfTheWorkerRunForTasksWithoutAnyAndLayersStandAroundThemToo) {
  const auto outcome = run("onion.plain");
  EXPECT_THAT(outcome.hooks, ElementsAre("on_complete"));
  EXPECT_EQ(said(outcome, conduit::LogLevel::debug).front(), "> outer");
  EXPECT_TRUE(outcome.result.is_null());
}

TEST(Hooks, OneThatThrowsIsReportedAndChangesNothing) {
  const auto outcome = run("onion.bad_hooks");
  EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.result, 1);
  EXPECT_THAT(said(outcome, conduit::LogLevel::warning),
              ElementsAre("on_start failed: std::runtime_error: no such channel",
                          HasSubstr("on_success failed: int: ")));
  ASSERT_EQ(outcome.submits.size(), 1u) << "the next hook ran";
  EXPECT_EQ(outcome.submits[0].at("task"), "mail.send");
}

// Registration.

struct Faults {
  std::vector<std::string> sentences;
  std::vector<std::string> middleware;
  std::vector<std::string> hooks;

  int load(void (*define)(conduit::Plugin&)) {
    conduit_registry registry{};
    registry.size = sizeof registry;
    registry.self = this;
    registry.add_task = [](void*, const conduit_task*) { return 0; };
    registry.fault = [](void* self, conduit_str what) {
      static_cast<Faults*>(self)->sentences.emplace_back(what.data, what.size);
    };
    registry.add_middleware = [](void* self, const conduit_middleware* layer) {
      static_cast<Faults*>(self)->middleware.push_back(
          std::string(layer->name.data, layer->name.size) + ' ' + std::to_string(layer->priority) +
          ' ' + std::to_string(layer->kinds) + ' ' + std::string(layer->task.data, layer->task.size));
      return 0;
    };
    registry.add_hook = [](void* self, const conduit_hook* hook) {
      static_cast<Faults*>(self)->hooks.push_back(std::to_string(hook->event) + ' ' +
                                                  std::string(hook->task.data, hook->task.size));
      return 0;
    };
    return conduit::detail::load_plugin(&conduit::testing::detail::FakeAttempt::api(), &registry,
                                        define);
  }
};

Json pass(conduit::Context&, conduit::Next next) { return next(); }
boost::asio::awaitable<Json> pass_async(conduit::Context&, conduit::AsyncNext next) {
  return next();
}
boost::asio::awaitable<void> coroutine() { co_return; }

TEST(MiddlewareAtLoad, FunctionAroundACoroutineIsRefusedByName) {
  Faults host;
  EXPECT_NE(host.load([](conduit::Plugin& plugin) {
    plugin.use(pass, {.name = "tracing"});
    plugin.task("t.a", coroutine);
    plugin.task("t.b", [] {});
  }),
            0);
  ASSERT_EQ(host.sentences.size(), 1u);
  EXPECT_THAT(host.sentences[0], HasSubstr("task t.a: it is a coroutine, and middleware tracing is a "
                                           "plain function: give both forms"));
}

TEST(MiddlewareAtLoad, CoroutineAroundAFunctionIsRefusedByName) {
  Faults host;
  EXPECT_NE(host.load([](conduit::Plugin& plugin) {
    plugin.task("t.a", coroutine).use(pass_async);
    plugin.task("t.b", [] {}).use(pass_async);
  }),
            0);
  ASSERT_EQ(host.sentences.size(), 1u);
  EXPECT_THAT(host.sentences[0], HasSubstr("task t.b: it is a plain function, and middleware "
                                           "middleware-1 is a coroutine: give both forms"));
}

TEST(MiddlewareAtLoad, LayersAndHooksAreToldToTheHost) {
  Faults host;
  EXPECT_EQ(host.load([](conduit::Plugin& plugin) {
    plugin.use(pass, pass_async, {.priority = -3, .name = "both"});
    plugin.task("t.a", coroutine).use(pass_async, {.name = "own"}).on_retry([] {});
    plugin.on_failure([] {});
  }),
            0);
  EXPECT_THAT(host.sentences, IsEmpty());
  EXPECT_THAT(host.middleware, ElementsAre("both -3 3 ", "own 0 2 t.a"));
  EXPECT_THAT(host.hooks, ElementsAre("2 t.a", "3 "));
}

}  // namespace
