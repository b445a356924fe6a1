// Batches and schedules of the client, on each broker.

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <conduit/client_async.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/open.h"
#include "support/loop.h"
#include "support/redis_server.h"
#include "support/temp_dir.h"

namespace conduit {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class ClientOnEach : public testing::TestWithParam<bool> {
 protected:
  ClientOnEach() {
    if (GetParam()) server_.emplace();
    url_ = server_ ? server_->url() : "sqlite://" + dir_.file("conduit.db");
    client_.emplace(ClientOptions{.url = url_});
  }
  Client& client() { return *client_; }
  template <class Call>
  std::pair<std::optional<ClientErrorKind>, std::string> refusal(const Call& call) {
    try {
      call();
    } catch (const ClientError& error) {
      return {error.kind(), error.what()};
    }
    return {};
  }
  JobRecord found(const std::string& id) { return client().find(id).value(); }

  /// All that the broker knows of a job.
  conduitd::job::JobRecord kept(const std::string& id) {
    boost::asio::io_context io;
    conduitd::SystemClock clock;
    conduitd::broker::Options options;
    options.url = url_;
    const auto connection = conduitd::test::run(io, conduitd::broker::open(io.get_executor(), clock, std::move(options)));
    auto record = conduitd::test::run(io, connection.value().directory->find(id));
    conduitd::test::run(io, connection.value().broker->close());
    return record.value().value();
  }

