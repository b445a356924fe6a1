// What operators look at: lists, counts, waits, workers and tasks; and what survives a restart.

#include <map>

#include "contract/broker_contract.h"

namespace conduitd::test {

using broker::JobFilter;
using job::JobStatus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(BrokerContract, RecordHoldsWhatWasSubmitted) {
  auto& c = connect("w1");
  auto job = new_job();
  job.args = R"([1, "two"])";
  job.priority = 3;
  job.retries = 2;
  job.timeout = Millis{900};
  job.expires = Millis{60'000};
  job.unique = "u";
  job.parent_id = "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC";
  job.root_id = job.parent_id;
  job.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto id = submit(c, job);
  const auto seen = record(c, id);
  EXPECT_EQ(seen.id, id);
  EXPECT_EQ(seen.status, JobStatus::queued);
  EXPECT_EQ(seen.args, job.args);
  EXPECT_EQ(seen.priority, 3);
  EXPECT_EQ(seen.retries, 2);
  EXPECT_EQ(seen.timeout, Millis{900});
  EXPECT_EQ(seen.expires_at, seen.created_at + Millis{60'000});
  EXPECT_EQ(seen.unique, "u");
  EXPECT_EQ(seen.parent_id, job.parent_id);
  EXPECT_EQ(seen.root_id, job.root_id);
  EXPECT_EQ(seen.traceparent, job.traceparent);
  EXPECT_EQ(seen.counters.attempts, 0U);
  EXPECT_FALSE(seen.started_at.has_value());
  EXPECT_FALSE(seen.ended_at.has_value());
  EXPECT_FALSE(seen.progress.has_value());
  EXPECT_THAT(seen.attempts, IsEmpty());
}

TEST_P(BrokerContract, RefusalsAreSaidAlike) {
  auto& c = connect("w1");
  const auto id = submit(c);
  claim_one(c);
  const auto refused = run(c.directory->retry(id));
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(Errc::conflict));
  EXPECT_EQ(refused.error().message(), "job " + id + " is running: only an ended job can be run again");
  JobFilter filter;
  filter.cursor = "nonsense";
  const auto listed = run(c.directory->list(filter));
  const auto logged = run(c.directory->logs(id, "nonsense", 10));
  ASSERT_FALSE(listed.has_value() || logged.has_value());
  for (const auto& error : {listed.error(), logged.error()}) {
    EXPECT_TRUE(error.is(Errc::invalid_argument));
    EXPECT_EQ(error.message(), "the cursor is not one of ours: leave it out to begin anew");
  }
}

TEST_P(BrokerContract, IdsAreUniqueAndNameTheirQueue) {
  auto& c = connect("w1");
  std::set<std::string> seen;
  for (int i = 0; i < 5; ++i) {
    for (const auto& id : submit(c, 100, kTask, "media")) {
      EXPECT_TRUE(id.starts_with("media:")) << id;
      seen.insert(id);
    }
  }
  EXPECT_THAT(seen, SizeIs(500));
}

TEST_P(BrokerContract, ListShowsNewestFirstInPages) {
  auto& c = connect("w1");
  std::vector<std::string> ids;
  for (int i = 0; i < 25; ++i) ids.insert(ids.begin(), submit(c));
  JobFilter filter;
  filter.limit = 10;
  std::vector<std::string> seen;
  int pages = 0;
  do {
    const auto page = must(run(c.directory->list(filter)));
    EXPECT_LE(page.jobs.size(), 10U);
    for (const auto& id : ids_of(page)) seen.push_back(id);
    filter.cursor = page.next;
    ++pages;
  } while (!filter.cursor.empty() && pages < 10);
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(seen, ids);
}

TEST_P(BrokerContract, ListFiltersByStatus) {
  auto& c = connect("w1");
  std::map<JobStatus, std::string> ids;
  ids[JobStatus::complete] = submit(c);
  settle(c, complete(claim_one(c)));
  ids[JobStatus::failed] = submit(c);
  settle(c, fail(claim_one(c)));
  ids[JobStatus::cancelled] = submit(c);
  must(run(c.directory->cancel(ids[JobStatus::cancelled])));
  auto late = new_job();
  late.expires = Millis{10};
  ids[JobStatus::expired] = submit(c, late);
  promote(c);
  ids[JobStatus::retrying] = submit(c);
  settle(c, retry(claim_one(c), Millis{60'000}));
  ids[JobStatus::running] = submit(c);
  claim_one(c);
  auto later = new_job();
  later.delay = Millis{60'000};
  ids[JobStatus::scheduled] = submit(c, later);
  ids[JobStatus::queued] = submit(c);
  for (const auto status : job::kAllStatuses) {
    JobFilter filter;
    filter.status = status;
    const auto page = must(run(c.directory->list(filter)));
    EXPECT_THAT(ids_of(page), ElementsAre(ids[status])) << job::to_string(status);
    EXPECT_EQ(page.next, "");
    for (const auto& job : page.jobs) EXPECT_EQ(job.status, status);
  }
  EXPECT_THAT(must(run(c.directory->list({}))).jobs, SizeIs(8));
}

TEST_P(BrokerContract, ListFiltersByQueueAndTask) {
  auto& c = connect("w1");
  // Between lines of their own, jobs are in order by the millisecond.
  const auto tick = [&] { eventually([&, now = clock.wall_now()] { return clock.wall_now() > now; }); };
  const auto a = submit(c, new_job("one", "a"));
  tick();
  const auto b = submit(c, new_job("two", "a"));
  tick();
  const auto d = submit(c, new_job("one", "b"));
  JobFilter filter;
  filter.queue = "a";
  EXPECT_THAT(ids_of(must(run(c.directory->list(filter)))), ElementsAre(b, a));
  filter.task = "one";
  EXPECT_THAT(ids_of(must(run(c.directory->list(filter)))), ElementsAre(a));
  filter.queue.clear();
  EXPECT_THAT(ids_of(must(run(c.directory->list(filter)))), ElementsAre(d, a));
  filter.status = JobStatus::queued;
  EXPECT_THAT(ids_of(must(run(c.directory->list(filter)))), ElementsAre(d, a));
  filter.status = JobStatus::failed;
  EXPECT_THAT(ids_of(must(run(c.directory->list(filter)))), IsEmpty());
  filter.task = "nothing";
  EXPECT_THAT(ids_of(must(run(c.directory->list(filter)))), IsEmpty());
}

TEST_P(BrokerContract, ListWithStatusComesInPages) {
  auto& c = connect("w1");
  for (int i = 0; i < 7; ++i) submit(c);
  for (const auto& claimed : claim(c, 7)) settle(c, fail(claimed));
  JobFilter filter;
  filter.status = JobStatus::failed;
  filter.limit = 3;
  std::set<std::string> seen;
  int pages = 0;
  do {
    const auto page = must(run(c.directory->list(filter)));
    for (const auto& id : ids_of(page)) seen.insert(id);
    filter.cursor = page.next;
  } while (!filter.cursor.empty() && ++pages < 10);
  EXPECT_THAT(seen, SizeIs(7));
}

TEST_P(BrokerContract, QueuesAreCounted) {
  auto& c = connect("w1");
  submit(c, 5);
  submit(c, 2, "other.task");
  submit(c, 1, kTask, "other");
  auto later = new_job();
  later.delay = Millis{60'000};
  submit(c, later);
  const auto claims = claim(c, 3);
  settle(c, fail(claims.at(0)));
  settle(c, retry(claims.at(1), Millis{60'000}));
  std::map<std::string, broker::QueueInfo> queues;
  for (const auto& queue : must(run(c.directory->queues()))) queues[queue.name] = queue;
  ASSERT_TRUE(queues.contains(kQueue));
  EXPECT_EQ(queues[kQueue].queued, 4U);
  EXPECT_EQ(queues[kQueue].running, 1U);
  EXPECT_EQ(queues[kQueue].scheduled, 2U);
  EXPECT_EQ(queues[kQueue].failed, 1U);
  EXPECT_FALSE(queues[kQueue].paused);
  EXPECT_EQ(queues["other"].queued, 1U);
}

TEST_P(BrokerContract, WaitReturnsWhenTheJobEnds) {
  auto& c = connect("w1");
  const auto id = submit(c);
  auto waiting = start(c.directory->wait(id, kDeadline));
  const auto claimed = claim_one(c);
  run_for(io, Millis{50});
  EXPECT_FALSE(waiting.done());
  settle(c, complete(claimed, "42"));
  const auto seen = must(finish(waiting));
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->status, JobStatus::complete);
  EXPECT_EQ(seen->result, "42");
}

TEST_P(BrokerContract, WaitIsWokenByASettleOfAnotherConnection) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  for (int round = 0; round < 5; ++round) {
    const auto id = submit(producer);
    auto waiting = start(producer.directory->wait(id, kDeadline));
    const auto claimed = claim_one(worker);
    run_for(io, Millis{20});
    EXPECT_FALSE(waiting.done());
    const auto began = clock.now();
    settle(worker, complete(claimed));
    const auto seen = must(finish(waiting));
    EXPECT_EQ(seen->status, JobStatus::complete);
    EXPECT_LT(clock.now() - began, Millis{1'000}) << "woken, not found by polling";
  }
}

TEST_P(BrokerContract, WaitSeesEveryKindOfEnd) {
  auto& c = connect("w1");
  const auto failed = submit(c);
  auto one = start(c.directory->wait(failed, kDeadline));
  settle(c, fail(claim_one(c)));
  EXPECT_EQ(must(finish(one))->status, JobStatus::failed);
  const auto cancelled = submit(c);
  auto two = start(c.directory->wait(cancelled, kDeadline));
  must(run(c.directory->cancel(cancelled)));
  EXPECT_EQ(must(finish(two))->status, JobStatus::cancelled);
  auto late = new_job();
  late.expires = Millis{10};
  const auto expired = submit(c, late);
  auto three = start(c.directory->wait(expired, kDeadline));
  promote(c);
  EXPECT_EQ(must(finish(three))->status, JobStatus::expired);
  const auto purged = submit(c);
  auto four = start(c.directory->wait(purged, kDeadline));
  must(run(c.directory->purge(kQueue, "")));
  EXPECT_EQ(must(finish(four))->status, JobStatus::cancelled);
  // One that has ended already.
  EXPECT_EQ(must(run(c.directory->wait(failed, kDeadline)))->status, JobStatus::failed);
}

TEST_P(BrokerContract, WaitThatIsOverReturnsThePresentRecord) {
  auto& c = connect("w1");
  const auto id = submit(c);
  const auto seen = must(run(c.directory->wait(id, Millis{60})));
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->status, JobStatus::queued);
}

TEST_P(BrokerContract, ManyWaitersAreAllWoken) {
  auto& worker = connect("w1");
  auto& producer = connect("");
  std::vector<Pending<Result<std::optional<job::JobRecord>>>> waiting;
  for (const auto& id : submit(producer, 50)) {
    waiting.push_back(start(producer.directory->wait(id, kDeadline)));
    waiting.push_back(start(worker.directory->wait(id, kDeadline)));
  }
  run_for(io, Millis{20});
  std::vector<job::Settlement> batch;
  for (const auto& claimed : claim(worker, 50)) batch.push_back(complete(claimed));
  must(run(worker.broker->settle(batch)));
  for (auto& one : waiting) EXPECT_EQ(must(finish(one))->status, JobStatus::complete);
}

TEST_P(BrokerContract, CloseEndsAWaitForAJob) {
  auto& c = connect("w1");
  const auto id = submit(c);
  auto waiting = start(c.directory->wait(id, kDeadline));
  run_for(io, Millis{30});
  run(c.broker->close());
  EXPECT_ERRC(Errc::cancelled, finish(waiting));
}

TEST_P(BrokerContract, HeartbeatAnnouncesWorkerAndTasks) {
  auto& worker = connect("w1");
  auto& viewer = connect("");
  broker::WorkerInfo info;
  info.id = "w1";
  info.host = "machine";
  info.pid = 4711;
  info.version = "0.1.0";
  info.started_at = clock.wall_now();
  info.state = "running";
  info.queues = {kQueue, "media"};
  info.tasks = {kTask};
  info.running = 3;
  info.slots = 8;
  info.done = 12;
  info.detail = R"({ "hosts" : 2 })";
  broker::TaskInfo task;
  task.name = kTask;
  task.queue = kQueue;
  task.executor = "thread";
  task.plugin = "test";
  task.plugin_version = "1.0";
  task.options = R"({"retries":3})";
  EXPECT_OK(run(worker.broker->reclaim_expired({})));
  EXPECT_OK(run(worker.directory->heartbeat(info, {task}, Millis{5'000})));
  const auto workers = must(run(viewer.directory->workers()));
  ASSERT_THAT(workers, SizeIs(1));
  EXPECT_EQ(workers[0].id, "w1");
  EXPECT_EQ(workers[0].host, "machine");
  EXPECT_EQ(workers[0].pid, 4711);
  EXPECT_EQ(workers[0].started_at, info.started_at);
  EXPECT_EQ(workers[0].queues, info.queues);
  EXPECT_EQ(workers[0].tasks, info.tasks);
  EXPECT_EQ(workers[0].running, 3U);
  EXPECT_EQ(workers[0].slots, 8U);
  EXPECT_EQ(workers[0].done, 12U);
  EXPECT_EQ(workers[0].detail, info.detail);
  EXPECT_LT(std::chrono::abs(workers[0].seen_at - clock.wall_now()), Millis{10'000});
  auto tasks = must(run(viewer.directory->tasks()));
  ASSERT_THAT(tasks, SizeIs(1));
  EXPECT_EQ(tasks[0].name, kTask);
  EXPECT_EQ(tasks[0].executor, "thread");
  EXPECT_EQ(tasks[0].plugin, "test");
  EXPECT_EQ(tasks[0].plugin_version, "1.0");
  EXPECT_EQ(tasks[0].options, task.options);
  EXPECT_EQ(tasks[0].workers, 1U);
  EXPECT_FALSE(tasks[0].paused);
  // A queue that workers read exists, even if it never held a job.
  EXPECT_OK(run(viewer.directory->set_queue_paused("media", true)));
  EXPECT_OK(run(viewer.directory->set_task_paused(kTask, true)));
  task.executor = "process";
  EXPECT_OK(run(worker.directory->heartbeat(info, {task}, Millis{5'000})));
  tasks = must(run(viewer.directory->tasks()));
  EXPECT_EQ(tasks[0].executor, "process");
  EXPECT_TRUE(tasks[0].paused);
  EXPECT_OK(run(worker.directory->farewell("w1")));
  EXPECT_THAT(must(run(viewer.directory->workers())), IsEmpty());
  tasks = must(run(viewer.directory->tasks()));
  ASSERT_THAT(tasks, SizeIs(1)) << "tasks are known also when nobody has them now";
  EXPECT_EQ(tasks[0].workers, 0U);
}

TEST_P(BrokerContract, WorkerThatIsNotHeardOfIsNotListed) {
  auto& c = connect("w1");
  broker::WorkerInfo info;
  info.id = "w1";
  EXPECT_OK(run(c.directory->heartbeat(info, {}, Millis{200})));
  EXPECT_THAT(must(run(c.directory->workers())), SizeIs(1));
  eventually([&] { return must(run(c.directory->workers())).empty(); });
}

TEST_P(BrokerContract, WarningsCanBeAsked) { EXPECT_OK(run(connect("w1").directory->warnings())); }

TEST_P(BrokerContract, RestartKeepsEverything) {
  std::string queued, scheduled, done, running;
  job::Claim held;
  {
    auto& c = connect("w1");
    done = submit(c);
    const auto claimed = claim_one(c);
    job::Report report;
    report.lease = claimed.lease;
    report.checkpoint = "1";
    report.logs.push_back({clock.wall_now(), 1, job::LogLevel::info, "hello", {}});
    must(run(c.broker->report({report})));
    settle(c, complete(claimed, "42"));
    running = submit(c);
    held = claim_one(c);
    queued = submit(c);
    auto later = new_job();
    later.delay = Millis{100};
    later.unique = "k";
    scheduled = submit(c, later);
    EXPECT_OK(run(c.directory->set_task_paused(kTask, true)));
  }
  close_all();
  site->restart();
  auto& c = connect("w1");
  EXPECT_EQ(record(c, done).result, "42");
  EXPECT_EQ(record(c, done).checkpoint, "1");
  EXPECT_THAT(must(run(c.directory->logs(done, "", 10))).lines, SizeIs(1));
  EXPECT_THAT(claim(c), IsEmpty()) << "still paused";
  EXPECT_OK(run(c.directory->set_task_paused(kTask, false)));
  EXPECT_EQ(claim_one(c).lease.job_id, queued);
  EXPECT_EQ(promote(c).promoted, 1U);
  EXPECT_EQ(claim_one(c).lease.job_id, scheduled);
  auto twin = new_job();
  twin.unique = "k";
  EXPECT_EQ(submit(c, twin), scheduled);
  EXPECT_EQ(record(c, running).status, JobStatus::running);
  EXPECT_EQ(settle(c, complete(held)), broker::Settled::applied) << "the lease is the worker's, not the connection's";
}

}  // namespace conduitd::test
