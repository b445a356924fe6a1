// Thirty days of fifty schedules, fired by workers that come and go.
#include "schedule/ticker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <map>
#include <random>

#include "base/log.h"
#include "base/text.h"
#include "broker/open.h"
#include "support/loop.h"
#include "support/result_matchers.h"
#include "support/set_clock.h"
#include "support/temp_dir.h"

namespace conduitd::schedule {
namespace {

using std::chrono::days;
using std::chrono::seconds;
using test::must;

/// A worker of the store, as far as schedules go.
struct Worker {
  broker::Connection connection;
  std::unique_ptr<Ticker> ticker;
};

class Month : public testing::Test {
 protected:
  Worker hire(const std::string& name, const std::vector<job::Schedule>& own) {
    broker::Options options;
    options.url = "sqlite://" + dir_.file("conduit.db");
    options.worker = name;
    Worker out;
    out.connection = must(test::run(io, broker::open(io.get_executor(), clock, options)));
    out.ticker = std::make_unique<Ticker>(io.get_executor(), clock, *out.connection.schedules, *out.connection.directory);
    out.ticker->set(own);
    EXPECT_OK(test::run(io, out.ticker->announce()));
    return out;
  }

  boost::asio::io_context io;
  test::SetClock clock;
  std::mt19937 random{seed_};
  const unsigned seed_ = std::random_device{}();

 private:
  test::TempDir dir_;
};

std::vector<job::Schedule> fifty_schedules(std::mt19937& random) {
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  const std::vector<std::string> zones{"", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"};
  std::vector<job::Schedule> out;
  for (int i = 0; i < 50; ++i) {
    job::Schedule one;
    one.name = "schedule-" + std::to_string(i);
    one.task = "a.task";
    one.args = "[" + std::to_string(i) + "]";
    one.timezone = zones[static_cast<std::size_t>(i) % zones.size()];
    one.missed = job::Missed::all;
    one.overlap = job::Overlap::allow;
    switch (i % 5) {
      case 0: one.expression = std::to_string(pick(0, 59)) + " * * * *"; break;
      case 1: one.expression = "*/" + std::to_string(pick(15, 30)) + " * * * *"; break;
      case 2: one.expression = std::to_string(pick(0, 59)) + " " + std::to_string(pick(0, 23)) + " * * *"; break;
      case 3: one.expression = std::to_string(pick(0, 59)) + " 2 * * MON-FRI"; break;
      default: one.expression = "30 1-3 * * *"; break;
    }
    out.push_back(one);
  }
  return out;
}

TEST_F(Month, F70_F71_EveryTimeOfFiftySchedulesIsFiredOnceByWorkersThatComeAndGo) {
  log::configure(log::Level::warning, log::Format::text);
  SCOPED_TRACE("seed " + std::to_string(seed_));
  // With a change of clocks in it.
  clock.off = std::chrono::duration_cast<Millis>(must(parse_time("2026-03-05T00:00:00Z")) - SystemClock().wall_now());
  const auto schedules = fifty_schedules(random);
  std::vector<Worker> workers;
  workers.push_back(hire("w0", schedules));
  const auto start = clock.wall_now();
  for (int hired = 1; clock.wall_now() < start + days(30);) {
    clock.off += seconds(std::uniform_int_distribution<int>(1, 20'000)(random));
    // Who is there looks; now and then one leaves without a word, and another comes.
    std::shuffle(workers.begin(), workers.end(), random);
    std::vector<test::Pending<Result<Millis>>> looks;
    for (auto& worker : workers) {
      EXPECT_OK(test::run(io, worker.ticker->announce()));
      looks.push_back(test::start(io, worker.ticker->look()));
    }
    for (auto& look : looks) EXPECT_OK(test::finish(io, look));
    const auto dice = random() % 40;
    if (dice == 0 && workers.size() > 1) {
      test::run(io, workers.back().connection.broker->close());
      workers.pop_back();
    }
    if (dice == 1 && workers.size() < 4) workers.push_back(hire("w" + std::to_string(hired++), schedules));
  }
  const auto end = clock.wall_now();

  std::map<std::string, std::size_t> fired;
  auto& directory = *workers.front().connection.directory;
  broker::JobFilter filter;
  filter.limit = 1'000;
  for (;;) {
    auto asked = filter;
    const auto page = must(test::run(io, directory.list(std::move(asked))));
    for (const auto& job : page.jobs) ++fired[job.args];
    if (page.next.empty()) break;
    filter.cursor = page.next;
  }
  for (const auto& schedule : schedules) {
    const auto times = must(job::CronSchedule::make(schedule.expression, schedule.timezone));
    std::size_t expected = 0;
    for (auto time = times.next(start); time <= end; time = times.next(time)) ++expected;
    EXPECT_EQ(fired[schedule.args], expected) << schedule.name << ": " << schedule.expression << ' ' << schedule.timezone;
  }
  for (auto& worker : workers) test::run(io, worker.connection.broker->close());
}

TEST_F(Month, F71_ATimeThatTheJobBeforeHeldBackIsFiredWhenItEndsAndIsNotMissed) {
  log::configure(log::Level::warning, log::Format::text);
  clock.off = std::chrono::duration_cast<Millis>(must(parse_time("2026-03-05T00:00:30Z")) - SystemClock().wall_now());
  job::Schedule one;
  one.name = "long";
  one.task = "a.task";
  one.expression = "*/2 * * * *";
  one.missed = job::Missed::skip;
  one.overlap = job::Overlap::queue;
  auto worker = hire("w0", {one});
  const auto look = [&] {
    EXPECT_OK(test::run(io, worker.ticker->announce()));
    EXPECT_OK(test::run(io, worker.ticker->look()));
    auto list = must(test::run(io, worker.connection.schedules->schedules()));
    return list.schedules.at(0);
  };
  clock.off += seconds(100);
  const auto first = look();
  ASSERT_EQ(first.runs.size(), 1U) << "00:02";
  clock.off += seconds(190);
  EXPECT_EQ(look().runs.size(), 1U) << "00:04 waits";

  auto id = first.last_job;
  EXPECT_OK(test::run(io, worker.connection.directory->cancel(std::move(id))));
  const auto second = look();
  ASSERT_EQ(second.runs.size(), 2U);
  EXPECT_EQ(format_time(second.runs[0].time).substr(0, 16), "2026-03-05T00:04");
  EXPECT_NE(second.runs[0].job_id, "");
  EXPECT_EQ(second.runs[0].note, "waited for the job before");

  // The same where the job's record is forgotten as soon as it has ended.
  clock.off += seconds(190);
  EXPECT_EQ(look().runs.size(), 2U) << "00:06 and 00:08 wait";
  for (int i = 0; i < 2; ++i) {
    auto last = look().last_job;
    auto same = last;
    EXPECT_OK(test::run(io, worker.connection.directory->cancel(std::move(last))));
    EXPECT_OK(test::run(io, worker.connection.directory->remove(std::move(same))));
    const auto next = look();
    ASSERT_EQ(next.runs.size(), static_cast<std::size_t>(3 + i));
    EXPECT_NE(next.runs[0].job_id, "") << next.runs[0].note;
  }
  test::run(io, worker.connection.broker->close());
}

}  // namespace
}  // namespace conduitd::schedule
