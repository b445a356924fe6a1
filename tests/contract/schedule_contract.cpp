// Schedules: announced by workers, fired once whoever fires them.

#include "broker_contract.h"

namespace conduitd::test {
namespace {

using std::chrono::seconds;
using testing::IsEmpty;
using testing::SizeIs;

job::Schedule every_minute(const std::string& name = "sweep") {
  job::Schedule out;
  out.name = name;
  out.task = "test.task";
  out.args = R"({"from":  "cron"})";
  out.expression = "* * * * *";
  return out;
}

broker::ScheduleState only(const broker::ScheduleList& list) {
  if (list.schedules.size() != 1) throw std::runtime_error("not one schedule but " + std::to_string(list.schedules.size()));
  return list.schedules.front();
}

/// The firing of one time, a minute after what is dealt with.
broker::Firing next_of(const broker::ScheduleState& state) {
  broker::Firing out;
  out.name = state.schedule.name;
  out.seen = state.done_until;
  out.done_until = state.done_until + seconds(60);
  out.runs.push_back({out.done_until, "", ""});
  out.fired.push_back(0);
  return out;
}

TEST_P(BrokerContract, ScheduleIsKeptAsItWasAnnounced) {
  auto& c = connect("w1");
  auto schedule = every_minute();
  schedule.timezone = "Europe/Berlin";
  schedule.missed = job::Missed::all;
  schedule.overlap = job::Overlap::queue;
  schedule.jitter = seconds(5);
  EXPECT_OK(run(c.schedules->define({schedule, every_minute("other")}, Millis{5'000})));
  const auto list = must(run(c.schedules->schedules()));
  ASSERT_THAT(list.schedules, SizeIs(2));
  EXPECT_EQ(list.schedules[1].schedule, schedule);
  EXPECT_TRUE(list.schedules[1].alive);
  EXPECT_FALSE(list.schedules[1].paused);
  EXPECT_LE(list.now - list.schedules[1].done_until, seconds(10)) << "it begins when it is first announced";
}

TEST_P(BrokerContract, F70_ATimeOfAScheduleIsFiredOnceWhoeverFiresIt) {
  auto& a = connect("w1");
  auto& b = connect("w2");
  EXPECT_OK(run(a.schedules->define({every_minute()}, Millis{5'000})));
  const auto state = only(must(run(a.schedules->schedules())));
  auto first = start(a.schedules->fire(next_of(state)));
  auto second = start(b.schedules->fire(next_of(state)));
  const bool by_a = must(finish(first));
  const bool by_b = must(finish(second));
  EXPECT_NE(by_a, by_b);
  EXPECT_FALSE(must(run(a.schedules->fire(next_of(state))))) << "repeated after a lost answer";
  const auto claims = claim(a, 10);
  ASSERT_THAT(claims, SizeIs(1));
  EXPECT_EQ(claims[0].args, every_minute().args);
  const auto after = only(must(run(b.schedules->schedules())));
  EXPECT_EQ(after.done_until, state.done_until + seconds(60));
  EXPECT_EQ(after.last_job, claims[0].lease.job_id);
  ASSERT_THAT(after.runs, SizeIs(1));
  EXPECT_EQ(after.runs[0].job_id, claims[0].lease.job_id);
  EXPECT_EQ(after.runs[0].time, after.done_until);
}

TEST_P(BrokerContract, TimesOfAScheduleThatSubmitNothingAreRemembered) {
  auto& c = connect("w1");
  EXPECT_OK(run(c.schedules->define({every_minute()}, Millis{5'000})));
  for (std::size_t i = 0; i < job::kRunsKept + 5; ++i) {
    auto firing = next_of(only(must(run(c.schedules->schedules()))));
    firing.fired.clear();
    firing.runs[0].note = std::to_string(i);
    EXPECT_TRUE(must(run(c.schedules->fire(firing))));
  }
  const auto state = only(must(run(c.schedules->schedules())));
  ASSERT_THAT(state.runs, SizeIs(job::kRunsKept));
  EXPECT_EQ(state.runs.front().note, std::to_string(job::kRunsKept + 4));
  EXPECT_THAT(claim(c, 10), IsEmpty());
}

TEST_P(BrokerContract, PausedScheduleIsNotFiredAndMakesUpForNothingAfterwards) {
  auto& c = connect("w1");
  EXPECT_OK(run(c.schedules->define({every_minute()}, Millis{5'000})));
  const auto before = only(must(run(c.schedules->schedules())));
  EXPECT_OK(run(c.schedules->set_schedule_paused("sweep", true)));
  EXPECT_TRUE(only(must(run(c.schedules->schedules()))).paused);
  EXPECT_FALSE(must(run(c.schedules->fire(next_of(before)))));
  EXPECT_OK(run(c.schedules->set_schedule_paused("sweep", false)));
  const auto list = must(run(c.schedules->schedules()));
  EXPECT_FALSE(only(list).paused);
  EXPECT_GE(only(list).done_until, before.done_until);
  EXPECT_LE(list.now - only(list).done_until, seconds(10));
  EXPECT_ERRC(Errc::not_found, run(c.schedules->set_schedule_paused("nobody", true)));
}

TEST_P(BrokerContract, ScheduleThatIsAnnouncedAgainGoesOnUnlessItsTimesChanged) {
  auto& c = connect("w1");
  EXPECT_OK(run(c.schedules->define({every_minute()}, Millis{5'000})));
  EXPECT_TRUE(must(run(c.schedules->fire(next_of(only(must(run(c.schedules->schedules()))))))));
  const auto fired = only(must(run(c.schedules->schedules())));
  auto changed = every_minute();
  changed.args = "[1]";
  EXPECT_OK(run(c.schedules->define({changed}, Millis{5'000})));
  EXPECT_EQ(only(must(run(c.schedules->schedules()))).done_until, fired.done_until);
  EXPECT_EQ(only(must(run(c.schedules->schedules()))).schedule.args, "[1]");
  changed.expression = "*/5 * * * *";
  EXPECT_OK(run(c.schedules->define({changed}, Millis{5'000})));
  const auto list = must(run(c.schedules->schedules()));
  EXPECT_NE(only(list).done_until, fired.done_until);
  EXPECT_LE(only(list).done_until, list.now) << "it begins now";
  EXPECT_EQ(only(list).last_job, fired.last_job);
}

TEST_P(BrokerContract, ScheduleMovesToAnotherQueueWithItsHistory) {
  auto& c = connect("w1");
  EXPECT_OK(run(c.schedules->define({every_minute()}, Millis{5'000})));
  EXPECT_TRUE(must(run(c.schedules->fire(next_of(only(must(run(c.schedules->schedules()))))))));
  const auto before = only(must(run(c.schedules->schedules())));
  auto moved = every_minute();
  moved.queue = "elsewhere";
  EXPECT_OK(run(c.schedules->define({moved}, Millis{5'000})));
  const auto after = only(must(run(c.schedules->schedules())));
  EXPECT_EQ(after.schedule.queue, "elsewhere");
  EXPECT_EQ(after.done_until, before.done_until);
  EXPECT_THAT(after.runs, SizeIs(1));
  EXPECT_TRUE(must(run(c.schedules->fire(next_of(after)))));
  EXPECT_THAT(claim(c, 10, kTask, "elsewhere"), SizeIs(1));
}

TEST_P(BrokerContract, ScheduleNobodyAnnouncesIsShownAsSuchAndCanBeForgotten) {
  auto& c = connect("w1");
  EXPECT_OK(run(c.schedules->define({every_minute()}, Millis{10})));
  eventually([&] { return !only(must(run(c.schedules->schedules()))).alive; });
  EXPECT_OK(run(c.schedules->remove_schedule("sweep")));
  EXPECT_THAT(must(run(c.schedules->schedules())).schedules, IsEmpty());
  EXPECT_ERRC(Errc::not_found, run(c.schedules->remove_schedule("sweep")));
}

TEST_P(BrokerContract, ScheduleThatWasAddedIsKeptThoughNobodyAnnouncesIt) {
  auto& c = connect("w1");
  EXPECT_OK(run(c.schedules->add_schedule(every_minute())));
  const auto added = only(must(run(c.schedules->schedules())));
  EXPECT_EQ(added.schedule, every_minute());
  EXPECT_TRUE(added.added);
  EXPECT_TRUE(added.alive);
  EXPECT_TRUE(must(run(c.schedules->fire(next_of(added)))));
  EXPECT_THAT(claim(c, 10), SizeIs(1));

  // Again, in another queue: it goes on.
  const auto fired = only(must(run(c.schedules->schedules())));
  auto moved = every_minute();
  moved.queue = "elsewhere";
  EXPECT_OK(run(c.schedules->add_schedule(moved)));
  EXPECT_EQ(only(must(run(c.schedules->schedules()))).done_until, fired.done_until);
  EXPECT_TRUE(must(run(c.schedules->fire(next_of(only(must(run(c.schedules->schedules()))))))));
  EXPECT_THAT(claim(c, 10, kTask, "elsewhere"), SizeIs(1));
  EXPECT_OK(run(c.schedules->remove_schedule("sweep")));
  EXPECT_THAT(must(run(c.schedules->schedules())).schedules, IsEmpty());
}

TEST_P(BrokerContract, ScheduleThatAWorkerAnnouncesCannotBeAdded) {
  auto& c = connect("w1");
  EXPECT_OK(run(c.schedules->add_schedule(every_minute())));
  EXPECT_OK(run(c.schedules->define({every_minute()}, Millis{100})));
  EXPECT_FALSE(only(must(run(c.schedules->schedules()))).added) << "a worker takes it over";
  EXPECT_OK(run(c.schedules->define({every_minute()}, Millis{60'000})));
  auto other = every_minute();
  other.args = "[1]";
  EXPECT_ERRC(Errc::conflict, run(c.schedules->add_schedule(other)));
  other.queue = "elsewhere";
  EXPECT_ERRC(Errc::conflict, run(c.schedules->add_schedule(other)));
  EXPECT_EQ(only(must(run(c.schedules->schedules()))).schedule, every_minute());

  // Nobody announces it any more: it may be had, and makes up for nothing.
  EXPECT_OK(run(c.schedules->define({every_minute()}, Millis{10})));
  eventually([&] { return !only(must(run(c.schedules->schedules()))).alive; });
  const auto before = only(must(run(c.schedules->schedules())));
  EXPECT_OK(run(c.schedules->add_schedule(other)));
  const auto after = only(must(run(c.schedules->schedules())));
  EXPECT_EQ(after.schedule, other);
  EXPECT_GT(after.done_until, before.done_until);
}

TEST_P(BrokerContract, RunOfAScheduleByHandIsRememberedBesideItsTimes) {
  auto& c = connect("w1");
  EXPECT_OK(run(c.schedules->define({every_minute()}, Millis{5'000})));
  EXPECT_TRUE(must(run(c.schedules->fire(next_of(only(must(run(c.schedules->schedules()))))))));
  const auto before = only(must(run(c.schedules->schedules())));
  EXPECT_OK(run(c.schedules->set_schedule_paused("sweep", true)));
  const auto id = must(run(c.schedules->run_schedule("sweep")));
  const auto after = only(must(run(c.schedules->schedules())));
  ASSERT_THAT(after.runs, SizeIs(2));
  EXPECT_EQ(after.runs[0].job_id, id);
  EXPECT_EQ(after.runs[0].note, broker::kRunByHand);
  EXPECT_LE(must(run(c.schedules->schedules())).now - after.runs[0].time, seconds(10));
  EXPECT_EQ(after.last_job, before.last_job) << "its times do not wait for it";
  EXPECT_EQ(after.done_until, before.done_until);
  EXPECT_THAT(claim(c, 10), SizeIs(2));
  EXPECT_ERRC(Errc::not_found, run(c.schedules->run_schedule("nobody")));
}

TEST_P(BrokerContract, SchedulesAndTheirTimesOutliveARestartOfTheStore) {
  {
    auto& c = connect("w1");
    EXPECT_OK(run(c.schedules->define({every_minute()}, Millis{5'000})));
    EXPECT_TRUE(must(run(c.schedules->fire(next_of(only(must(run(c.schedules->schedules()))))))));
  }
  close_all();
  site->restart();
  auto& c = connect("w1");
  const auto state = only(must(run(c.schedules->schedules())));
  EXPECT_THAT(state.runs, SizeIs(1));
  EXPECT_THAT(claim(c, 10), SizeIs(1));
}

}  // namespace
}  // namespace conduitd::test
