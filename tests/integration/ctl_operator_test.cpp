#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "broker/redis_acl.h"
#include "ctl_fixture.h"

namespace conduitd::test {
namespace {

class CtlOperator : public CtlTest {};

TEST_F(CtlOperator, QueuesArePausedResumedAndListed) {
  submit({"a.b"});
  EXPECT_EQ(ctl({"queue", "pause", "default"}).out, "queue default is paused\n");
  EXPECT_EQ(ctl({"queue", "list"}).out,
            "QUEUE    STATE   QUEUED  RUNNING  SCHEDULED  FAILED\n"
            "default  paused       1        0          0       0\n");
  EXPECT_EQ(ctl({"queue", "resume", "default", "-o", "json"}).out, "{\"queues\":[{\"name\":\"default\",\"paused\":false}]}\n");
  EXPECT_EQ(ctl({"queue", "list", "-o", "json"}).out,
            "{\"queues\":[{\"name\":\"default\",\"paused\":false,\"queued\":1,\"running\":0,\"scheduled\":0,\"failed\":0}]}\n");
}

TEST_F(CtlOperator, APurgeCancelsWhatWaits) {
  const auto id = submit({"a.b"});
  submit({"a.b", "--delay", "1h"});
  const auto outcome = ctl({"queue", "purge", "default"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "2 jobs cancelled in queue default\n");
  EXPECT_EQ(json({"job", "show", id}).string_or("status", ""), "cancelled");
}

TEST_F(CtlOperator, APurgeOfATaskCancelsItsJobsInEveryQueue) {
  submit({"a.b"});
  submit({"a.b", "--queue", "media"});
  const auto other = submit({"c.d"});
  EXPECT_EQ(ctl({"task", "purge", "a.b", "--queue", "media"}).out, "1 job cancelled of task a.b in queue media\n");
  EXPECT_EQ(ctl({"task", "purge", "a.b", "-o", "json"}).out, "{\"task\":\"a.b\",\"cancelled\":1}\n");
  EXPECT_EQ(json({"job", "show", other}).string_or("status", ""), "queued");
  EXPECT_EQ(ctl({"task", "purge", "no.such"}).code, 3);
}

TEST_F(CtlOperator, TasksAndWorkersAreListedAndTasksPaused) {
  announce({{"a.b", "media"}});
  EXPECT_EQ(ctl({"task", "pause", "a.b"}).out, "task a.b is paused\n");
  EXPECT_EQ(ctl({"task", "list"}).out,
            "TASK  QUEUE  EXECUTOR  PLUGIN       STATE   WORKERS  NEEDS\n"
            "a.b   media  thread    testing 1.0  paused        1\n");
  EXPECT_EQ(ctl({"task", "resume", "a.b"}).code, 0);
  const auto workers = json({"worker", "list"});
  ASSERT_EQ(workers.find("workers")->as_array()->size(), 1U);
  EXPECT_EQ(workers.find("workers")->as_array()->front().string_or("host", ""), "testhost");
  EXPECT_TRUE(ctl({"worker", "list"}).out.starts_with("WORKER  HOST")) << ctl({"worker", "list"}).out;
}

TEST_F(CtlOperator, ListsShowLimitsAndOnlyWorkersThatCanTakeATask) {
  submit({"a.b", "--queue", "media"});
  announce({{"a.b", "media"}}, R"({"concurrency":{"limit":4,"scope":"worker"},"rate_limit":{"rate":"100/m","key":"tenant"},"weight":2,"needs":{"gpu":1}})",
           R"({"resources":{},"concurrency":{"media":20},"weight":{"media":5}})");
  EXPECT_EQ(ctl({"task", "list"}).out,
            "TASK  QUEUE  EXECUTOR  PLUGIN       STATE  WORKERS  NEEDS  LIMITS\n"
            "a.b   media  thread    testing 1.0  open         0  gpu 1  4 on each worker, 100/m for each /tenant, weight 2\n");
  EXPECT_EQ(json({"task", "list"}).find("tasks")->as_array()->front().int_or("workers", -1), 0);
  EXPECT_NE(ctl({"worker", "show", "w1"}).out.find("never taken, for it has not what they need: a.b (needs gpu 1)\n"), std::string::npos);
  EXPECT_EQ(ctl({"queue", "list"}).out,
            "QUEUE  STATE  QUEUED  RUNNING  SCHEDULED  FAILED  LIMIT  WEIGHT\n"
            "media  open        1        0          0       0     20       5\n");
}

TEST_F(CtlOperator, ExplainKnowsWhichQueuesThereAre) {
  announce({{"a.b", "media"}});
  EXPECT_EQ(ctl({"explain", "--queue", "media"}).out, "No job waits in queue media.\n") << "a worker reads it";
  EXPECT_EQ(ctl({"explain", "--queue", "zzz"}).code, 3);
  EXPECT_EQ(ctl({"explain", "--queue", "a b"}).code, 2);
}

TEST_F(CtlOperator, FailedJobsAreRetriedByFilter) {
  const auto end_as_failed = [this](const std::string& task) {
    const auto id = submit({task});
    fail(claim(task), {"E", "it failed", {}});
    return id;
  };
  const auto first = end_as_failed("a.b");
  const auto second = end_as_failed("a.b");
  const auto other = end_as_failed("c.d");
  const auto waiting = submit({"a.b"});
  EXPECT_EQ(ctl({"job", "retry", "--task", "a.b", "--limit", "1"}).out, "1 job queued\n");
  EXPECT_EQ(json({"job", "list", "--state", "failed"}).find("jobs")->as_array()->size(), 2U);
  EXPECT_EQ(ctl({"job", "retry", "--task", "a.b", "--reason", "exhausted"}).out, "1 job queued\n");
  for (const auto& id : {first, second, waiting}) EXPECT_EQ(json({"job", "show", id}).string_or("status", ""), "queued") << id;
  EXPECT_EQ(json({"job", "show", other}).string_or("status", ""), "failed") << "of another task";
  const auto none = json({"job", "retry", "--reason", "poison"});
  EXPECT_EQ(none.int_or("changed", -1), 0);
  EXPECT_EQ(ctl({"job", "retry", "--yes"}).out, "1 job queued\n") << "all that are failed";
}

TEST_F(CtlOperator, EndedJobsAreDeletedByFilterAndNoneWithoutOne) {
  std::vector<std::string> failed;
  for (int i = 0; i < 3; ++i) {
    failed.push_back(submit({"a.b"}));
    fail(claim("a.b"), {"E", "it failed", {}});
  }
  const auto done = submit({"a.b"});
  complete(claim("a.b"), "1");
  const auto refused = ctl({"job", "delete"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("which jobs?"), std::string::npos) << refused.err;
  EXPECT_EQ(ctl({"job", "delete", done, "--task", "a.b"}).code, 2) << "by id or by filter";
  const auto deleted = json({"job", "delete", "--state", "failed", "--queue", "default"});
  EXPECT_EQ(deleted.int_or("changed", 0), 3);
  EXPECT_EQ(deleted.string_or("outcome", ""), "deleted");
  for (const auto& id : failed) EXPECT_EQ(ctl({"job", "show", id}).code, 3);
  EXPECT_EQ(json({"job", "show", done}).string_or("status", ""), "complete");
}

TEST_F(CtlOperator, WhatIsNotThereIsNotFound) {
  submit({"a.b"});
  EXPECT_EQ(ctl({"queue", "pause", "none"}).code, 3);
  EXPECT_EQ(ctl({"queue", "purge", "none"}).code, 3);
  EXPECT_EQ(ctl({"task", "pause", "none.such"}).code, 3);
}

TEST_F(CtlOperator, ABrokerThatIsNotThereIsAnErrorOfItsOwn) {
  std::ofstream(dir_.file("file")) << "no folder";
  const auto missing = CtlProgram({"queue", "list", "--broker", "sqlite://" + dir_.file("file/conduit.db")},
                                  {.folder = dir_.path().string(), .stdin_text = {}, .environment = {}})
                           .finish();
  EXPECT_EQ(missing.code, 4) << missing.err;
  EXPECT_TRUE(missing.err.starts_with("conduitctl: ")) << missing.err;
  EXPECT_EQ(missing.out, "");

  std::ofstream(dir_.file("conduit.db")) << std::string(8192, 'x');
  const auto corrupt = ctl({"queue", "list"});
  EXPECT_EQ(corrupt.code, 4) << corrupt.err;
}

TEST_F(CtlOperator, AMistypedDatabaseIsNamedAndNotMade) {
  for (const Words& words : {Words{"job", "list"}, Words{"submit", "a.b"}, Words{"queue", "pause", "default"}}) {
    auto with = words;
    with.insert(with.end(), {"--broker", "sqlite://" + dir_.file("cnduit.db")});
    const auto outcome = CtlProgram(with, {.folder = dir_.path().string(), .stdin_text = {}, .environment = {}}).finish();
    EXPECT_EQ(outcome.code, 4) << words.front();
    EXPECT_EQ(outcome.err, "conduitctl: no such database " + dir_.file("cnduit.db") +
                               ": correct the path, or start conduitd, which makes it\n");
  }
  EXPECT_FALSE(std::filesystem::exists(dir_.file("cnduit.db")));
}

TEST_F(CtlOperator, AnUnreachableRedisIsNamedInOneSentence) {
  const auto url = "redis+unix://" + dir_.file("redis.sock");
  const auto outcome = CtlProgram({"job", "list", "--broker", url},
                                  {.folder = dir_.path().string(), .stdin_text = {}, .environment = {}})
                           .finish();
  EXPECT_EQ(outcome.code, 4);
  EXPECT_EQ(outcome.err, "conduitctl: cannot reach Redis at " + url +
                             ": No such file or directory; see that it runs there, or correct the broker's URL\n");
}

TEST_F(CtlOperator, TheRightsOfARedisUserArePrintedAsOneLineForItsConsole) {
  const auto line = CtlProgram({"redis-acl", "--namespace", "shop", "--user", "worker"}, {}).finish();
  EXPECT_EQ(line.code, 0) << line.err;
  EXPECT_EQ(line.out.find("ACL SETUSER worker reset on >PASSWORD "), 0U) << line.out;
  for (const auto& rule : broker::redis_acl(broker::RedisRole::worker, "shop")) {
    EXPECT_NE(line.out.find(" " + rule), std::string::npos) << rule;
  }
  const auto submitter = CtlProgram({"redis-acl", "--submit-only", "-o", "json"}, {}).finish();
  EXPECT_NE(submitter.out.find(R"("rules":["resetchannels")"), std::string::npos) << submitter.out;
  EXPECT_EQ(submitter.out.find("+xreadgroup"), std::string::npos) << submitter.out;
  const auto refused = CtlProgram({"redis-acl", "--user", "a b"}, {}).finish();
  EXPECT_EQ(refused.code, 2);
}

TEST_F(CtlOperator, TheBrokerIsFoundByTheConfigFileOrTheEnvironment) {
  submit({"a.b"});
  const auto config = dir_.file("conduit.toml");
  std::ofstream(config) << "[broker]\nurl = \"" << url() << "\"\n";
  const auto by_option = CtlProgram({"queue", "list", "--config", config},
                                    {.folder = dir_.path().string(), .stdin_text = {}, .environment = {}})
                             .finish();
  EXPECT_NE(by_option.out.find("default"), std::string::npos) << by_option.err;
  const auto by_environment = CtlProgram({"queue", "list"}, {.folder = dir_.path().string(), .stdin_text = {},
                                                             .environment = {"CONDUIT_CONFIG=" + config}})
                                  .finish();
  EXPECT_EQ(by_environment.out, by_option.out);
  const auto bad = dir_.file("bad.toml");
  std::ofstream(bad) << "brokr = 1\n";
  const auto refused = CtlProgram({"queue", "list", "--config", bad},
                                  {.folder = dir_.path().string(), .stdin_text = {}, .environment = {}})
                           .finish();
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("bad.toml:1:"), std::string::npos) << refused.err;
}

TEST_F(CtlOperator, APluginIsShownOrRefusedWithASentence) {
  const std::string plugins = CONDUIT_TEST_PLUGINS;
  const auto around = ctl({"plugin", "check", plugins + "/around/around.so"});
  EXPECT_EQ(around.code, 0) << around.err;
  EXPECT_THAT(around.out, testing::ContainsRegex("outer +10 +functions, coroutines +all of this plugin\ninner +1 "));
  EXPECT_THAT(around.out, testing::ContainsRegex("on_failure +around.process\n"));
  EXPECT_THAT(around.out, testing::ContainsRegex("on_complete +all of the worker\n"));
  const auto good = ctl({"plugin", "check", plugins + "/noop/noop.so"});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_TRUE(good.out.starts_with("plugin     ")) << good.out;
  EXPECT_NE(good.out.find("TASK "), std::string::npos) << good.out;
  for (const char* fault : {"throws", "crashes", "hides", "other_abi", "exits"}) {
    const auto bad = ctl({"plugin", "check", plugins + "/" + fault + "/" + fault + ".so"});
    EXPECT_EQ(bad.code, 2) << fault << bad.err;
    EXPECT_EQ(bad.out, "");
    EXPECT_NE(bad.err.find(fault), std::string::npos) << bad.err;
  }
  const auto hanging = ctl({"plugin", "check", plugins + "/hangs/hangs.so", "--timeout", "200ms"});
  EXPECT_EQ(hanging.code, 2) << hanging.err;
}

TEST_F(CtlOperator, ExplainSaysWhyAJobDoesNotRun) {
  announce({{"a.b", "default"}});
  const auto first = submit({"a.b"});
  const auto second = submit({"a.b"});
  EXPECT_NE(ctl({"explain", second}).out.find("it is number 2 in line: 1 job of its task and queue goes first"), std::string::npos) << ctl({"explain", second}).out;
  ctl({"queue", "pause", "default"});
  const auto paused = json({"explain", first});
  EXPECT_EQ(paused.find("reasons")->as_array()->front().string_or("code", ""), "paused_queue");
  EXPECT_NE(ctl({"explain", "--queue", "default"}).out.find("paused_queue  a.b      2"), std::string::npos) << ctl({"explain", "--queue", "default"}).out;
  ctl({"queue", "resume", "default"});
  const auto stranger = submit({"c.d", "--allow-unknown"});
  EXPECT_NE(ctl({"explain", stranger}).out.find("no live worker has the task c.d"), std::string::npos) << ctl({"explain", stranger}).out;
  const auto later = submit({"a.b", "--delay", "1h"});
  EXPECT_NE(ctl({"explain", later}).out.find("it is scheduled for"), std::string::npos);
}

TEST_F(CtlOperator, ExplainTellsTheStoryOfAJobThatHasEnded) {
  announce({{"a.b", "default"}});
  const auto id = submit({"a.b"});
  fail(claim("a.b"), {"E", "it failed", {}});
  const auto page = ctl({"explain", id});
  EXPECT_EQ(page.code, 0);
  EXPECT_NE(page.out.find("it has ended: failed"), std::string::npos) << page.out;
  EXPECT_NE(page.out.find("submitted"), std::string::npos);
  EXPECT_NE(page.out.find("attempt 1 on"), std::string::npos);
  EXPECT_NE(page.out.find("(E: it failed)"), std::string::npos);
  EXPECT_EQ(ctl({"explain"}).code, 2);
  EXPECT_EQ(ctl({"explain", "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC"}).code, 3);
}

}  // namespace
}  // namespace conduitd::test
