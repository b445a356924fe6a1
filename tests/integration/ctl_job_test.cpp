#include <algorithm>

#include "ctl_fixture.h"

namespace conduitd::test {
namespace {

constexpr const char* kNoJob = "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC";

class CtlJob : public CtlTest {};

TEST_F(CtlJob, SubmitPrintsTheIdOfAJobThatShowThenShows) {
  const auto id = submit({"mail.send", R"({"to": "ada"})", "--priority", "7"});
  const auto shown = ctl({"job", "show", id});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_NE(shown.out.find("id          " + id + "\n"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("task        mail.send\n"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("status      queued\n"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("priority    7\n"), std::string::npos) << shown.out;
}

TEST_F(CtlJob, ShowAsJsonHasTheDocumentedMembersAndTheArgumentsAsTheyWere) {
  const auto id = submit({"mail.send", R"({"n":1.50,"big":12345678901234567890})"});
  const auto shown = ctl({"-o", "json", "job", "show", id});
  EXPECT_EQ(shown.code, 0);
  EXPECT_TRUE(shown.out.starts_with("{\"id\":\"" + id + "\",\"task\":\"mail.send\",\"queue\":\"default\",\"status\":\"queued\","
                                    "\"args\":{\"n\":1.50,\"big\":12345678901234567890},\"priority\":5,\"attempts\":0,"
                                    "\"failures\":0,\"crashes\":0,\"interruptions\":0,\"created_at\":\"")) << shown.out;
  EXPECT_TRUE(shown.out.ends_with("\"metadata\":{},\"checkpoint\":null,\"result\":null,\"history\":[]}\n")) << shown.out;
}

TEST_F(CtlJob, ListFiltersPagesAndListsAll) {
  for (int i = 0; i < 5; ++i) submit({"a.b"});
  submit({"c.d", "--queue", "other"});
  const auto of_task = json({"job", "list", "--task", "c.d"});
  ASSERT_EQ(of_task.find("jobs")->as_array()->size(), 1U);
  EXPECT_EQ(of_task.find("jobs")->as_array()->front().string_or("queue", ""), "other");
  EXPECT_EQ(json({"job", "list", "--state", "failed"}).find("jobs")->as_array()->size(), 0U);

  const auto first = json({"job", "list", "--limit", "4"});
  EXPECT_EQ(first.find("jobs")->as_array()->size(), 4U);
  const auto second = json({"job", "list", "--limit", "4", "--cursor", first.string_or("next", "")});
  EXPECT_EQ(second.find("jobs")->as_array()->size(), 2U);
  EXPECT_TRUE(second.find("next")->is_null());
  EXPECT_EQ(json({"job", "list", "--all"}).find("jobs")->as_array()->size(), 6U);

  const auto table = ctl({"job", "list", "--limit", "4"});
  EXPECT_TRUE(table.out.starts_with("JOB ")) << table.out;
  EXPECT_NE(table.err.find("--cursor"), std::string::npos) << table.err;
  EXPECT_EQ(ctl({"job", "list", "--queue", "empty"}).out, "No jobs match.\n");
}

TEST_F(CtlJob, CancelRetryAndDeleteSayWhatBecameOfEachJob) {
  const auto first = submit({"a.b"});
  const auto second = submit({"a.b"});
  const auto cancelled = ctl({"job", "cancel", first, second});
  EXPECT_EQ(cancelled.code, 0);
  EXPECT_EQ(cancelled.out, first + " is cancelled\n" + second + " is cancelled\n");
  EXPECT_EQ(ctl({"job", "cancel", first}).out, first + " had ended before: nothing to cancel\n");
  EXPECT_EQ(ctl({"job", "retry", first}).out, first + " is queued\n");
  const auto again = ctl({"job", "retry", first});
  EXPECT_EQ(again.code, 2);
  EXPECT_NE(again.err.find("queued"), std::string::npos) << again.err;
  EXPECT_EQ(ctl({"job", "delete", first, "-o", "json"}).out,
            "{\"jobs\":[{\"id\":\"" + first + "\",\"outcome\":\"deleted\"}]}\n");
  EXPECT_EQ(ctl({"job", "show", first}).code, 3);
}

TEST_F(CtlJob, OneMissingJobDoesNotKeepTheOthersFromBeingCancelled) {
  const auto id = submit({"a.b"});
  const auto outcome = ctl({"job", "cancel", kNoJob, id});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.out, id + " is cancelled\n");
  EXPECT_TRUE(outcome.err.starts_with("conduitctl: ")) << outcome.err;
}

TEST_F(CtlJob, MissingJobsAreNotFoundByEveryCommand) {
  for (const char* command : {"show", "logs", "wait", "cancel", "retry", "delete"}) {
    const auto outcome = ctl({"job", command, kNoJob});
    EXPECT_EQ(outcome.code, 3) << command << ": " << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
}

TEST_F(CtlJob, CancellingARunningJobAsksItsWorker) {
  const auto id = submit({"a.b"});
  const auto claimed = claim("a.b");
  EXPECT_EQ(ctl({"job", "cancel", id}).out, id + " is running and was asked to stop\n");
  EXPECT_NE(ctl({"job", "show", id}).out.find("status      running, asked to stop\n"), std::string::npos);
  EXPECT_EQ(ctl({"job", "delete", id}).code, 2);
  complete(claimed, "null");
}

TEST_F(CtlJob, SubmitWithWaitPrintsTheResult) {
  auto& waiting = start({"submit", "a.b", "--wait"});
  complete(claim("a.b"), R"({"sum":3})");
  const auto outcome = finish(waiting);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "{\n  \"sum\": 3\n}\n");
}

TEST_F(CtlJob, SubmitWithWaitExitsWithOneAndTheReasonIfTheJobFailed) {
  auto& waiting = start({"submit", "a.b", "--wait", "10s", "-o", "json"});
  fail(claim("a.b"), {"std::runtime_error", "no such file", ""});
  const auto outcome = finish(waiting);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("is failed (exhausted): std::runtime_error: no such file; see conduitctl job show"), std::string::npos)
      << outcome.err;
  const auto answer = must(parse_json(outcome.out));
  EXPECT_TRUE(answer.bool_or("created", false));
  EXPECT_EQ(answer.find("job")->string_or("status", ""), "failed");
  EXPECT_EQ(answer.find("job")->find("failure")->string_or("message", ""), "no such file");
}

TEST_F(CtlJob, AWaitThatRunsOutSaysThatTheJobGoesOn) {
  const auto id = submit({"a.b"});
  const auto outcome = ctl({"job", "wait", id, "--timeout", "50ms"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, "conduitctl: job " + id + " has not ended within 50ms (queued) and goes on; see conduitctl job show " +
                             id + "\n");
}

TEST_F(CtlJob, WaitExitsWithOneForACancelledJob) {
  const auto id = submit({"a.b"});
  ctl({"job", "cancel", id});
  const auto outcome = ctl({"job", "wait", id});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_NE(outcome.err.find("is cancelled"), std::string::npos) << outcome.err;
}

TEST_F(CtlJob, LogsFollowAJobToItsEnd) {
  const auto id = submit({"a.b"});
  const auto claimed = claim("a.b");
  auto& following = start({"job", "logs", id, "-f"});
  job::Report first;
  first.logs.push_back({clock_.wall_now(), 1, job::LogLevel::info, "begun", R"({"files":3})"});
  report(claimed, std::move(first));
  run_until(io_, [&] { return following.output().find("info    begun files=3\n") != std::string::npos; });
  EXPECT_FALSE(following.ended());
  job::Report second;
  second.logs.push_back({clock_.wall_now(), 1, job::LogLevel::warning, "nearly\x1b[2Jdone", ""});
  report(claimed, std::move(second));
  complete(claimed, "1");
  const auto outcome = finish(following);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("warning nearly\\x1b[2Jdone\n"), std::string::npos) << outcome.out;

  const auto as_json = ctl({"job", "logs", id, "-o", "json"}).out;
  const auto line = must(parse_json(as_json.substr(0, as_json.find('\n'))));
  EXPECT_EQ(line.string_or("message", ""), "begun");
  EXPECT_EQ(line.find("fields")->int_or("files", 0), 3);
}

TEST_F(CtlJob, ShowHasProgressMetadataCheckpointAndTheLastLogLines) {
  const auto id = submit({"a.b"});
  const auto claimed = claim("a.b");
  job::Report said;
  said.progress = job::Progress{.fraction = 0.5, .message = "half"};
  said.metadata.emplace_back("source", "\"cam\"");
  said.checkpoint = R"({"stage":1})";
  for (int i = 0; i < 15; ++i) said.logs.push_back({clock_.wall_now(), 1, job::LogLevel::info, "line " + std::to_string(i), ""});
  report(claimed, std::move(said));
  const auto shown = ctl({"job", "show", id}).out;
  EXPECT_NE(shown.find("50%  half\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("\"source\": \"cam\""), std::string::npos) << shown;
  EXPECT_NE(shown.find("\"stage\": 1"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("line 4\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("line 5\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("line 14\n"), std::string::npos) << shown;
  complete(claimed, "null");
}

TEST_F(CtlJob, ShowsABarAndColoursAtATerminalOnly) {
  auto& waiting = start({"submit", "a.b", "--wait"}, true, {"TERM=xterm", "LANG=C.UTF-8"});
  const auto claimed = claim("a.b");
  job::Report said;
  said.progress = job::Progress{.fraction = 0.5, .message = "half"};
  report(claimed, std::move(said));
  run_until(io_, [&] { return waiting.output().find("█░") != std::string::npos; });
  complete(claimed, "\"done\"");
  const auto outcome = finish(waiting);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_NE(outcome.out.find(" 50%  half"), std::string::npos) << outcome.out;
  EXPECT_TRUE(outcome.out.ends_with("\r\x1b[K\"done\"\r\n")) << outcome.out;

  EXPECT_NE(finish(start({"job", "list"}, true, {"TERM=xterm"})).out.find("\x1b[32mcomplete"), std::string::npos);
  EXPECT_EQ(finish(start({"job", "list"}, true, {"TERM=xterm", "NO_COLOR=1"})).out.find('\x1b'), std::string::npos);
  EXPECT_EQ(ctl({"job", "list"}).out.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace conduitd::test
