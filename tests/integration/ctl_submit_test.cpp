#include <signal.h>

#include <fstream>

#include "ctl_fixture.h"

namespace conduitd::test {
namespace {

class CtlSubmit : public CtlTest {
 protected:
  std::string file_with(const std::string& text) {
    auto path = dir_.file("input");
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::size_t jobs() { return json({"job", "list", "--all"}).find("jobs")->as_array()->size(); }
};

TEST_F(CtlSubmit, WarnsWhileNoWorkerHasAnnouncedATask) {
  const auto outcome = ctl({"submit", "a.b"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.err.find("no worker has announced any task yet"), std::string::npos) << outcome.err;
}

TEST_F(CtlSubmit, TakesTheQueueOfTheTaskUnlessOneIsNamed) {
  announce({{"images.thumbnail", "media"}});
  EXPECT_TRUE(submit({"images.thumbnail"}).starts_with("media:"));
  EXPECT_TRUE(submit({"images.thumbnail", "--queue", "other"}).starts_with("other:"));
}

TEST_F(CtlSubmit, WarnsOfAQueueThatNobodyReads) {
  announce({{"images.thumbnail", "media"}});
  const auto unread = ctl({"submit", "images.thumbnail", "--queue", "nobody"});
  EXPECT_EQ(unread.code, 0);
  EXPECT_NE(unread.err.find("no worker that is there now reads queue 'nobody'"), std::string::npos) << unread.err;
  EXPECT_EQ(ctl({"submit", "images.thumbnail", "--queue", "media"}).err, "");
  EXPECT_EQ(ctl({"submit", "images.thumbnail"}).err, "");
}

TEST_F(CtlSubmit, WarnsOfATaskWhoseNeedsNoLiveWorkerHasAndExplainSaysIt) {
  announce({{"a.b", "default"}}, R"({"needs":{"gpu":1}})", R"({"resources":{"cpu":{"units":2,"free":2}}})");
  const auto outcome = ctl({"submit", "a.b"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.err.find("task a.b needs gpu 1, and no live worker has gpu"), std::string::npos) << outcome.err;
  const auto bulk = ctl({"submit", "--jsonl", "-"}, "{\"task\":\"a.b\"}\n{\"task\":\"a.b\"}\n");
  EXPECT_EQ(bulk.code, 0);
  EXPECT_EQ(bulk.err.find("no live worker has gpu"), bulk.err.rfind("no live worker has gpu")) << "once: " << bulk.err;
  const auto id = outcome.out.substr(0, outcome.out.size() - 1);
  EXPECT_NE(ctl({"explain", id}).out.find("it needs gpu 1, and no live worker has gpu"), std::string::npos);
  announce({{"a.b", "default"}}, R"({"needs":{"gpu":1}})", R"({"resources":{"gpu":{"units":2,"free":0,"devices":["0","1"]}}})");
  EXPECT_EQ(ctl({"submit", "a.b"}).err, "");
  EXPECT_NE(ctl({"explain", id}).out.find("waiting for resources: needs gpu 1, free 0"), std::string::npos);
  EXPECT_NE(ctl({"worker", "list"}).out.find("gpu 0/2"), std::string::npos);
  EXPECT_NE(ctl({"worker", "show", "w1"}).out.find("gpu          0   2  0,1"), std::string::npos) << ctl({"worker", "show", "w1"}).out;
  EXPECT_EQ(ctl({"worker", "show", "w2"}).code, 3);
}

TEST_F(CtlSubmit, SaysThatAWaitIsNoDuration) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"submit", "a.b", "--wait", "abc"}, {"submit", "a.b", "{}", "--wait", "abc"}, {"submit", "a.b", "--wait=abc"}}) {
    const auto outcome = ctl(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_NE(outcome.err.find("--wait: 'abc' is not a duration"), std::string::npos) << outcome.err;
  }
  EXPECT_EQ(jobs(), 0U);
}

TEST_F(CtlSubmit, RefusesAMemberThatIsThereTwice) {
  const auto outcome = ctl({"submit", "--jsonl", "-"}, "{\"task\":\"a.b\",\"queue\":\"x\",\"queue\":\"y\"}\n");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("member 'queue' is there twice"), std::string::npos) << outcome.err;
}

TEST_F(CtlSubmit, InterruptedWhileItWaitsItSaysThatTheJobGoesOn) {
  auto& waiting = start({"submit", "a.b", "--wait"}, true);
  const auto claimed = claim("a.b");
  const auto& id = claimed.lease.job_id;
  run_until(io_, [&] { return waiting.output().find("\r") != std::string::npos && waiting.output().find("running") != std::string::npos; });
  waiting.interrupt();
  const auto outcome = finish(waiting);
  EXPECT_EQ(outcome.code, -SIGINT);
  EXPECT_NE(outcome.out.find("\x1b[Kconduitctl: job " + id + " goes on; see conduitctl job wait " + id), std::string::npos) << outcome.out;
  complete(claimed, "1");
}

TEST_F(CtlSubmit, RefusesATaskThatNoWorkerHas) {
  announce({{"images.thumbnail", "media"}});
  const auto refused = ctl({"submit", "images.thumbnial"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_NE(refused.err.find("did you mean 'images.thumbnail'?"), std::string::npos) << refused.err;
  EXPECT_EQ(jobs(), 0U);
  EXPECT_EQ(ctl({"submit", "images.thumbnial", "--allow-unknown"}).code, 0);
  EXPECT_EQ(jobs(), 1U);
}

TEST_F(CtlSubmit, TakesEveryOption) {
  const auto id = submit({"a.b", "[1,2]", "--queue", "media", "--delay", "1h", "--priority", "9", "--weight", "3", "--unique", "key",
                          "--expires", "2h", "--retries", "4", "--timeout", "30s"});
  const auto job = json({"job", "show", id});
  EXPECT_EQ(job.string_or("queue", ""), "media");
  EXPECT_EQ(job.string_or("status", ""), "scheduled");
  EXPECT_EQ(job.find("args")->text(), "[1,2]");
  EXPECT_EQ(job.int_or("priority", 0), 9);
  EXPECT_EQ(job.int_or("weight", 0), 3);
  EXPECT_EQ(job.int_or("retries", 0), 4);
  EXPECT_EQ(job.int_or("timeout_ms", 0), 30'000);
  EXPECT_EQ(job.string_or("unique", ""), "key");
  EXPECT_NE(job.find("expires_at"), nullptr);
}

TEST_F(CtlSubmit, ReadsTheArgumentsFromAFileOrStandardInput) {
  const auto from_file = submit({"a.b", "--args-file", file_with(R"({"x":1})")});
  EXPECT_EQ(json({"job", "show", from_file}).find("args")->int_or("x", 0), 1);
  const auto from_stdin = ctl({"submit", "a.b", "--args-file", "-"}, R"({"x":2})");
  EXPECT_EQ(from_stdin.code, 0) << from_stdin.err;
  EXPECT_EQ(ctl({"submit", "a.b", "{}", "--args-file", "-"}).code, 2);
  EXPECT_EQ(ctl({"submit", "a.b", "--args-file", dir_.file("none")}).code, 2);
}

TEST_F(CtlSubmit, ReturnsTheLiveJobOfAUniqueKey) {
  const auto first = submit({"a.b", "--unique", "k"});
  const auto second = ctl({"submit", "a.b", "--unique", "k", "-o", "json"});
  EXPECT_EQ(second.out, "{\"id\":\"" + first + "\",\"created\":false}\n");
}

TEST_F(CtlSubmit, TakesEveryMemberOfALineAndGivesTheIdsInOrder) {
  const auto path = file_with(
      "{\"task\":\"a.first\",\"args\":{ \"n\": 1.50 },\"queue\":\"q1\",\"delay\":\"1h\",\"priority\":1,\"unique\":\"u\","
      "\"expires\":\"2h\",\"retries\":3,\"timeout\":\"5s\"}\n"
      "\n"
      "{\"task\":\"a.second\",\"args\":[1],\"at\":\"2099-01-01T00:00:00Z\"}\r\n"
      "{\"task\":\"a.third\"}");
  const auto outcome = ctl({"submit", "--jsonl", path, "-o", "json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  std::vector<std::string> tasks;
  std::size_t start = 0;
  for (auto end = outcome.out.find('\n'); end != std::string::npos; start = end + 1, end = outcome.out.find('\n', start)) {
    const auto line = must(parse_json(outcome.out.substr(start, end - start)));
    EXPECT_TRUE(line.bool_or("created", false));
    tasks.push_back(json({"job", "show", line.string_or("id", "")}).string_or("task", ""));
  }
  EXPECT_EQ(tasks, (std::vector<std::string>{"a.first", "a.second", "a.third"}));
  const auto first = json({"job", "list", "--task", "a.first"}).find("jobs")->as_array()->front();
  EXPECT_EQ(first.string_or("queue", ""), "q1");
  EXPECT_EQ(first.int_or("retries", 0), 3);
}

TEST_F(CtlSubmit, ReportsEveryBadLineAndSubmitsNothingOfABadFile) {
  const auto path = file_with(
      "{\"task\":\"a.b\"}\n"
      "{\"task\":\n"
      "{\"task\":\"a.b\",\"prority\":1}\n"
      "{\"args\":{}}\n"
      "{\"task\":\"a.b\",\"delay\":\"soon\"}\n"
      "{\"task\":\"a.b\",\"args\":7}\n"
      "[]\n"
      "{\"task\":\"a.b\",\"args\":\"\xFF\"}\n");
  const auto outcome = ctl({"submit", "--jsonl", path});
  EXPECT_EQ(outcome.code, 2);
  for (const int line : {2, 3, 4, 5, 6, 7, 8}) {
    EXPECT_NE(outcome.err.find("conduitctl: " + path + ":" + std::to_string(line) + ": "), std::string::npos) << outcome.err;
  }
  EXPECT_NE(outcome.err.find("did you mean 'priority'?"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("7 of 8 lines in " + path + " cannot be submitted, so nothing was"), std::string::npos) << outcome.err;
  EXPECT_EQ(jobs(), 0U);

  const auto skipping = ctl({"submit", "--jsonl", path, "--skip-bad"});
  EXPECT_EQ(skipping.code, 0) << skipping.err;
  EXPECT_EQ(jobs(), 1U);
}

TEST_F(CtlSubmit, ShowsAHundredBadLinesAndCountsTheOthers) {
  std::string text;
  for (int i = 0; i < 150; ++i) text += "x\n";
  const auto outcome = ctl({"submit", "--jsonl", "-"}, text);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("stdin:100: "), std::string::npos);
  EXPECT_EQ(outcome.err.find("stdin:101: "), std::string::npos);
  EXPECT_NE(outcome.err.find("150 of 150 lines in stdin"), std::string::npos) << outcome.err;
}

TEST_F(CtlSubmit, NamesUnknownTasksInABulkFile) {
  announce({{"a.b", "media"}});
  const auto outcome = ctl({"submit", "--jsonl", "-"}, "{\"task\":\"a.b\"}\n{\"task\":\"a.x\"}\n");
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("stdin:2: no worker has announced a task 'a.x'"), std::string::npos) << outcome.err;
  EXPECT_EQ(jobs(), 0U);
  EXPECT_EQ(ctl({"submit", "--jsonl", "-"}, "{\"task\":\"a.b\"}\n").code, 0);
  EXPECT_EQ(json({"job", "list"}).find("jobs")->as_array()->front().string_or("queue", ""), "media");
}

TEST_F(CtlSubmit, SendsTwentyThousandLinesFromAPipeInOrder) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "{\"task\":\"a.b\",\"args\":{\"i\":" + std::to_string(i) + "}}\n";
  const auto outcome = ctl({"submit", "--jsonl", "-"}, text);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("20,000 jobs submitted in ")) << outcome.out;
  const auto queues = json({"queue", "list"});
  EXPECT_EQ(queues.find("queues")->as_array()->front().int_or("queued", 0), 20'000);
  // Older jobs come first, so the first line is the first job.
  EXPECT_EQ(must(parse_json(claim("a.b").args)).int_or("i", -1), 0);
  EXPECT_EQ(must(parse_json(claim("a.b").args)).int_or("i", -1), 1);
}

TEST_F(CtlSubmit, WaitsForAllJobsOfAFileAndSumsThemUp) {
  auto& waiting = start({"submit", "--jsonl", file_with("{\"task\":\"a.b\"}\n{\"task\":\"a.b\"}\n{\"task\":\"a.b\"}\n"), "--wait",
                         "-o", "json"});
  complete(claim("a.b"), "1");
  complete(claim("a.b"), "2");
  fail(claim("a.b"), {"std::logic_error", "odd", ""});
  const auto outcome = finish(waiting);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(outcome.out.ends_with("{\"summary\":{\"jobs\":3,\"complete\":2,\"failed\":1}}\n")) << outcome.out;
  EXPECT_NE(outcome.err.find("is failed (exhausted): std::logic_error: odd"), std::string::npos) << outcome.err;
}

TEST_F(CtlSubmit, RefusesOptionsThatDoNotGoWithABulkFile) {
  EXPECT_EQ(ctl({"submit", "a.b", "--jsonl", "-"}).code, 2);
  EXPECT_EQ(ctl({"submit", "--jsonl", "-", "--queue", "q"}).code, 2);
  EXPECT_EQ(ctl({"submit", "a.b", "--skip-bad"}).code, 2);
}

}  // namespace
}  // namespace conduitd::test
