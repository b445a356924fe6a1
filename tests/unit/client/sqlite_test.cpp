// The client against a real broker, in a file that a worker has open too.

#include <boost/asio/io_context.hpp>
#include <conduit/client.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "broker/open.h"
#include "support/loop.h"
#include "support/temp_dir.h"

namespace conduit {
namespace {

using conduitd::test::run;
using conduitd::test::TempDir;
using namespace std::chrono_literals;

/// A worker's side of the same broker file, driven by hand.
class Worker {
 public:
  explicit Worker(const std::string& url) {
    conduitd::broker::Options options;
    options.url = url;
    options.worker = "test-worker";
    auto opened = run(io_, conduitd::broker::open(io_.get_executor(), clock_, std::move(options)));
    connection_ = std::move(opened.value());
  }
  ~Worker() {
    run(io_, connection_.broker->close());
    connection_ = {};
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  conduitd::job::Claim claim(const std::string& queue, const std::string& task) {
    conduitd::broker::ClaimRequest request;
    request.groups.push_back({.most = 1, .sources = {{.queue = queue, .task = task}}});
    request.wait = 5s;
    auto claims = run(io_, connection_.broker->claim(std::move(request)));
    return std::move(claims.value().at(0));
  }
  void report(const conduitd::job::Claim& claim) {
    conduitd::job::Report report;
    report.lease = claim.lease;
    report.progress = conduitd::job::Progress{0.5, "half"};
    report.metadata.emplace_back("rows", "12");
    report.checkpoint = R"({"stage":1})";
    run(io_, connection_.broker->report({report})).value();
  }
  void settle(const conduitd::job::Claim& claim, conduitd::job::Settlement settlement) {
    settlement.lease = claim.lease;
    settlement.worker = "test-worker";
    run(io_, connection_.broker->settle({settlement})).value();
  }
  void complete(const conduitd::job::Claim& claim, std::string result) {
    conduitd::job::Settlement settlement;
    settlement.result = std::move(result);
    settle(claim, std::move(settlement));
  }

 private:
  conduitd::SystemClock clock_;
  boost::asio::io_context io_;
  conduitd::broker::Connection connection_;
};

class ClientOnSqlite : public testing::Test {
 protected:
  TempDir dir_;
  std::string url_ = "sqlite://" + dir_.file("conduit.db");
  Client client_{{.url = url_}};
};

TEST_F(ClientOnSqlite, GivesTheResultOfAJobThatAWorkerCompletes) {
  const std::string id = client_.submit("mail.send", {{"to", "ada"}}, {.queue = "mail", .priority = 7});
  Worker worker(url_);
  auto waiting = std::async(std::launch::async, [&] { return client_.wait(id, 10s); });
  const auto claim = worker.claim("mail", "mail.send");
  EXPECT_EQ(claim.lease.job_id, id);
  worker.report(claim);
  const auto running = client_.find(id);
  ASSERT_TRUE(running);
  EXPECT_EQ(running->status, JobStatus::running);
  ASSERT_TRUE(running->progress);
  EXPECT_EQ(running->progress->message, "half");
  worker.complete(claim, R"({"sent":true})");
  const JobRecord job = waiting.get();
  EXPECT_EQ(job.status, JobStatus::complete);
  EXPECT_TRUE(job.result.at("sent").get<bool>());
  EXPECT_EQ(job.metadata.at("rows").get<int>(), 12);
  EXPECT_EQ(job.checkpoint.at("stage").get<int>(), 1);
  EXPECT_EQ(job.args.at("to").text(), "ada");
  EXPECT_EQ(job.queue, "mail");
  EXPECT_EQ(job.priority, 7);
  EXPECT_EQ(job.attempts, 1U);
  EXPECT_EQ(job.worker, "test-worker");
  EXPECT_TRUE(job.ended_at);
}

TEST_F(ClientOnSqlite, TellsHowAJobFailed) {
  const std::string id = client_.submit("mail.send");
  Worker worker(url_);
  const auto claim = worker.claim("default", "mail.send");
  conduitd::job::Settlement settlement;
  settlement.kind = conduitd::job::Settlement::Kind::fail;
  settlement.charge = conduitd::job::Settlement::Charge::failure;
  settlement.reason = conduitd::job::FailureReason::exhausted;
  settlement.failure = conduitd::job::Failure{"std::runtime_error", "no such mailbox", R"({"code":550})"};
  worker.settle(claim, settlement);
  const JobRecord job = client_.wait(id, 10s);
  EXPECT_EQ(job.status, JobStatus::failed);
  EXPECT_EQ(job.reason, "exhausted");
  ASSERT_TRUE(job.failure);
  EXPECT_EQ(job.failure->message, "no such mailbox");
  EXPECT_EQ(job.failure->detail.at("code").get<int>(), 550);
  EXPECT_EQ(job.failures, 1U);
}

TEST_F(ClientOnSqlite, SaysWhichJobHoldsAUniqueKeyThatKeepsAnotherOut) {
  const SubmitOptions options{.unique = "welcome-42", .on_conflict = OnConflict::reject};
  const std::string holder = client_.submit("mail.send", {}, options);
  try {
    client_.submit("mail.send", {}, options);
    ADD_FAILURE() << "a second job has the key";
  } catch (const ClientError& error) {
    EXPECT_EQ(error.kind(), ClientErrorKind::conflict);
    EXPECT_FALSE(error.is_transient());
    EXPECT_THAT(error.what(), testing::HasSubstr(holder));
  }
  const auto several = client_.submit_bulk({{.task = "mail.send", .options = options}, {.task = "mail.send"}});
  ASSERT_EQ(several.size(), 2U);
  EXPECT_TRUE(several[0].rejected) << "of several, each says so itself";
  EXPECT_EQ(several[0].id, holder);
  EXPECT_TRUE(several[1].created);
}

TEST_F(ClientOnSqlite, SaysThatAJobHasNotEndedInTimeOrIsNotThere) {
  const std::string id = client_.submit("a.b");
  try {
    client_.wait(id, 10ms);
    ADD_FAILURE() << "the wait ended";
  } catch (const ClientError& error) {
    EXPECT_EQ(error.kind(), ClientErrorKind::timed_out);
    EXPECT_THAT(error.what(), testing::HasSubstr("is still queued"));
  }
  const std::string nobody = "default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC";
  EXPECT_FALSE(client_.find(nobody));
  try {
    client_.wait(nobody, 1s);
    ADD_FAILURE() << "the wait ended";
  } catch (const ClientError& error) {
    EXPECT_EQ(error.kind(), ClientErrorKind::not_found);
  }
}

TEST_F(ClientOnSqlite, CancelsAWaitingJob) {
  const std::string id = client_.submit("a.b");
  EXPECT_EQ(client_.cancel(id), CancelOutcome::cancelled);
  EXPECT_EQ(client_.cancel(id), CancelOutcome::ended);
  EXPECT_EQ(client_.wait(id, 1s).status, JobStatus::cancelled);
}

TEST_F(ClientOnSqlite, GivesTheFirstJobWhileItsUniqueKeyIsTaken) {
  const SubmitOptions options{.unique = "welcome-42"};
  const auto both = client_.submit_bulk({{.task = "a.b", .options = options}, {.task = "a.b", .options = options}});
  ASSERT_EQ(both.size(), 2U);
  EXPECT_TRUE(both[0].created);
  EXPECT_FALSE(both[1].created);
  EXPECT_EQ(both[0].id, both[1].id);
}

TEST_F(ClientOnSqlite, ABulkLargerThanABatchIsThereInOrder) {
  std::vector<JobRequest> jobs;
  for (int i = 0; i < 2'500; ++i) jobs.push_back({.task = "a.b", .args = {{"i", i}}});
  const auto answers = client_.submit_bulk(std::move(jobs));
  ASSERT_EQ(answers.size(), 2'500U);
  for (const std::size_t i : {0U, 999U, 1'000U, 2'499U}) {
    EXPECT_EQ(client_.find(answers[i].id)->args.at("i").get<std::size_t>(), i);
  }
}

TEST_F(ClientOnSqlite, WhatWasForgottenIsThereAfterStop) {
  for (int i = 0; i < 50; ++i) client_.submit_and_forget("a.b");
  client_.stop();
  Worker worker(url_);
  for (int i = 0; i < 50; ++i) worker.complete(worker.claim("default", "a.b"), "null");
}

}  // namespace
}  // namespace conduit
