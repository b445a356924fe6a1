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
