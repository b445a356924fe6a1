#include "plugin/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "plugin/abi_check.h"
#include "support/result_matchers.h"

namespace conduitd::plugin {
namespace {

using testing::HasSubstr;

void run(void*, conduit_attempt*) {}

/// Registers the names in `Names`, as a plugin of that name.
template <const char* const* Names>
conduit_plugin plugin(const char* name) {
  conduit_plugin out{};
  out.size = sizeof out;
  out.abi_major = CONDUIT_ABI_MAJOR;
  out.name = to_abi(name);
  out.load = [](const conduit_api*, const conduit_registry* registry) {
    for (const char* const* each = Names; *each != nullptr; ++each) {
      conduit_task task{};
      task.size = sizeof task;
      task.name = to_abi(*each);
      task.wants_context = 1;
      task.run = run;
      if (registry->add_task(registry->self, &task) != 0) return 1;
    }
    return registry->on_host_start(registry->self, [](void*, char*, std::size_t) { return 0; }, nullptr);
  };
  return out;
}

const char* const kFirst[] = {"a.one", "a.two", nullptr};
const char* const kSecond[] = {"b.one", "a.two", nullptr};

TEST(Registry, KeepsWhatAPluginRegistered) {
  Registry registry;
  const conduit_api api{};
  EXPECT_OK(registry.load(plugin<kFirst>("a"), api));
  ASSERT_NE(registry.find("a.two"), nullptr);
  EXPECT_TRUE(registry.find("a.two")->wants_context);
  EXPECT_EQ(registry.find("a.three"), nullptr);
  EXPECT_EQ(registry.start_hooks().size(), 1u);
}

TEST(Registry, TakesNothingFromAPluginWhoseNameIsTaken_F59) {
  Registry registry;
  const conduit_api api{};
  EXPECT_OK(registry.load(plugin<kFirst>("a"), api));
  const auto second = registry.load(plugin<kSecond>("b"), api);
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().message(), HasSubstr("task 'a.two' is registered by plugin 'a' already"));
  EXPECT_EQ(registry.find("b.one"), nullptr);
  EXPECT_EQ(registry.start_hooks().size(), 1u);
}

/// Loads a plugin "h" with the task "h.run" that registers what `more` does.
template <class More>
std::string fault_of(Registry& registry, More) {
  conduit_plugin out{};
  out.size = sizeof out;
  out.abi_major = CONDUIT_ABI_MAJOR;
  out.name = to_abi("h");
  out.load = [](const conduit_api*, const conduit_registry* host) {
    conduit_task task{};
    task.size = sizeof task;
    task.name = to_abi("h.run");
    task.run = run;
    host->add_task(host->self, &task);
    More{}(*host);
    return 0;
  };
  const conduit_api api{};
  const auto loaded = registry.load(out, api);
  return loaded.has_value() ? "" : loaded.error().message();
}

int hook(void*, conduit_attempt*, const conduit_end*, char*, std::size_t) { return 0; }

conduit_middleware layer(const char* name, int priority, std::uint32_t kinds) {
  conduit_middleware out{};
  out.size = sizeof out;
  out.priority = priority;
  out.kinds = kinds;
  out.name = to_abi(name);
  return out;
}
void run_layer(void*, conduit_attempt*, conduit_next*) {}
void start_layer(void*, conduit_attempt*, void*, conduit_next*) {}

TEST(Registry, KeepsLayersOfTheWorkerByFormOutermostFirst) {
  Registry registry;
  const auto more = [](const conduit_registry& host) {
    auto inner = layer("inner", -1, 0);
    inner.scope = CONDUIT_SCOPE_WORKER;
    inner.run = run_layer;
    host.add_middleware(host.self, &inner);
    auto outer = layer("outer", 5, 0);
    outer.scope = CONDUIT_SCOPE_WORKER;
    outer.run = run_layer;
    outer.start = start_layer;
    host.add_middleware(host.self, &outer);
    const auto own = layer("own", 100, 1);
    host.add_middleware(host.self, &own);
  };
  ASSERT_EQ(fault_of(registry, more), "");
  ASSERT_EQ(registry.worker_layers(false).size(), 2u);
  EXPECT_EQ(registry.worker_layers(false)[0].name, "outer");
  EXPECT_EQ(registry.worker_layers(false)[1].name, "inner");
  ASSERT_EQ(registry.worker_layers(true).size(), 1u);
  EXPECT_EQ(registry.worker_layers(true)[0].plugin, "h");
  conduit_plugin described{};
  described.name = to_abi("h");
  const auto manifest = registry.describe(described);
  ASSERT_EQ(manifest.middleware.size(), 3u);
  EXPECT_TRUE(manifest.middleware[0].worker);
  EXPECT_FALSE(manifest.middleware[1].async);
  EXPECT_EQ(manifest.middleware[2].name, "own") << "inside of those of the worker, whatever its priority";
  EXPECT_FALSE(manifest.middleware[2].worker);
}

TEST(Registry, OfALayerFromBeforeVersion4NothingIsReadBeyondItsSize) {
  Registry registry;
  const auto more = [](const conduit_registry& host) {
    struct {
      conduit_middleware known;
    } old{layer("old", 3, 1)};
    old.known.size = offsetof(conduit_middleware, user);
    old.known.scope = 77;  // it was a reserved member
    old.known.run = run_layer;
    host.add_middleware(host.self, &old.known);
  };
  ASSERT_EQ(fault_of(registry, more), "");
  EXPECT_TRUE(registry.worker_layers(false).empty());
}

TEST(Registry, KeepsHooksByTaskAndLayersOutermostFirst) {
  Registry registry;
  const auto more = [](const conduit_registry& host) {
    const conduit_hook own{sizeof(conduit_hook), CONDUIT_HOOK_RETRY, to_abi("h.run"), nullptr, hook};
    const conduit_hook all{sizeof(conduit_hook), CONDUIT_HOOK_START, {}, nullptr, hook};
    host.add_hook(host.self, &own);
    host.add_hook(host.self, &all);
    const auto inner = layer("inner", -1, 1);
    const auto outer = layer("outer", 5, 3);
    host.add_middleware(host.self, &inner);
    host.add_middleware(host.self, &outer);
  };
  ASSERT_EQ(fault_of(registry, more), "");
  ASSERT_EQ(registry.find("h.run")->hooks.size(), 1u);
  EXPECT_EQ(name_of(registry.find("h.run")->hooks[0].event), "on_retry");
  ASSERT_EQ(registry.worker_hooks().size(), 1u);
  conduit_plugin described{};
  described.name = to_abi("h");
  const auto manifest = registry.describe(described);
  ASSERT_EQ(manifest.middleware.size(), 2u);
  EXPECT_EQ(manifest.middleware[0].name, "outer");
  EXPECT_TRUE(manifest.middleware[0].async);
  EXPECT_FALSE(manifest.middleware[1].async);
  ASSERT_EQ(manifest.hooks.size(), 2u);
  EXPECT_EQ(manifest.hooks[0].task, "h.run");
  EXPECT_EQ(manifest.hooks[1].event, "on_start");
}

TEST(Registry, RefusesHooksAndLayersThatMakeNoSense_F59) {
  Registry registry;
  EXPECT_THAT(fault_of(registry,
                       [](const conduit_registry& host) {
                         const conduit_hook other{sizeof(conduit_hook), CONDUIT_HOOK_FAILURE, to_abi("x.run"), nullptr, hook};
                         host.add_hook(host.self, &other);
                       }),
              HasSubstr("registers on_failure for task 'x.run', which it has not registered"));
  EXPECT_THAT(fault_of(registry,
                       [](const conduit_registry& host) {
                         const conduit_hook unknown{sizeof(conduit_hook), 9, {}, nullptr, hook};
                         host.add_hook(host.self, &unknown);
                       }),
              HasSubstr("hook of unknown event 9"));
  EXPECT_THAT(fault_of(registry,
                       [](const conduit_registry& host) {
                         const conduit_hook empty{sizeof(conduit_hook), CONDUIT_HOOK_START, {}, nullptr, nullptr};
                         host.add_hook(host.self, &empty);
                       }),
              HasSubstr("a hook that is not filled in"));
  EXPECT_THAT(fault_of(registry,
                       [](const conduit_registry& host) {
                         const auto bad = layer("my layer", 0, 1);
                         host.add_middleware(host.self, &bad);
                       }),
              HasSubstr("the name of middleware 'my layer' is not allowed"));
  EXPECT_THAT(fault_of(registry,
                       [](const conduit_registry& host) {
                         auto bad = layer("nothing", 0, 3);
                         bad.scope = CONDUIT_SCOPE_WORKER;
                         host.add_middleware(host.self, &bad);
                       }),
              HasSubstr("middleware 'nothing' is for no kind of task: it has no function"));
  EXPECT_THAT(fault_of(registry,
                       [](const conduit_registry& host) {
                         auto bad = layer("both", 0, 1);
                         bad.scope = CONDUIT_SCOPE_WORKER;
                         bad.run = run_layer;
                         bad.task = to_abi("h.run");
                         host.add_middleware(host.self, &bad);
                       }),
              HasSubstr("is of the worker's scope and for one task"));
  EXPECT_EQ(registry.find("h.run"), nullptr);
  EXPECT_TRUE(registry.worker_hooks().empty());
}

TEST(Registry, NamesAConflictBeforeAnythingIsLoaded_F59) {
  Registry registry;
  const conduit_api api{};
  EXPECT_OK(registry.load(plugin<kFirst>("a"), api));
  channel::PluginManifest other;
  other.tasks = {{"b.one", false, false, "thread", ""}};
  EXPECT_EQ(registry.conflict(other), "");
  other.tasks.push_back({"a.one", false, false, "thread", ""});
  EXPECT_THAT(registry.conflict(other), HasSubstr("'a.one'"));
}

}  // namespace
}  // namespace conduitd::plugin
