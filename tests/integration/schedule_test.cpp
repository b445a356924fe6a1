// Schedules of the config and of a plugin's code, in the real conduitd: fired, paused, changed at a reload.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "support/result_matchers.h"
#include "support/worker.h"

namespace conduitd::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

class ScheduleTest : public testing::TestWithParam<StoreKind> {
 protected:
  ScheduleTest() {
    place.install("misbehave");
    use("* * * * * *");
  }
  void use(const std::string& expression) {
    place.extra_config = "[[cron]]\ntask = \"misbehave.echo\"\nname = \"tick\"\nschedule = \"" + expression +
                         "\"\nargs = '{\"by\": \"schedule\"}'\n";
  }
  /// The only schedule; nothing as long as the worker has not announced it.
  std::optional<broker::ScheduleState> look() {
    const auto list = must(run(place.io, place.broker().schedules->schedules()));
    if (list.schedules.size() > 1) throw std::runtime_error("more than one schedule");
    return list.schedules.empty() ? std::nullopt : std::optional(list.schedules.front());
  }
  broker::ScheduleState state() { return look().value(); }
  /// As if nobody had fired it for so long.
  void stand_back(Millis length) {
    const auto now = state();
    broker::Firing firing;
    firing.name = now.schedule.name;
    firing.seen = now.done_until;
    firing.done_until = now.done_until - length;
    EXPECT_TRUE(must(run(place.io, place.broker().schedules->fire(std::move(firing)))));
  }
  /// Waits until the schedule is as asked.
  broker::ScheduleState until(const std::function<bool(const broker::ScheduleState&)>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (;;) {
      const auto now = look();
      if (now && holds(*now)) return *now;
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the schedule did not get there");
      run_for(place.io, std::chrono::milliseconds(20));
    }
  }

  Workplace place{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Each, ScheduleTest, testing::ValuesIn(all_stores()), [](const auto& kind) { return kind.param.name; });

TEST_P(ScheduleTest, FiresByTheSecondPausesAndFollowsAReload) {
  auto& worker = place.start();
  const auto fired = until([](const auto& now) { return now.runs.size() >= 3; });
  for (std::size_t i = 1; i < 3; ++i) EXPECT_EQ(fired.runs[i - 1].time - fired.runs[i].time, std::chrono::seconds(1));
  const auto record = place.ended(fired.last_job);
  EXPECT_EQ(record.status, job::JobStatus::complete);
  EXPECT_EQ(record.args, R"({"by": "schedule"})");

  EXPECT_OK(run(place.io, place.broker().schedules->set_schedule_paused("tick", true)));
  const auto paused = state();
  run_for(place.io, std::chrono::milliseconds(2'200));
  EXPECT_EQ(state().done_until, paused.done_until) << "nothing is fired in a pause";
  EXPECT_OK(run(place.io, place.broker().schedules->set_schedule_paused("tick", false)));
  until([&](const auto& now) { return now.last_job != paused.last_job; });

  use("0 0 1 1 *");
  place.write_config();
  worker.signal(SIGHUP);
  worker.wait_for_line("reloaded");
  until([](const auto& now) { return now.schedule.expression == "0 0 1 1 *"; });
  const auto changed = state();
  run_for(place.io, std::chrono::milliseconds(2'200));
  EXPECT_EQ(state().last_job, changed.last_job) << "the new expression counts";
}

TEST_P(ScheduleTest, AQueueThatAScheduleNamesAloneIsRead) {
  place.extra_config += "queue = \"nightly\"\n";
  place.start();
  const auto fired = until([](const auto& now) { return !now.runs.empty(); });
  EXPECT_THAT(fired.last_job, testing::StartsWith("nightly:"));
  EXPECT_EQ(place.ended(fired.last_job).status, job::JobStatus::complete);
}

TEST_P(ScheduleTest, F70_TwoWorkersFireEachTimeOnce) {
  place.start();
  place.start();
  const auto fired = until([](const auto& now) { return now.runs.size() >= 4; });
  std::set<WallTime> times;
  std::set<std::string> jobs;
  for (const auto& run : fired.runs) {
    times.insert(run.time);
    if (!run.job_id.empty()) jobs.insert(run.job_id);
  }
  EXPECT_THAT(times, SizeIs(fired.runs.size()));
  EXPECT_THAT(jobs, SizeIs(testing::Ge(4U)));
}

TEST_P(ScheduleTest, F71_TimesMissedWhileNoWorkerWasThereAreMadeUpForOnce) {
  use("0 */10 * * * *");
  auto& first = place.start();
  until([](const auto&) { return true; });
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait_for_exit(), 0);
  stand_back(std::chrono::minutes(35));
  place.start();
  const auto after = until([&](const auto& now) { return !now.runs.empty(); });
  std::size_t left_out = 0;
  for (const auto& run : after.runs) left_out += run.note == "missed: no worker was there" ? 1 : 0;
  EXPECT_GE(left_out, 2U) << "only the latest of them is made up for";
  EXPECT_NE(after.runs.front().job_id, "") << after.runs.front().note;
}

TEST_P(ScheduleTest, F71_TimesThatAreYoungerThanAMinuteAreNotMissed) {
  use("*/10 * * * * *");
  place.extra_config += "missed = \"skip\"\noverlap = \"allow\"\n";
  auto& first = place.start();
  until([](const auto&) { return true; });
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait_for_exit(), 0);
  stand_back(std::chrono::seconds(35));
  const auto before = state().runs.size();
  place.start();
  const auto after = until([&](const auto& now) { return now.runs.size() >= before + 3; });
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NE(after.runs[i].job_id, "") << after.runs[i].note;
}

TEST_P(ScheduleTest, AScheduleThatWasAddedIsFiredByAWorkerWhoseConfigDoesNotHaveIt) {
  place.extra_config.clear();
  place.start();
  job::Schedule added;
  added.name = "added";
  added.task = "misbehave.echo";
  added.args = R"({"by": "hand"})";
  added.expression = "* * * * * *";
  EXPECT_OK(run(place.io, place.broker().schedules->add_schedule(added)));
  const auto fired = until([](const auto& now) { return now.runs.size() >= 2; });
  const auto record = place.ended(fired.last_job);
  EXPECT_EQ(record.status, job::JobStatus::complete);
  EXPECT_EQ(record.args, added.args);
  EXPECT_OK(run(place.io, place.broker().schedules->remove_schedule("added")));
  run_for(place.io, std::chrono::milliseconds(1'500));
  EXPECT_FALSE(look()) << "it stays deleted";
}

}  // namespace
}  // namespace conduitd::test
