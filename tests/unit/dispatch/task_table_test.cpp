#include "dispatch/task_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace conduitd::dispatch {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

channel::PluginManifest plugin(std::string name, std::vector<channel::TaskManifest> tasks) {
  channel::PluginManifest made;
  made.path = "/plugins/" + name + ".so";
  made.name = std::move(name);
  made.version = "1.0.0";
  made.tasks = std::move(tasks);
  return made;
}

channel::TaskManifest task(std::string name, bool async, std::string executor, std::string options = {}) {
  channel::TaskManifest made;
  made.name = std::move(name);
  made.async = async;
  made.executor = std::move(executor);
  made.options = std::move(options);
  return made;
}

TEST(TaskTable, TakesOptionsFromTheCode) {
  const auto built = TaskTable::build({plugin("images", {task("images.resize", false, "process", R"({"retries":5,"timeout":"30s","queue":"media"})")})}, {}, 3);
  EXPECT_THAT(built.faults, IsEmpty());
  const auto* made = built.table->find("images.resize");
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->executor, channel::Executor::process);
  EXPECT_EQ(made->retry.retries, 5u);
  EXPECT_EQ(made->timeout, Millis{30'000});
  EXPECT_EQ(made->queue, "media");
}

TEST(TaskTable, TasksThatALayerOfTheWorkerHasNoFormForAreNamedOnceForEachLayer) {
  auto wraps = plugin("wraps", {});
  wraps.middleware = {{"timed", 0, true, true, "", true}, {"traced", 0, true, false, "", true}, {"own", 0, true, false, "", false}};
  TaskOverride elsewhere;
  elsewhere.executor = "thread";
  const auto built = TaskTable::build(
      {wraps, plugin("a", {task("a.b", true, "async"), task("a.c", false, "thread"), task("a.d", true, "async"), task("a.e", true, "async")})},
      {{"a.d", elsewhere}}, 3);
  EXPECT_THAT(built.warnings, ElementsAre(HasSubstr("middleware 'traced' of plugin 'wraps' is a function")));
  EXPECT_THAT(built.warnings[0], HasSubstr("run without it: a.b, a.e; give it both forms"));
}

TEST(TaskTable, TheConfigsLimitsReplaceThoseOfTheirKindInTheCode) {
  TaskOverride override_;
  override_.concurrency = std::vector<job::Limit>(1);
  const auto built = TaskTable::build(
      {plugin("a", {task("a.b", false, "thread", R"({"concurrency":[{"limit":7,"scope":"global","key":null}],"rate_limit":"100/m"})"),
                    task("a.c", false, "thread", R"({"concurrency":{"limit":7,"key":"x"},"rate_limit":{"rate":"1/s","key":"y"}})")})},
      {{"a.b", override_}}, 3);
  const auto* made = built.table->find("a.b");
  ASSERT_NE(made, nullptr);
  ASSERT_EQ(made->limits.size(), 2U);
  EXPECT_EQ(made->limits[0].most, 1U);
  EXPECT_EQ(made->limits[1].most, 100U);
  EXPECT_THAT(built.faults, ElementsAre(HasSubstr("one key between them")));
}

TEST(TaskTable, TheConfigsNeedsReplaceTheCodesAndAreAnnounced) {
  TaskOverride override_;
  override_.needs = job::Needs{{"licence", 2}};
  const std::string code = R"({"needs":{"gpu":1}})";
  const auto built = TaskTable::build({plugin("a", {task("a.b", false, "thread", code), task("a.c", false, "thread", code)})}, {{"a.b", override_}}, 3);
  EXPECT_EQ(built.table->find("a.b")->needs, (job::Needs{{"licence", 2}}));
  EXPECT_EQ(built.table->find("a.c")->needs, (job::Needs{{"gpu", 1}}));
  EXPECT_THAT(built.table->announce().at(1).options, HasSubstr(R"("needs":{"gpu":1})"));
}

TEST(TaskTable, TheConfigChangesTheExecutorByOneWord) {
  TaskOverride override_;
  override_.executor = "process";
  const auto built = TaskTable::build({plugin("a", {task("a.b", false, "thread", R"({"retries":5})")})}, {{"a.b", override_}}, 3);
  const auto* made = built.table->find("a.b");
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->executor, channel::Executor::process);
  EXPECT_EQ(made->retry.retries, 5u);
}

