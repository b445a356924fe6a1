#pragma once
// conduitctl on a broker of its own, a database file if nothing else is said, and a worker beside it that does what the test tells it to. At the end of a test nothing
// that conduitctl started may live on, and the broker library in this process has given back what it took.

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "broker/open.h"
#include "ctl_program.h"
#include "support/leaks.h"
#include "support/loop.h"
#include "support/result_matchers.h"
#include "support/temp_dir.h"

namespace conduitd::test {

class CtlTest : public testing::Test {
 protected:
  using Words = std::vector<std::string>;

  /// The database is there, as where a conduitd has run. `url` is of another broker, which must outlive this.
  explicit CtlTest(std::string url = {}) : url_(std::move(url)) {
    worker();
    run(io_, connection_->broker->close());
    connection_.reset();
    at_start_ = holdings_of(::getpid());
  }
  ~CtlTest() override {
    programs_.clear();
    expect_none_left(mark_, "conduitctl");
    if (connection_) run(io_, connection_->broker->close());
    connection_.reset();
    if (HasFailure()) return;
    expect_given_back(::getpid(), at_start_, allowed_, "this process");
  }

  [[nodiscard]] std::string url() const { return url_.empty() ? "sqlite://" + dir_.file("conduit.db") : url_; }

  /// Runs conduitctl on the file to its end.
  CtlOutcome ctl(Words words, const std::string& stdin_text = {}) {
    return CtlProgram(with_broker(std::move(words)), {.folder = dir_.path().string(), .stdin_text = stdin_text, .environment = {mark_.variable()}}).finish();
  }
  /// Starts it, to go on while the worker works.
  CtlProgram& start(Words words, bool at_terminal = false, Words environment = {}) {
    environment.push_back(mark_.variable());
    return programs_.emplace_back(with_broker(std::move(words)),
                                  CtlProgram::Options{.folder = dir_.path().string(), .stdin_text = {},
                                                      .environment = std::move(environment), .at_terminal = at_terminal});
  }
  /// Waits for its end while the worker's loop turns.
  CtlOutcome finish(CtlProgram& program) {
    run_until(io_, [&] { return program.ended(); });
    return program.finish();
  }
  /// The id that a plain submit prints.
  std::string submit(Words words) {
    words.insert(words.begin(), "submit");
    auto outcome = ctl(std::move(words));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    if (!outcome.out.empty()) outcome.out.pop_back();
    return outcome.out;
  }
  Json json(Words words) {
    words.insert(words.end(), {"-o", "json"});
    return must(parse_json(ctl(std::move(words)).out));
  }

  broker::Connection& worker() {
    if (!connection_) {
      broker::Options options;
      options.url = url();
      options.worker = "w1";
      connection_ = must(run(io_, broker::open(io_.get_executor(), clock_, std::move(options))));
    }
    return *connection_;
  }
  /// Announces tasks as a live worker does.
  void announce(const std::vector<std::pair<std::string, std::string>>& tasks_and_queues, const std::string& options = {}, const std::string& detail = {}) {
    broker::WorkerInfo info;
    info.id = "w1";
    info.host = "testhost";
    info.pid = 7;
    info.version = "1.0";
    info.state = "running";
    info.detail = detail;
    info.started_at = clock_.wall_now();
    std::vector<broker::TaskInfo> tasks;
    for (const auto& [name, queue] : tasks_and_queues) {
      info.tasks.push_back(name);
      info.queues.push_back(queue);
      auto& task = tasks.emplace_back();
      task.name = name;
      task.queue = queue;
      task.executor = "thread";
      task.plugin = "testing";
      task.plugin_version = "1.0";
      task.options = options;
    }
    EXPECT_OK(run(io_, worker().directory->heartbeat(std::move(info), std::move(tasks), Millis{60'000})));
  }
  /// Takes the next job of a task.
  job::Claim claim(const std::string& task) {
    broker::ClaimRequest request;
    request.groups.push_back({1, {{"default", task}}});
    request.wait = Millis{10'000};
    auto claims = must(run(io_, worker().broker->claim(std::move(request)), Millis{15'000}));
    if (claims.empty()) throw std::runtime_error("no job came");
    return std::move(claims.front());
  }
  void settle(const job::Claim& claim, job::Settlement settlement) {
    settlement.lease = claim.lease;
    settlement.started_at = clock_.wall_now();
    settlement.duration = Millis{5};
    settlement.worker = "w1";
    std::vector<job::Settlement> batch{std::move(settlement)};
    EXPECT_OK(run(io_, worker().broker->settle(std::move(batch))));
  }
  void complete(const job::Claim& claim, const std::string& result) {
    job::Settlement settlement;
    settlement.result = result;
    settle(claim, std::move(settlement));
  }
  void fail(const job::Claim& claim, const job::Failure& failure) {
    job::Settlement settlement;
    settlement.kind = job::Settlement::Kind::fail;
    settlement.charge = job::Settlement::Charge::failure;
    settlement.reason = job::FailureReason::exhausted;
    settlement.failure = failure;
    settle(claim, std::move(settlement));
  }
  void report(const job::Claim& claim, job::Report report) {
    report.lease = claim.lease;
    std::vector<job::Report> batch{std::move(report)};
    EXPECT_OK(run(io_, worker().broker->report(std::move(batch))));
  }

  /// Runs blocks of shell commands one after the other, each in the place of a user of this broker; what they print.
  std::string run_examples(const std::vector<std::string>& blocks) {
    const auto outcome = conduitd::test::run_examples(dir_.path().string(), url(), blocks);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.out;
  }

  TempDir dir_;
  boost::asio::io_context io_;
  SystemClock clock_;
  Allowance allowed_;  ///< what this process may hold more at the end

 private:
  std::string url_;

  Words with_broker(Words words) {
    words.insert(words.end(), {"--broker", url()});
    return words;
  }

  ProcessMark mark_;
  Holdings at_start_;
  std::list<CtlProgram> programs_;
  std::optional<broker::Connection> connection_;
};

}  // namespace conduitd::test