  conduitd::test::TempDir dir_;
  std::string url_;
  std::optional<conduitd::test::RedisServer> server_;
  std::optional<Client> client_;
};
INSTANTIATE_TEST_SUITE_P(Each, ClientOnEach, testing::Bool(), [](const auto& param) { return param.param ? "redis" : "sqlite"; });

std::vector<JobRequest> alike(std::size_t number) { return std::vector<JobRequest>(number, JobRequest{.task = "a.b"}); }

TEST_P(ClientOnEach, ABatchHasCallbacksAfterAllOfItsJobs) {
  const auto batch = client().submit_batch(alike(3), {.on_success = "a.good", .on_complete = "a.done"});
  ASSERT_EQ(batch.jobs.size(), 3U);
  EXPECT_EQ(found(batch.on_success).task, "a.good");
  EXPECT_EQ(found(batch.on_complete).task, "a.done");
  using Rule = conduitd::job::AfterRule;
  for (const auto& [id, rule] : {std::pair(batch.on_success, Rule::complete), std::pair(batch.on_complete, Rule::ended)}) {
    const auto record = kept(id);
    EXPECT_EQ(record.status, conduitd::job::JobStatus::scheduled);
    EXPECT_EQ(record.args, R"({"batch":3})");
    EXPECT_EQ(record.after_rule, rule);
    EXPECT_THAT(record.after, testing::ElementsAre(batch.jobs[0].id, batch.jobs[1].id, batch.jobs[2].id));
  }
}

TEST_P(ClientOnEach, ABatchThatIsSubmittedAgainByItsNameIsCompleted) {
  const auto jobs = client().submit_batch(alike(2), {.once = "night-7"});
  EXPECT_EQ(jobs.on_success, "");
  const BatchOptions options{.on_success = "a.good", .callback_args = Json{{"x", 1}}, .once = "night-7"};
  const auto first = client().submit_batch(alike(2), options);
  EXPECT_EQ(first.jobs[1].id, jobs.jobs[1].id);
  EXPECT_TRUE(first.jobs[1].repeated);
  EXPECT_EQ(found(first.on_success).args.dump(), R"({"x":1})");
  EXPECT_EQ(client().submit_batch(alike(2), options).on_success, first.on_success);
}

TEST_P(ClientOnEach, AUniqueKeyCountsOnceInABatchAndOneThatIsKeptOutNotAtAll) {
  client().submit("a.b", {}, {.unique = "taken"});
  std::vector<JobRequest> jobs(2, {.task = "a.b", .options = {.unique = "k"}});
  jobs.push_back({.task = "a.b", .options = {.unique = "taken", .on_conflict = OnConflict::reject}});
  const auto batch = client().submit_batch(std::move(jobs), {.on_complete = "a.done"});
  EXPECT_TRUE(batch.jobs[2].rejected);
  EXPECT_EQ(found(batch.on_complete).args.dump(), R"({"batch":1})");
}

TEST_P(ClientOnEach, ABatchOfManyPartsAndOneOfNone) {
  const auto batch = client().submit_batch(alike(2'500), {.on_success = "a.good"});
  EXPECT_EQ(found(batch.on_success).args.dump(), R"({"batch":2500})");
  EXPECT_EQ(found(client().submit_batch({}, {.on_success = "a.good"}).on_success).status, JobStatus::queued);
}

TEST_P(ClientOnEach, ABatchThatCannotBeIsRefusedBeforeAnythingIsSubmitted) {
  const auto refused = [&](std::vector<JobRequest> jobs, BatchOptions options) {
    const auto [kind, what] = refusal([&] { client().submit_batch(std::move(jobs), std::move(options)); });
    EXPECT_EQ(kind, ClientErrorKind::invalid_argument);
    return what;
  };
  EXPECT_THAT(refused(alike(1), {.on_success = "no task"}), HasSubstr("callback: 'no task' is not a task name"));
  EXPECT_THAT(refused(alike(1), {.on_success = "a.b", .callback_args = 7}), HasSubstr("callback: args: a JSON object"));
  EXPECT_THAT(refused(alike(1), {.callback_args = Json::object()}), HasSubstr("callback_args: whose?"));
  EXPECT_THAT(refused(alike(10'001), {.on_success = "a.b"}), HasSubstr("10001 jobs, and a callback runs after at most 10,000"));
  EXPECT_THAT(refusal([&] { client().submit("a.b", {}, {.after_rule = AfterRule::ended}); }).second, HasSubstr("after_rule: it says how"));
}

boost::asio::awaitable<SubmittedBatch> submit_two(Client& client) {
  auto jobs = alike(2);
  BatchOptions options{.on_success = "a.good"};
  co_return co_await async_submit_batch(client, std::move(jobs), std::move(options));
}

TEST_P(ClientOnEach, ABatchIsSubmittedOnALoop) {
  boost::asio::io_context loop;
  auto submitted = boost::asio::co_spawn(loop, submit_two(client()), boost::asio::use_future);
  loop.run();
  EXPECT_EQ(found(submitted.get().on_success).args.dump(), R"({"batch":2})");
}

TEST_P(ClientOnEach, AScheduleIsAddedShownRunPausedAndRemoved) {
  const auto added = client().add_schedule({.name = "nightly",
                                            .task = "a.b",
                                            .schedule = "0 3 * * *",
                                            .timezone = "Europe/Berlin",
                                            .missed = Missed::all,
                                            .overlap = Overlap::queue,
                                            .jitter = 5s,
                                            .args = {{"n", 1}},
                                            .queue = "media"});
  EXPECT_TRUE(added.added);
  const auto shown = client().find_schedule("nightly").value();
  EXPECT_EQ(shown.schedule.task, "a.b");
  EXPECT_EQ(shown.schedule.schedule, "0 3 * * *");
  EXPECT_EQ(shown.schedule.timezone, "Europe/Berlin");
  EXPECT_EQ(shown.schedule.missed, Missed::all);
  EXPECT_EQ(shown.schedule.overlap, Overlap::queue);
  EXPECT_EQ(shown.schedule.jitter, 5s);
  EXPECT_EQ(shown.schedule.args.dump(), R"({"n":1})");
  EXPECT_EQ(shown.schedule.queue, "media");
  EXPECT_FALSE(shown.alive) << "there is no worker";
  EXPECT_TRUE(shown.next.empty());
  const auto id = client().run_schedule("nightly");
  EXPECT_EQ(found(id).queue, "media");
  const auto runs = client().find_schedule("nightly")->runs;
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs[0].job_id, id);
  EXPECT_EQ(runs[0].note, "by hand");
  client().pause_schedule("nightly");
  EXPECT_TRUE(client().schedules().at(0).paused);
  client().resume_schedule("nightly");
  EXPECT_FALSE(client().schedules().at(0).paused);
  client().remove_schedule("nightly");
  EXPECT_TRUE(client().schedules().empty());
  EXPECT_FALSE(client().find_schedule("nightly"));
}

TEST_P(ClientOnEach, AScheduleThatCannotBeIsRefusedInTheWordsOfConduitctl) {
  const auto added = [&](Schedule schedule) { return refusal([&] { client().add_schedule(schedule); }).second; };
  EXPECT_THAT(added({.name = "no name", .task = "a.b", .schedule = "@daily"}), HasSubstr("'no name' is not a schedule name"));
  EXPECT_THAT(added({.name = "n", .task = "a.b", .schedule = "@daily", .timezone = "Mars/Base"}), HasSubstr("time zone"));
  EXPECT_THAT(added({.name = "n", .task = "a.b", .schedule = "@daily", .jitter = 25h}), HasSubstr("jitter: a day is the most"));
  EXPECT_THAT(added({.name = "n", .task = "a.b", .schedule = "@daily", .args = 3}), HasSubstr("args: a JSON object"));
  EXPECT_FALSE(client().find_schedule("n"));
  client().add_schedule({.name = "nightly", .task = "a.b", .schedule = "@daily"});
  const auto [kind, what] = refusal([&] { client().pause_schedule("nightli"); });
  EXPECT_EQ(kind, ClientErrorKind::not_found);
  EXPECT_THAT(what, HasSubstr("there is no schedule 'nightli'; did you mean 'nightly'?"));
}

boost::asio::awaitable<std::string> on_a_loop(Client& client) {
  Schedule schedule{.name = "tick", .task = "a.b", .schedule = "@hourly"};
  const auto added = co_await async_add_schedule(client, std::move(schedule));
  EXPECT_EQ(added.schedule.queue, "default");
  co_await async_pause_schedule(client, "tick");
  const auto paused = co_await async_find_schedule(client, "tick");
  EXPECT_TRUE(paused && paused->paused);
  co_await async_resume_schedule(client, "tick");
  auto id = co_await async_run_schedule(client, "tick");
  co_await async_remove_schedule(client, "tick");
  const auto all = co_await async_schedules(client);
  EXPECT_TRUE(all.empty());
  co_return id;
}

TEST_P(ClientOnEach, SchedulesAreChangedOnALoop) {
  boost::asio::io_context loop;
  auto id = boost::asio::co_spawn(loop, on_a_loop(client()), boost::asio::use_future);
  loop.run();
  EXPECT_EQ(found(id.get()).task, "a.b");
}

}  // namespace
}  // namespace conduit
