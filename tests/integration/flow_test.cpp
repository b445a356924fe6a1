// Jobs that make jobs and wait for them, in each executor on each broker: there are fewer slots than jobs that wait.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "support/worker.h"

namespace conduitd::test {
namespace {

using job::JobStatus;
using testing::HasSubstr;

struct FlowCase {
  StoreKind store;
  std::string executor;
};

std::ostream& operator<<(std::ostream& out, const FlowCase& one) { return out << one.store.name << ' ' << one.executor; }

std::vector<FlowCase> all_cases() {
  std::vector<FlowCase> out;
  for (const auto& store : all_stores()) {
    for (const std::string executor : {"async", "thread", "process"}) out.push_back({store, executor});
  }
  return out;
}

class FlowTest : public testing::TestWithParam<FlowCase> {
 protected:
  FlowTest() : place(GetParam().store) {
    place.install("family");
    place.executors = "[executors]\ngrace = \"500ms\"\n[executors.async]\nin_flight = 2\n[executors.thread]\nthreads = 2\n"
                      "[executors.process]\nchildren = 2\ngrace = \"500ms\"\n";
    // A host that grew for a time keeps some of what it took; what is watched is that it comes to an end.
    place.allowed.descriptors += 16;
    for (const std::string name : {"leaf", "fan", "chain", "first", "await", "gather", "leave", "batch"}) {
      if (GetParam().executor != "async") place.extra_config += "[task.\"family." + name + "\"]\nexecutor = \"" + GetParam().executor + "\"\n";
    }
  }
  /// The task of the case's executor.
  [[nodiscard]] std::string task(const std::string& name) const { return "family." + std::string(GetParam().executor == "async" ? "async_" : "") + name; }
  static std::string text(const job::JobRecord& record) { return job::to_json(record).text(true); }
  std::vector<std::string> children(const std::string& id) {
    auto page = run(place.io, place.broker().flows->children(id, "", 1'000));
    return page.has_value() ? page.value().ids : std::vector<std::string>();
  }

  /// The record of a job that submitted five by the name "leaves" and crashed, and then found them again.
  job::JobRecord crashed_and_complete(const std::string& name) {
    place.start();
    const auto record = place.ended(place.submit(task(name), R"({"count": 5, "once": "leaves", "crash": true})"));
    EXPECT_EQ(record.status, JobStatus::complete) << text(record);
    EXPECT_EQ(record.counters.crashes, 1u);
    return record;
  }

  Workplace place;
};
INSTANTIATE_TEST_SUITE_P(Each, FlowTest, testing::ValuesIn(all_cases()),
                         [](const auto& param) { return param.param.store.name + "_" + param.param.executor; });

TEST_P(FlowTest, AParentWaitsForManyMoreChildrenThanThereAreSlots) {
  place.start();
  const auto id = place.submit(task("fan"), R"({"count": 50})");
  const auto record = place.ended(id);
  ASSERT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_EQ(record.result, R"({"sum":40425,"failed":0})");
  EXPECT_EQ(record.counters.attempts, 1u);
  EXPECT_EQ(children(id).size(), 50u);
  EXPECT_EQ(place.record(children(id).front()).root_id, id);
}

TEST_P(FlowTest, AsManyParentsAsThereAreSlotsDoNotHoldUpTheirChildren) {
  place.start();
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(place.submit(task("fan"), R"({"count": 3})"));
  for (const auto& id : ids) EXPECT_EQ(place.ended(id).result, R"({"sum":5,"failed":0})");
}

TEST_P(FlowTest, AChainIsDeeperThanThereAreSlots) {
  place.start();
  const auto record = place.ended(place.submit(task("chain"), R"({"depth": 12})"));
  ASSERT_EQ(record.status, JobStatus::complete) << text(record);
  EXPECT_EQ(record.result, "12");
}

TEST_P(FlowTest, AChildThatFailsEndsTheWaitAndItsSiblings) {
  place.start();
  const auto id = place.submit(task("fan"), R"({"count": 4, "fail": 0})");
  place.until(id, [](const auto& record) { return record.counters.failures > 0 || job::is_final(record.status); });
  const auto record = place.record(id);
  ASSERT_TRUE(record.failure) << text(record);
  EXPECT_EQ(record.failure->type, "conduit::ChildFailed") << text(record);
  EXPECT_THAT(record.failure->message, HasSubstr("leaf 0 was told to fail"));
  std::size_t cancelled = 0;
  for (const auto& child : children(id)) {
    if (place.ended(child).status == JobStatus::cancelled) ++cancelled;
  }
  EXPECT_GE(cancelled, 3u);
  if (!job::is_final(record.status)) static_cast<void>(run(place.io, place.broker().directory->cancel(id)));
}

TEST_P(FlowTest, ACollectingParentHearsHowEachEnded) {
  place.start();
  const auto record = place.ended(place.submit(task("fan"), R"({"count": 4, "fail": 2, "collect": true})"));
  EXPECT_EQ(record.result, R"({"sum":10,"failed":1})") << text(record);
}

TEST_P(FlowTest, TheFirstIsEnoughAndTheOthersCanBeCancelled) {
  place.start();
  const auto record = place.ended(place.submit(task("first")));
  ASSERT_EQ(record.status, JobStatus::complete) << text(record);
  const auto result = parse_json(record.result).value();
  EXPECT_TRUE(result.bool_or("first", false)) << text(record);
  EXPECT_EQ(result.int_or("result", 0), 9);
  EXPECT_EQ(place.ended(result.string_or("other", "")).status, JobStatus::cancelled);
}

TEST_P(FlowTest, AWaitIsShownAndCanBeCancelledWithItsJob) {
  place.start();
  const auto slow = place.submit("family.leaf", R"({"ms": 60000})");
  const auto id = place.submit(task("await"), R"({"id": ")" + slow + "\"}");
  place.until(id, [&](const auto& record) { return record.waits_for == std::vector<std::string>{slow}; });
  // It takes no slot: others have theirs.
  EXPECT_EQ(place.ended(place.submit("family.leaf", R"({"n": 5})")).result, "25");
  ASSERT_TRUE(run(place.io, place.broker().directory->cancel(id)).has_value());
  EXPECT_EQ(place.ended(id).status, JobStatus::cancelled);
  ASSERT_TRUE(run(place.io, place.broker().directory->cancel(slow)).has_value());
  place.ended(slow);
}

TEST_P(FlowTest, AWaitThatIsTooLongTimesOut) {
  place.start();
  const auto slow = place.submit("family.leaf", R"({"ms": 60000})");
  const auto record = place.ended(place.submit(task("await"), R"({"id": ")" + slow + R"(", "timeout": 50})"));
  EXPECT_EQ(record.result, R"("the jobs have not ended in time")") << text(record);
  ASSERT_TRUE(run(place.io, place.broker().directory->cancel(slow)).has_value());
  place.ended(slow);
}

TEST_P(FlowTest, WaitingInACircleIsRefused) {
  place.start();
  const auto refusal = [&](const std::string& id) { return place.ended(place.submit(task("await"), R"({"id": ")" + id + "\"}")).result; };
  EXPECT_THAT(refusal("default:01JZZZZZZZZZZZZZZZZZZZZZZZ"), HasSubstr("there is no job"));
  EXPECT_THAT(refusal("nonsense"), HasSubstr("job id"));
  // Two that wait for each other: the second is submitted with the first one's id, the first learns the second's by a job between.
  job::NewJob held;
  held.task = task("await");
  const auto slow = place.submit("family.leaf", R"({"ms": 60000})");
  const auto a = place.submit(task("await"), R"({"id": ")" + slow + "\"}");
  place.until(a, [&](const auto& record) { return !record.waits_for.empty(); });
  held.args = R"({"id": ")" + a + "\"}";
  held.after = {slow};
  held.after_rule = job::AfterRule::ended;
  const auto b = place.submit(std::move(held));
  // Whoever waits for b waits for slow, and that is no circle.
  const auto c = place.submit(task("await"), R"({"id": ")" + b + R"(", "timeout": 100})");
  EXPECT_EQ(place.ended(c).result, R"("the jobs have not ended in time")");
  ASSERT_TRUE(run(place.io, place.broker().directory->cancel(slow)).has_value());
  EXPECT_EQ(place.ended(b).status, JobStatus::complete);
}

