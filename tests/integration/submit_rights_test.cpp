// A Redis user with the rights of `conduitctl redis-acl --submit-only`: it submits, with conduitctl and with the client, and no more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <conduit/client.hpp>
#include <fstream>

#include "base/json.h"
#include "broker/open.h"
#include "broker/redis_acl.h"
#include "ctl_program.h"
#include "support/loop.h"
#include "support/redis_server.h"
#include "support/result_matchers.h"

namespace conduitd::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class SubmitRights : public testing::Test {
 protected:
  SubmitRights() {
    broker::Options options;
    options.url = server.url();
    options.worker = "w1";
    worker = must(run(io, broker::open(io.get_executor(), clock, std::move(options))));
    announce("w1", Millis{60'000});
  }
  ~SubmitRights() override { run(io, worker.broker->close()); }

  static RedisSetup with_submitter() {
    RedisSetup setup;
    setup.tcp = true;
    setup.acl = "user web on >canary";
    for (const auto& rule : broker::redis_acl(broker::RedisRole::submit, "conduit")) setup.acl += " " + rule;
    return setup;
  }
  void announce(const std::string& id, Millis interval) {
    broker::WorkerInfo info;
    info.id = id;
    info.queues = {"post"};
    info.tasks = {"mail.send"};
    broker::TaskInfo task;
    task.name = "mail.send";
    task.queue = "post";
    std::vector<broker::TaskInfo> tasks{task};
    EXPECT_OK(run(io, worker.directory->heartbeat(std::move(info), std::move(tasks), interval)));
  }
  [[nodiscard]] std::string url() const { return server.tcp_url("web:canary"); }
  CtlOutcome ctl(std::vector<std::string> words, const std::string& input = {}) {
    words.insert(words.end(), {"--broker", url()});
    return CtlProgram(words, {.folder = dir.path().string(), .stdin_text = input, .environment = {}}).finish();
  }

  TempDir dir;
  RedisServer server{with_submitter()};
  boost::asio::io_context io;
  SystemClock clock;
  broker::Connection worker;
};

TEST_F(SubmitRights, AreEnoughToSubmit) {
  const auto plain = ctl({"submit", "mail.send", "{}"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_THAT(plain.out, StartsWith("post:")) << "the queue of the task is read";
  EXPECT_EQ(plain.err, "");
  EXPECT_EQ(ctl({"submit", "mail.snd"}).code, 3) << "and which tasks there are";
  const auto unknown = ctl({"submit", "new.task", "--allow-unknown", "--delay", "1h", "--unique", "k", "--idempotency-key", "i"});
  EXPECT_EQ(unknown.code, 0) << unknown.err;
  const auto bulk = ctl({"submit", "--jsonl", "-"}, "{\"task\": \"mail.send\"}\n{\"task\": \"mail.send\", \"delay\": \"1h\"}\n");
  EXPECT_EQ(bulk.code, 0) << bulk.err;
  EXPECT_THAT(bulk.out, StartsWith("2 jobs submitted"));
}

TEST_F(SubmitRights, AreEnoughWhereAWorkerHasDied) {
  server.command({"ZADD", "{conduit}:workers", "1", "gone"});
  const auto outcome = ctl({"submit", "mail.send"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
}

TEST_F(SubmitRights, AreEnoughForTheClient) {
  conduit::Client client({.url = url()});
  EXPECT_THAT(client.submit("mail.send", {{"n", 0}}), StartsWith("post:"));
  EXPECT_EQ(client.submit_bulk({{.task = "mail.send", .args = {{"n", 1}}, .options = {}}}).size(), 1U);
  EXPECT_THROW((void)client.find(client.submit("mail.send", {{"n", 2}})), conduit::ClientError);
}

TEST_F(SubmitRights, AreNotEnoughToWaitAndThatIsSaidAfterTheSubmit) {
  const auto one = ctl({"submit", "mail.send", "--wait", "10s"});
  EXPECT_EQ(one.code, 4);
  EXPECT_THAT(one.err, AllOf(HasSubstr("submitted: post:"), HasSubstr("this user may not read how jobs end, so leave out --wait"),
                             Not(HasSubstr("canary"))));
  const auto bulk = ctl({"submit", "--jsonl", "-", "--wait"}, "{\"task\": \"mail.send\"}\n");
  EXPECT_EQ(bulk.code, 4);
  EXPECT_THAT(bulk.err, HasSubstr("submitted: 1 job; but this user may not read how jobs end"));
  EXPECT_EQ(must(run(io, worker.directory->list({}))).jobs.size(), 2U);
}

TEST_F(SubmitRights, GiveNothingOfWhatJobsSaid) {
  const auto id = ctl({"submit", "mail.send", "{}", "--delay", "1h"}).out;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"job", "list"}, {"job", "show", id.substr(0, id.find('\n'))}, {"queue", "purge", "post"}}) {
    const auto refused = ctl(words);
    EXPECT_NE(refused.code, 0) << words[0] << words[1];
    EXPECT_THAT(refused.err, HasSubstr("user 'web' may not")) << refused.out;
    EXPECT_THAT(refused.err, HasSubstr("'conduitctl redis-acl --user web' prints the rules of workers and of those who look at jobs"));
  }
}

}  // namespace
}  // namespace conduitd::test
