// The rights a user of ours needs: exactly those, and a refusal says which one is missing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <list>
#include <regex>
#include <set>
#include <sstream>

#include "broker/redis/denial.h"
#include "broker/redis/redis_broker.h"
#include "broker/redis_acl.h"
#include "support/loop.h"
#include "support/redis_server.h"
#include "support/result_matchers.h"

namespace conduitd::broker {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::set<std::string> commands_of(RedisRole role) {
  std::set<std::string> out;
  for (const auto& rule : redis_acl(role, "conduit")) {
    if (rule.starts_with('+')) out.insert(rule.substr(1));
  }
  return out;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Every command that the sources and scripts write down, found as a person would: the first word in capitals of a list
/// of words, and what redis.call is given.
std::set<std::string> commands_in_sources() {
  const std::regex in_source(R"re(\{\s*"([A-Z]{2,})"(?:,\s*"([A-Z]+)")?)re");
  const std::regex in_script(R"re(redis\.p?call\('([A-Z]+)'(?:,\s*'([A-Z]+)')?)re");
  const std::set<std::string> with_subcommand{"CLIENT", "CLUSTER", "SCRIPT", "XGROUP", "XINFO"};
  // Error texts, and what is said to sentinels.
  const std::set<std::string> elsewhere{"resp.cpp", "sentinel.cpp"};
  std::set<std::string> out;
  for (const auto& file : std::filesystem::recursive_directory_iterator(CONDUIT_REDIS_SOURCES)) {
    const auto extension = file.path().extension();
    if ((extension != ".cpp" && extension != ".lua") || elsewhere.contains(file.path().filename())) continue;
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    const auto all = text.str();
    const auto& pattern = extension == ".lua" ? in_script : in_source;
    for (std::sregex_iterator found(all.begin(), all.end(), pattern), end; found != end; ++found) {
      const auto name = (*found)[1].str();
      out.insert(lower(with_subcommand.contains(name) ? name + "|" + (*found)[2].str() : name));
    }
  }
  return out;
}

TEST(RedisAcl, GrantsExactlyTheCommandsThatSourcesAndScriptsSend) {
  EXPECT_EQ(commands_of(RedisRole::worker), commands_in_sources());
}

TEST(RedisAcl, GrantsNothingThatReachesBeyondTheNamespace) {
  for (const auto role : {RedisRole::worker, RedisRole::submit}) {
    const auto granted = commands_of(role);
    for (const char* bad : {"keys", "scan", "flushall", "flushdb", "config|set", "config", "debug", "eval", "acl", "shutdown", "xtrim",
                            "xgroup|destroy", "client|kill", "script|flush", "replicaof", "move", "copy", "rename"}) {
      EXPECT_FALSE(granted.contains(bad)) << bad;
    }
  }
}

TEST(RedisAcl, SubmitterMayDoLessThanAWorker) {
  const auto worker = commands_of(RedisRole::worker);
  const auto submit = commands_of(RedisRole::submit);
  EXPECT_TRUE(std::includes(worker.begin(), worker.end(), submit.begin(), submit.end()));
  for (const char* bad : {"xrange", "xreadgroup", "xack", "xdel", "del", "hgetall", "zrem", "subscribe"}) {
    EXPECT_FALSE(submit.contains(bad)) << bad;
  }
}

TEST(RedisAcl, KeysAndChannelsAreThoseOfOneNamespace) {
  EXPECT_THAT(redis_acl(RedisRole::worker, "shop"),
              ::testing::IsSupersetOf({"resetchannels", "~{shop}:*", "~{shop:*", "&{shop}:*", "&{shop:*", "-@all"}));
  EXPECT_THAT(redis_acl(RedisRole::worker, "a*"), ::testing::Contains("~{a\\*}:*")) << "never a wider rule than was meant";
  EXPECT_THAT(redis_acl(RedisRole::submit, "shop"),
              ::testing::IsSupersetOf({"~{shop:*}:s:*", "~{shop:*}:lanes", "~{shop}:queues", "&{shop}:notices"}));
}

TEST(RedisDenial, NamesCommandUserAndRemedy) {
  EXPECT_THAT(*redis::denial("NOPERM this user has no permissions to run the 'xgroup|create' command", "ZADD", "w1"),
              AllOf(HasSubstr("user 'w1' may not run XGROUP CREATE"), HasSubstr("conduitctl redis-acl --user w1")));
  EXPECT_THAT(*redis::denial("NOPERM this user has no permissions to access one of the keys used as arguments", "XADD", ""),
              HasSubstr("user 'default' may not use these keys or channels with XADD"));
  EXPECT_THAT(*redis::denial("ERR The user executing the script can't run this command or subcommand", "EVALSHA", "w1"),
              HasSubstr("a command of EVALSHA"));
  EXPECT_FALSE(redis::denial("OOM command not allowed", "XADD", "w1"));
}

class RedisRights : public ::testing::Test {
 protected:
  ~RedisRights() override {
    for (auto& connection : connections_) test::run(io_, connection.broker->close());
  }
  static std::string rules(RedisRole role, const std::string& name_space = "conduit") {
    std::string out;
    for (const auto& rule : redis_acl(role, name_space)) out += " " + rule;
    return out;
  }
  /// Of a producer that cannot reach the slots of its queues, as if it had died on the way there.
  static std::string rules_without_queues() {
    std::string out;
    for (const auto& rule : redis_acl(RedisRole::submit, "conduit")) {
      if (!rule.starts_with("~{conduit:")) out += " " + rule;
    }
    return out;
  }
  static job::Subscription on(const std::string& pattern, const std::string& queue) {
    job::Subscription out;
    out.name = queue;
    out.pattern = pattern;
    out.task = "a.task";
    out.queue = queue;
    return out;
  }
  static job::NewEvent event(const std::string& name) {
    job::NewEvent out;
    out.name = name;
    return out;
  }
  static test::RedisSetup with_users() {
    test::RedisSetup setup;
    setup.tcp = true;
    setup.append_only = true;
    setup.acl = "user submitter on >canary" + rules(RedisRole::submit) + "\nuser shop on >canary" + rules(RedisRole::worker, "shop") +
                "\nuser cutoff on >canary" + rules_without_queues();
    return setup;
  }
  Result<Connection> open(const std::string& user, const std::string& name_space = "conduit") {
    Options options;
    options.url = server_.tcp_url(user);
    options.worker = "w1";
    options.name_space = name_space;
    return test::run(io_, open_redis(io_.get_executor(), clock_, std::move(options)));
  }
  Connection& connect(const std::string& user = "") {
    connections_.push_back(test::must(open(user)));
    return connections_.back();
  }
  template <class T>
  T run(boost::asio::awaitable<T> work) {
    return test::run(io_, std::move(work));
  }
  static std::vector<job::NewJob> jobs(std::size_t count) {
    std::vector<job::NewJob> out(count);
    for (auto& job : out) job.task = "a.task";
    return out;
  }
  static ClaimRequest one() {
    ClaimRequest request;
    request.groups.push_back({1, {{"default", "a.task"}}});
    return request;
  }
  /// What a claim and everything after it says when ours lacks `rule`.
  std::string message_without(const std::string& rule) {
    server_.command({"ACL", "SETUSER", "conduit", rule});
    auto& c = connect();
    std::string out;
    const auto take = [&](const auto& result) {
      if (!result.has_value()) out += result.error().message() + "\n";
    };
    auto scheduled = jobs(2);
    scheduled[1].delay = Millis{60'000};
    const auto submitted = run(c.broker->enqueue(scheduled));
    take(submitted);
    const auto claimed = run(c.broker->claim(one()));
    take(claimed);
    take(run(c.broker->promote_due(10)));
    if (submitted.has_value()) take(run(c.directory->cancel(submitted.value()[1].id)));
    return out;
  }

  boost::asio::io_context io_;
  SystemClock clock_;
  test::RedisServer server_{with_users()};
  std::list<Connection> connections_;
};

TEST_F(RedisRights, SubmitterSubmitsEveryKindOfJobAndCanDoNothingElse) {
  auto& worker = connect();
  auto& submitter = connect("submitter:canary");
  TaskInfo task;
  task.name = "a.task";
  WorkerInfo info;
  info.id = "w1";
  std::vector<TaskInfo> tasks{task};
  EXPECT_OK(run(worker.directory->heartbeat(info, tasks, Millis{60'000})));
  EXPECT_OK(run(worker.directory->set_task_paused("a.task", true)));  // a new queue takes this over
  auto kinds = jobs(6);
  kinds[1].delay = Millis{50'000};
  kinds[2].unique = "key}:lanes";
  kinds[3].expires = Millis{60'000};
  kinds[4].queue = "new";
  kinds[5].idempotency_key = "order-1";
  const auto submitted = test::must(run(submitter.broker->enqueue(kinds)));
  ASSERT_EQ(submitted.size(), 6U);
  EXPECT_OK(run(submitter.broker->enqueue(kinds)));

  EXPECT_OK(run(worker.directory->set_task_paused("a.task", false)));
  const auto expect_refused = [](const std::string& doing, const auto& result) {
    SCOPED_TRACE(doing);
    ASSERT_FALSE(result.has_value());
    EXPECT_TRUE(result.error().is(Errc::refused)) << result.error().message();
    EXPECT_THAT(result.error().message(), AllOf(HasSubstr("user 'submitter' may not"), Not(HasSubstr("canary"))));
  };
  const auto& id = submitted[0].id;
  expect_refused("find", run(submitter.directory->find(id)));
  expect_refused("list", run(submitter.directory->list({})));
  expect_refused("cancel", run(submitter.directory->cancel(id)));
  expect_refused("purge", run(submitter.directory->purge("default", "")));
  expect_refused("claim", run(submitter.broker->claim(one())));
  const auto record = test::must(run(worker.directory->find(id)));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->status, job::JobStatus::queued) << "what it submitted is there, untouched";
}

TEST_F(RedisRights, SubmitterTriggersEventsAndLeavesNothingToBeDone) {
  auto& worker = connect();
  auto& submitter = connect("submitter:canary");
  auto batched = on("order.*", "batched");
  batched.batch = 2;
  batched.batch_within = Millis{60'000};
  auto debounced = on("order.*", "debounced");
  debounced.debounce = Millis{60'000};
  debounced.debounce_max = Millis{60'000};
  EXPECT_OK(run(worker.events->subscribe({on("order.*", "default"), batched, debounced}, Millis{5'000})));
  auto what = event("order.placed");
  what.idempotency_key = "k";
  EXPECT_EQ(test::must(run(submitter.events->trigger(what))).deliveries.size(), 3U);
  EXPECT_TRUE(test::must(run(submitter.events->trigger(what))).repeated);
  EXPECT_EQ(test::must(run(worker.broker->claim(one()))).size(), 1U);
  EXPECT_EQ(server_.command({"ZCARD", "{conduit}:outbox"}), "0");
  EXPECT_EQ(server_.command({"HLEN", "{conduit}:outbox:texts"}), "0");
}

TEST_F(RedisRights, EventWhoseProducerDoesNotReachTheQueuesIsDeliveredByAWorkerOnce) {
  auto& worker = connect();
  auto& producer = connect("cutoff:canary");
  EXPECT_OK(run(worker.events->subscribe({on("a", "default"), on("a", "other")}, Millis{5'000})));
  const auto triggered = test::must(run(producer.events->trigger(event("a"))));
  ASSERT_EQ(triggered.deliveries.size(), 2U);
  EXPECT_EQ(test::must(run(worker.broker->claim(one()))).size(), 0U);
  const auto end = clock_.now() + std::chrono::seconds(10);
  std::vector<job::Claim> claims;
  while (claims.empty() && clock_.now() < end) {
    EXPECT_OK(run(worker.broker->promote_due(10)));
    claims = test::must(run(worker.broker->claim(one())));
    test::run_for(io_, Millis{20});
  }
  ASSERT_EQ(claims.size(), 1U);
  EXPECT_EQ(claims[0].lease.job_id, triggered.deliveries[0].job_id) << "the id that was told";
  EXPECT_TRUE(test::must(run(worker.directory->find(triggered.deliveries[1].job_id))).has_value());
  EXPECT_OK(run(worker.broker->promote_due(10)));
  EXPECT_TRUE(test::must(run(worker.broker->claim(one()))).empty());
}

TEST_F(RedisRights, UserOfOneNamespaceCannotReachAnother) {
  auto opened = open("shop:canary", "shop");
  connections_.push_back(test::must(std::move(opened)));
  EXPECT_OK(run(connections_.back().broker->enqueue(jobs(1))));
  const auto refused = open("shop:canary", "conduit");
  ASSERT_FALSE(refused.has_value());
  EXPECT_TRUE(refused.error().is(Errc::refused));
  EXPECT_THAT(refused.error().message(), HasSubstr("user 'shop' may not use these keys"));
}

TEST_F(RedisRights, F32_MissingCommandIsNamedWithTheUserEvenWithinAScript) {
  EXPECT_THAT(message_without("-xadd"), AllOf(HasSubstr("user 'conduit' may not run XADD"), Not(HasSubstr(test::RedisServer::kPassword))));
  server_.command({"ACL", "SETUSER", "conduit", "+xadd"});
  for (const char* command : {"xreadgroup", "zrangebyscore", "xgroup|create", "zrem"}) {
    const auto said = message_without(std::string("-") + command);
    server_.command({"ACL", "SETUSER", "conduit", std::string("+") + command});
    server_.command({"FLUSHALL"});
    auto name = std::string(command);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return c == '|' ? ' ' : static_cast<char>(std::toupper(c)); });
    EXPECT_THAT(said, HasSubstr("user 'conduit' may not run " + name)) << command;
  }
}

}  // namespace
}  // namespace conduitd::broker