TEST_P(FlowTest, AJobThatRanAfterOthersHearsHowTheyEnded) {
  place.start();
  job::NewJob last;
  last.task = task("gather");
  last.after = {place.submit("family.leaf", R"({"n": 2, "ms": 100})"), place.submit("family.leaf", R"({"n": 3, "fail": true, "ms": 100})")};
  last.after_rule = job::AfterRule::ended;
  const auto record = place.ended(place.submit(std::move(last)));
  EXPECT_EQ(record.result, R"([{"status":"complete","result":4},{"status":"failed","result":null}])") << text(record);
}

TEST_P(FlowTest, AChildBoundToItsParentEndsWithIt) {
  place.start();
  const auto parent = place.ended(place.submit(task("leave")));
  ASSERT_EQ(parent.status, JobStatus::failed) << text(parent);
  EXPECT_EQ(place.ended(parent.failure->message).status, JobStatus::cancelled);
}

TEST_P(FlowTest, AParentThatRunsAgainFindsTheChildrenItHad) {
  const auto record = crashed_and_complete("fan");
  EXPECT_EQ(record.result, R"({"sum":30,"failed":0})");
  EXPECT_EQ(children(record.id).size(), 5u) << "none was submitted twice";
}

TEST_P(FlowTest, ABatchHasCallbacksOnSuccessAndOnCompletion) {
  place.start();
  const auto id_in = [](const job::JobRecord& record, std::string_view name) { return parse_json(record.result).value().string_or(name, ""); };
  const auto good = place.ended(place.submit(task("batch"), R"({"count": 3})"));
  ASSERT_EQ(good.status, JobStatus::complete) << text(good);
  const auto all = R"([{"status":"complete","result":0},{"status":"complete","result":1},{"status":"complete","result":4}])";
  const auto success = place.ended(id_in(good, "on_success"));
  EXPECT_EQ(success.result, all) << text(success);
  EXPECT_EQ(success.args, R"({"batch":3})");
  EXPECT_EQ(success.parent_id, good.id);
  EXPECT_EQ(place.ended(id_in(good, "on_complete")).result, all);
  const auto bad = place.ended(place.submit(task("batch"), R"({"count": 2, "fail": 0})"));
  EXPECT_EQ(place.ended(id_in(bad, "on_success")).status, JobStatus::cancelled);
  EXPECT_EQ(place.ended(id_in(bad, "on_complete")).result, R"([{"status":"failed","result":null},{"status":"complete","result":1}])");
}

TEST_P(FlowTest, ABatchSubmittedAgainByItsNameIsTheSame) {
  EXPECT_EQ(children(crashed_and_complete("batch").id).size(), 7u) << "none was submitted twice";
}

TEST_P(FlowTest, AWorkerThatIsToldToEndHandsAWaitingParentBack) {
  place.top_config = "lease = \"1s\"\ndrain_timeout = \"300ms\"\n";
  auto& worker = place.start();
  const auto slow = place.submit("family.leaf", R"({"ms": 60000})");
  const auto id = place.submit(task("await"), R"({"id": ")" + slow + "\"}");
  place.until(id, [&](const auto& record) { return !record.waits_for.empty(); });
  ASSERT_EQ(::kill(worker.pid(), SIGTERM), 0);
  EXPECT_EQ(worker.wait_for_exit(), 0);
  const auto record = place.record(id);
  EXPECT_EQ(record.status, JobStatus::queued) << text(record);
  EXPECT_EQ(record.counters.failures + record.counters.crashes, 0u);
  EXPECT_TRUE(record.waits_for.empty());
}

}  // namespace
}  // namespace conduitd::test
