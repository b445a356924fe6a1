// Layers of the worker, as a plugin's tests run them.
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
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> notes(const Outcome& outcome) {
  std::vector<std::string> lines;
  for (const auto& line : outcome.logs) {
    if (line.level == conduit::LogLevel::debug) lines.push_back(line.message);
  }
  return lines;
}

/// The same of a function and of a coroutine, in the executors where each may run.
class WorkersLayers : public testing::TestWithParam<std::pair<std::string, conduit::Executor>> {
 protected:
  static Outcome run_it(const Json& args, conduit::testing::Options options = {}) {
    options.executor = GetParam().second;
    return conduit::testing::run(GetParam().first, args, options);
  }
};
INSTANTIATE_TEST_SUITE_P(Each, WorkersLayers,
                         testing::Values(std::pair{"layered.blocking", conduit::thread},
                                         std::pair{"layered.blocking", conduit::process},
                                         std::pair{"layered.async", conduit::async},
                                         std::pair{"layered.async", conduit::thread}),
                         [](const auto& param) {
                           return param.param.first.substr(8) + "_in_" +
                                  conduit::to_json(param.param.second).text();
                         });

TEST_P(WorkersLayers, StandOutsideOfThePluginsOwnWhateverItsPriority) {
  const auto outcome = run_it(Json::object());
  EXPECT_EQ(outcome.result, "done");
  if (GetParam().second == conduit::async) {
    EXPECT_THAT(notes(outcome), ElementsAre("> only_async", "> outer", "> inner", "> own", "task", "< outer"));
  } else {
    EXPECT_THAT(notes(outcome), ElementsAre("> outer", "> inner", "> own", "task", "< outer"));
  }
  EXPECT_EQ(outcome.submits.size(), 1u);
}

TEST_P(WorkersLayers, MayReplaceAResultAndRunTheTaskAgain) {
  EXPECT_EQ(run_it({{"layer", "replace"}}).result, Json({{"was", "done"}}));
  const auto again = run_it({{"layer", "again"}, {"throws", "once"}});
  EXPECT_EQ(again.result, "done") << again.error;
  EXPECT_THAT(notes(again), testing::Contains(HasSubstr("the first time")));
}

TEST_P(WorkersLayers, SeeWhatTheTaskThrewAndLetItThroughAsItWas) {
  const auto error = run_it({{"throws", "error"}});
  EXPECT_EQ(error.kind, Kind::retry);
  EXPECT_EQ(error.error_type, "std::runtime_error");
  EXPECT_EQ(error.error, "broken");
  EXPECT_THAT(notes(error), testing::Contains("0 std::runtime_error broken  -"));

  const auto invalid = run_it({{"throws", "invalid"}});
  EXPECT_EQ(invalid.kind, Kind::invalid);
  EXPECT_EQ(invalid.error_type, "conduit::InvalidArguments");
  EXPECT_EQ(invalid.error_path, "/width");
  EXPECT_THAT(notes(invalid), testing::Contains(R"(2 conduit::InvalidArguments too wide {"path":"/width"} -)"));

  const auto retry = run_it({{"throws", "retry"}});
  EXPECT_EQ(retry.after, std::chrono::milliseconds(9));
  EXPECT_EQ(retry.error_type, "conduit::Retry");
  const auto snooze = run_it({{"throws", "snooze"}});
  EXPECT_EQ(snooze.kind, Kind::snooze);
  EXPECT_EQ(snooze.after, std::chrono::milliseconds(7));
  EXPECT_EQ(run_it({{"throws", "fail"}}).kind, Kind::fail);
  EXPECT_EQ(run_it({{"throws", 5}}).error_path, "/throws");
}

TEST_P(WorkersLayers, MayThrowAnother) {
  const auto outcome = run_it({{"throws", "error"}, {"layer", "translate"}});
  EXPECT_EQ(outcome.kind, Kind::fail);
  EXPECT_EQ(outcome.error, "translated");
}

TEST_P(WorkersLayers, CancelledBeforeItBeganNoLayerRuns) {
  const auto outcome = run_it(Json::object(), {.cancel_after = std::chrono::milliseconds(0)});
  EXPECT_EQ(outcome.kind, Kind::cancelled);
  EXPECT_THAT(notes(outcome), testing::IsEmpty());
}

TEST(WorkersLayersOfACoroutine, ACancelReachesTheTaskInside) {
  for (const auto executor : {conduit::async, conduit::thread}) {
    conduit::testing::Options options;
    options.executor = executor;
    options.cancel_when = [](const Outcome& so_far) { return !so_far.progress.empty(); };
    const auto outcome = conduit::testing::run("layered.async", {{"throws", "waits"}}, options);
    EXPECT_EQ(outcome.kind, Kind::cancelled) << outcome.error;
    EXPECT_THAT(notes(outcome), testing::Contains("3 conduit::Cancelled cancelled  -"));
  }
}

TEST(WorkersLayersAtLoad, OneOfATaskAloneIsRefused) {
  std::string fault;
  conduit_registry registry{};
  registry.size = sizeof registry;
  registry.self = &fault;
  registry.add_task = [](void*, const conduit_task*) { return 0; };
  registry.fault = [](void* self, conduit_str what) {
    static_cast<std::string*>(self)->assign(what.data, what.size);
  };
  const auto define = [](conduit::Plugin& plugin) {
    plugin.task("t.a", [] {}).use([](conduit::Context&, conduit::Next next) { return next(); },
                                  {.name = "wide", .scope = conduit::LayerScope::worker});
  };
  EXPECT_NE(conduit::detail::load_plugin(&conduit::testing::detail::FakeAttempt::api(), &registry, define), 0);
  EXPECT_THAT(fault, HasSubstr("task t.a: middleware wide has the scope of the worker, which is for plugin.use()"));
}

}  // namespace
