#include "ctl/job_view.h"

#include <gtest/gtest.h>

namespace conduitd::ctl {
namespace {

using namespace std::chrono_literals;

const WallTime kNow = from_unix_ms(1'769'851'800'000);

job::JobRecord record() {
  job::JobRecord record;
  record.id = "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC";
  record.task = "images.thumbnail";
  record.queue = "default";
  record.status = job::JobStatus::running;
  record.args = R"({"path":"a.png","sizes":[1,2]})";
  record.created_at = kNow - 70s;
  record.started_at = kNow - 60s;
  record.counters.attempts = 1;
  return record;
}

TEST(JobView, ShowsWhatIsKnownOfARunningJobAndNothingElse) {
  auto job = record();
  job.worker = "w1";
  job.progress = job::Progress{.fraction = 0.5, .message = "decoded"};
  EXPECT_EQ(job_page(job, {}, Terminal{}, kNow),
            "id          default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC\n"
            "task        images.thumbnail\n"
            "queue       default\n"
            "status      running\n"
            "progress    ████████████░░░░░░░░░░░░ 50%  decoded\n"
            "attempts    1\n"
            "created     2026-01-31 09:28:50.000Z  (1m ago)\n"
            "started     2026-01-31 09:29:00.000Z  (1m ago)\n"
            "worker      w1\n"
            "args        {\n"
            "              \"path\": \"a.png\",\n"
            "              \"sizes\": [\n"
            "                1,\n"
            "                2\n"
            "              ]\n"
            "            }\n");
}

TEST(JobView, ShowsTheJobsThatAJobHasToDoWithAFewByName) {
  auto job = record();
  job.parent_id = "q:p";
  job.root_id = "q:r";
  job.on_parent_end = job::OnParentEnd::cancel;
  job.after = {"q:1", "q:2", "q:3", "q:4", "q:5"};
  job.after_rule = job::AfterRule::ended;
  job.held_by = {"q:5"};
  job.waits_for = {"q:6", "q:7"};
  EXPECT_NE(job_page(job, {}, Terminal{}, kNow)
                .find("parent      q:p  (cancelled if that fails or is cancelled)\n"
                      "root        q:r\n"
                      "after       q:1, q:2, q:3 and 2 more  (however they end)\n"
                      "held by     q:5\n"
                      "waits for   q:6, q:7\n"),
            std::string::npos);
}

TEST(JobView, ShowsAFailureWithItsBacktraceAndTheAttemptsBefore) {
  auto job = record();
  job.status = job::JobStatus::failed;
  job.reason = job::FailureReason::poison;
  job.ended_at = kNow;
  job.counters = {.attempts = 2, .failures = 1, .crashes = 1, .interruptions = 0};
  job.failure = job::Failure{"signal", "SIGSEGV", R"({"signal":"SIGSEGV","backtrace":["#0 f","#1 g"],"code":11})"};
  job.attempts.push_back({1, kNow - 60s, 1'500ms, "w1", "retry", job::Failure{"std::runtime_error", "no\nfile", ""}});
  const auto page = job_page(job, {}, Terminal{}, kNow);
  EXPECT_NE(page.find("status      failed (poison)\n"), std::string::npos) << page;
  EXPECT_NE(page.find("attempts    2  (1 failure, 1 crash)\n"), std::string::npos) << page;
  EXPECT_NE(page.find("ended       2026-01-31 09:30:00.000Z  (now)  took 1m\n"), std::string::npos) << page;
  EXPECT_NE(page.find("failure\nwhat        signal: SIGSEGV\nsignal      SIGSEGV\n"
                      "backtrace   #0 f\n            #1 g\ncode        11\n"), std::string::npos) << page;
  EXPECT_NE(page.find("1  retry         1m  1.5s  w1      std::runtime_error: no\n"), std::string::npos) << page;
}

TEST(JobView, EscapesWhateverCameFromTheJob) {
  auto job = record();
  job.progress = job::Progress{.fraction = 1, .message = "\x1b[2Jgone"};
  job.args = "{\"x\":\"\xC2\x9B\xE2\x80\xAE\"}";
  job.failure = job::Failure{"t\x1b", "m\x1b[0m", "{\"k\x7F\":\"v\xC2\x9B\"}"};
  job.status = job::JobStatus::failed;
  job.attempts.push_back({1, kNow, 1ms, "w\x1b", "o\x1b", std::nullopt});
  const std::vector<job::LogLine> lines{{kNow, 1, job::LogLevel::error, "l\x1b]0;title\x07", "{\"f\":\"\xC2\x9B\"}"}};
  const auto page = job_page(job, lines, Terminal{}, kNow);
  for (const char c : page) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << page;
  EXPECT_EQ(page.find('\x7F'), std::string::npos);
  EXPECT_EQ(page.find("\xC2\x9B"), std::string::npos) << page;
  EXPECT_EQ(page.find("\xE2\x80\xAE"), std::string::npos) << page;
}

TEST(JobView, WritesALogLineWithItsFields) {
  const job::LogLine line{kNow, 1, job::LogLevel::warning, "slow", R"({"ms":1200,"url":"http://x"})"};
  EXPECT_EQ(log_text(line, Terminal{}), "2026-01-31T09:30:00.000Z warning slow ms=1200 url=http://x\n");
}

TEST(JobView, ShowsAPayloadThatIsNoJsonAsItIs) { EXPECT_EQ(pretty_json("not json\x1b"), "not json\\x1b"); }

TEST(JobView, SaysThatARunningJobWasAskedToStop) {
  auto job = record();
  job.cancel_requested = true;
  EXPECT_EQ(status_text(job), "running, asked to stop");
}

TEST(JobView, HasAStyleForEachStatusThatStandsOut) {
  EXPECT_EQ(style_of(job::JobStatus::complete), Style::green);
  EXPECT_EQ(style_of(job::JobStatus::failed), Style::red);
  EXPECT_EQ(style_of(job::JobStatus::queued), Style::none);
}

}  // namespace
}  // namespace conduitd::ctl