TEST(TaskTable, RefusesAPlainFunctionOnTheAsyncExecutorAndLeavesOnlyThatTaskOut) {
  TaskOverride override_;
  override_.executor = "async";
  const auto built = TaskTable::build({plugin("a", {task("a.b", false, "thread"), task("a.c", false, "thread")})}, {{"a.b", override_}}, 3);
  EXPECT_THAT(built.faults, ElementsAre(HasSubstr("needs a coroutine")));
  EXPECT_THAT(built.warnings, IsEmpty()) << "it is registered: the fault says what is wrong";
  EXPECT_EQ(built.table->find("a.b"), nullptr);
  EXPECT_NE(built.table->find("a.c"), nullptr);
}

TEST(TaskTable, F59_OfTwoPluginsWithOneTaskNameTheFirstKeepsItAndBothAreNamed) {
  const auto built = TaskTable::build({plugin("first", {task("a.b", false, "thread")}), plugin("second", {task("a.b", false, "thread")})}, {}, 3);
  EXPECT_EQ(built.table->find("a.b")->code.plugin, "first");
  ASSERT_THAT(built.faults, ElementsAre(HasSubstr("second")));
  EXPECT_THAT(built.faults[0], HasSubstr("first"));
}

TEST(TaskTable, AFaultyPluginIsAFaultAndNothingElse) {
  channel::PluginManifest bad;
  bad.path = "/plugins/bad.so";
  bad.fault = "/plugins/bad.so is no ELF file";
  const auto built = TaskTable::build({bad, plugin("a", {task("a.b", false, "thread")})}, {}, 3);
  EXPECT_THAT(built.faults, ElementsAre(HasSubstr("bad.so")));
  EXPECT_NE(built.table->find("a.b"), nullptr);
}

TEST(TaskTable, SubscriptionsOfTheConfigTakeThePlaceOfThoseInTheCode) {
  auto handler = task("a.b", false, "thread");
  handler.options = R"({"queue":"media","on":[{"event":"order.*"},{"event":"stock.*","name":"stock"}]})";
  auto twice = task("a.c", false, "thread");
  twice.options = R"({"on":[{"event":"a"},{"event":"b"}]})";
  ConfiguredSubscription replaced;
  replaced.subscription.name = "stock";
  replaced.subscription.task = "a.b";
  replaced.subscription.pattern = "stock.low";
  auto unknown = replaced;
  unknown.subscription.name = unknown.subscription.task = "none.such";
  const auto built = TaskTable::build({plugin("a", {handler, twice})}, {}, 3, {}, {replaced, unknown});
  EXPECT_THAT(built.faults, ElementsAre(HasSubstr("give each a name of its own")));
  EXPECT_THAT(built.warnings, ElementsAre(HasSubstr("a subscription 'none.such' of task 'none.such', which no plugin registers")));
  const auto all = built.table->subscriptions();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].name, "a.b");
  EXPECT_EQ(all[0].pattern, "order.*");
  EXPECT_EQ(all[0].queue, "media") << "the task's own";
  EXPECT_EQ(all[1].name, "a.c");
  EXPECT_EQ(all[2].pattern, "stock.low");
  EXPECT_EQ(all[2].queue, "media");
}

TEST(TaskTable, WarnsOfAnOverrideForATaskThatIsNotThereAndNamesTheNearest) {
  const auto built = TaskTable::build({plugin("images", {task("images.resize", false, "thread")})}, {{"images.resiz", {}}}, 3);
  EXPECT_THAT(built.warnings, ElementsAre(HasSubstr("did you mean 'images.resize'?")));
}

}  // namespace
}  // namespace conduitd::dispatch
