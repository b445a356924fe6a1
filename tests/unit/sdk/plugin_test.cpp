#include <conduit/plugin.hpp>
#include <conduit/testing.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "unit/sdk/sample_plugin.h"

namespace {

using conduit::Json;
using conduit::testing::run;
using conduit::testing::tasks;

const conduit::testing::TaskInfo& task(const std::string& name) {
  return *std::find_if(tasks().begin(), tasks().end(),
                       [&](const auto& info) { return info.name == name; });
}

/// A host that notes what a plugin registers.
struct Registrations {
  std::vector<std::string> names;
  std::vector<std::uint32_t> wants_context;
  std::vector<std::string> faults;
  int starts = 0;
  conduit_host_fn start = nullptr;
  void* start_user = nullptr;

  conduit_registry registry() {
    conduit_registry out{};
    out.size = sizeof out;
    out.self = this;
    out.add_task = [](void* self, const conduit_task* task) {
      of(self).names.emplace_back(task->name.data, task->name.size);
      of(self).wants_context.push_back(task->wants_context);
      return 0;
    };
    out.on_host_start = [](void* self, conduit_host_fn fn, void* user) {
      of(self).start = fn;
      of(self).start_user = user;
      return 0;
    };
    out.on_host_stop = [](void*, conduit_host_fn, void*) { return 0; };
    out.fault = [](void* self, conduit_str what) {
      of(self).faults.emplace_back(what.data, what.size);
    };
    return out;
  }
  static Registrations& of(void* self) { return *static_cast<Registrations*>(self); }
};

int load(Registrations& host, void (*define)(conduit::Plugin&)) {
  const auto registry = host.registry();
  return conduit::detail::load_plugin(&conduit::testing::detail::FakeAttempt::api(), &registry,
                                      define);
}

TEST(SdkPlugin, DescribesItselfThroughItsOneEntryPoint) {
  const conduit_plugin* plugin = conduit_plugin_entry();
  EXPECT_EQ(plugin, conduit_plugin_entry());
  EXPECT_EQ(plugin->size, sizeof(conduit_plugin));
  EXPECT_EQ(plugin->abi_major, CONDUIT_ABI_MAJOR);
  EXPECT_EQ(std::string(plugin->name.data, plugin->name.size), "sample");
  EXPECT_EQ(std::string(plugin->version.data, plugin->version.size), "1.2.3");
  EXPECT_EQ(std::string(plugin->sdk_version.data, plugin->sdk_version.size), CONDUIT_SDK_VERSION);
  EXPECT_EQ(plugin->uses_asio, 0U)
      << "a plugin without coroutines depends on no Boost and no compiler";
}

// Whether a task wants its context is computed once, at registration.
TEST(SdkPlugin, WantsContextIsComputedOnceAtRegistration) {
  EXPECT_TRUE(task("sample.context_between").wants_context);
  EXPECT_TRUE(task("sample.report").wants_context);
  EXPECT_FALSE(task("sample.plain").wants_context);

  // It is a fact of the function's type: known before any attempt, to the compiler even.
  using With = int (*)(int, conduit::Context&);
  using Without = int (*)(int);
  static_assert(conduit::detail::SignatureOf<With>::wants_context);
  static_assert(!conduit::detail::SignatureOf<Without>::wants_context);
  Registrations host;
  EXPECT_EQ(load(host,
                 [](conduit::Plugin& plugin) {
                   plugin.task("a.with", [](conduit::Context&, int) {});
                   plugin.task("a.without", [](int) {});
                 }),
            0);
  EXPECT_EQ(host.wants_context, (std::vector<std::uint32_t>{1, 0}));
}

TEST(SdkPlugin, ReportsOptionsWithTheKeysOfTheConfigurationFile) {
  EXPECT_EQ(task("sample.nothing").options, Json::object());
  EXPECT_EQ(
      task("sample.options").options.dump(),
      R"({"executor":"process","queue":"media","retries":5,)"
      R"("backoff":{"kind":"linear","base":"500ms","max":"1h","jitter":0.0,"delays":[]},"timeout":"30s"})");
}

TEST(SdkPlugin, RunsHostFunctionsOnceForAHost) {
  conduit::testing::stop_host();
  const int started = sample::hosts_started;
  const int stopped = sample::hosts_stopped;
  run("sample.nothing");
  run("sample.nothing");
  EXPECT_EQ(sample::hosts_started, started + 1);
  conduit::testing::stop_host();
  conduit::testing::stop_host();
  EXPECT_EQ(sample::hosts_stopped, stopped + 1);
}

TEST(SdkPlugin, TurnsAnExceptionOfAHostFunctionIntoASentence) {
  Registrations host;
  ASSERT_EQ(load(host,
                 [](conduit::Plugin& plugin) {
                   plugin.on_host_start(
                       [] { throw std::runtime_error("no model at " + std::string(100, 'x')); });
                 }),
            0);
  std::array<char, 40> error{};
  EXPECT_NE(host.start(host.start_user, error.data(), error.size()), 0);
  EXPECT_EQ(std::string(error.data()), "std::runtime_error: no model at xxxxxxx")
      << "cut to the room there is";
}

TEST(SdkPlugin, NotesAFaultWhenItsDefinitionThrows) {
  Registrations host;
  EXPECT_NE(load(host, [](conduit::Plugin&) { throw std::runtime_error("no licence"); }), 0);
  EXPECT_EQ(host.faults,
            (std::vector<std::string>{"loading threw std::runtime_error: no licence"}));
}

TEST(SdkPlugin, NotesEveryFaultOfItsTasks) {
  Registrations host;
  EXPECT_NE(load(host,
                 [](conduit::Plugin& plugin) {
                   plugin.task("a.loop", [] {}).executor(conduit::async);
                   plugin.task("a.names", [](int, conduit::Context&) {}).parameters("one", "two");
                   plugin.task("a.good", [] {});
                 }),
            0);
  ASSERT_EQ(host.faults.size(), 2U);
  EXPECT_EQ(host.faults[0],
            "task a.loop: only a coroutine, a function that returns boost::asio::awaitable, can "
            "run in the async executor");
  EXPECT_EQ(host.faults[1],
            "task a.names: parameters() names 2 parameters, but the function takes 1 besides the "
            "context");
  EXPECT_EQ(host.names, (std::vector<std::string>{"a.good"}));
}

TEST(SdkTesting, NamesTheNearestTaskForAnUnknownOne) {
  try {
    run("sample.nothign");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(),
                 "the plugin has no task \"sample.nothign\"; did you mean \"sample.nothing\"?");
  }
}

}  // namespace
