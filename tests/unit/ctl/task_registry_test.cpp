#include "ctl/task_registry.h"

#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::ctl {
namespace {

std::vector<broker::TaskInfo> announced() {
  std::vector<broker::TaskInfo> tasks(2);
  tasks[0].name = "images.thumbnail";
  tasks[0].queue = "media";
  tasks[1].name = "hello.greet";
  return tasks;
}

TEST(TaskRegistry, KnowsTheQueueOfATask) {
  const TaskRegistry registry(announced(), false);
  EXPECT_EQ(test::must(registry.queue_of("images.thumbnail")), "media");
  EXPECT_EQ(test::must(registry.queue_of("hello.greet")), "default");
}

TEST(TaskRegistry, WarnsOnceOfATaskWhoseNeedsNoLiveWorkerHas) {
  auto tasks = announced();
  tasks[0].options = R"({"needs":{"gpu":1}})";
  broker::WorkerInfo worker;
  worker.tasks = {"images.thumbnail"};
  worker.detail = R"({"resources":{"cpu":{"units":2,"free":2}}})";
  TaskRegistry registry(tasks, false, {worker});
  EXPECT_EQ(registry.take_warning("hello.greet"), "");
  EXPECT_EQ(registry.take_warning("images.thumbnail"),
            "task images.thumbnail needs gpu 1, and no live worker has gpu: the job waits until one does; see conduitctl worker list");
  EXPECT_EQ(registry.take_warning("images.thumbnail"), "");
  worker.detail = R"({"resources":{"gpu":{"units":1,"free":0}}})";
  EXPECT_EQ(TaskRegistry(tasks, false, {worker}).take_warning("images.thumbnail"), "") << "it is taken now, and will be free";
}

TEST(TaskRegistry, NamesTheNearestTaskForOneThatIsUnknown) {
  const auto found = TaskRegistry(announced(), false).queue_of("images.thumbnial");
  ASSERT_FALSE(found.has_value());
  EXPECT_TRUE(found.error().is(Errc::not_found));
  EXPECT_NE(found.error().message().find("did you mean 'images.thumbnail'?"), std::string::npos) << found.error().message();
}

TEST(TaskRegistry, LetsUnknownTasksThroughIfToldTo) {
  EXPECT_EQ(test::must(TaskRegistry(announced(), true).queue_of("other.task")), "default");
}

TEST(TaskRegistry, RefusesNothingWhileNoWorkerHasAnnouncedATask) {
  const TaskRegistry registry({}, false);
  EXPECT_TRUE(registry.empty());
  EXPECT_EQ(test::must(registry.queue_of("any.task")), "default");
}

}  // namespace
}  // namespace conduitd::ctl
