// The ways to a server: TCP, Unix socket, TLS, users, databases. On real servers.

#include "broker/redis/redis_broker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/loop.h"
#include "support/redis_server.h"
#include "support/result_matchers.h"
#include "support/sentinels.h"

namespace conduitd::broker {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RedisConnection : public ::testing::Test {
 protected:
  Result<Connection> open(const std::string& url, Millis timeout = Millis{5'000}) {
    Options options;
    options.url = url;
    options.worker = "w1";
    options.command_timeout = timeout;
    return test::run(io_, open_redis(io_.get_executor(), clock_, std::move(options)));
  }
  /// A job goes in and comes out.
  void expect_work(const std::string& url) {
    auto opened = open(url);
    ASSERT_TRUE(opened.has_value()) << test::describe(opened);
    auto& broker = *opened.value().broker;
    std::vector<job::NewJob> jobs(1);
    jobs[0].task = "a.task";
    EXPECT_OK(test::run(io_, broker.enqueue(std::move(jobs))));
    ClaimRequest request;
    request.groups.push_back({1, {{"default", "a.task"}}});
    EXPECT_EQ(test::must(test::run(io_, broker.claim(std::move(request)))).size(), 1U);
    test::run(io_, broker.close());
  }
  std::string refusal(const std::string& url, Errc errc) {
    const auto opened = open(url);
    EXPECT_FALSE(opened.has_value());
    if (opened.has_value()) return "";
    EXPECT_TRUE(opened.error().is(errc)) << test::describe(opened);
    return opened.error().message();
  }

  boost::asio::io_context io_;
  SystemClock clock_;
};

TEST_F(RedisConnection, WorksOverTcpInADatabaseOfItsOwn) {
  test::RedisSetup setup;
  setup.tcp = true;
  test::RedisServer server(setup);
  expect_work(server.tcp_url("", "3"));
  EXPECT_EQ(server.command({"DBSIZE"}), "0") << "database 0 is not touched";
  EXPECT_THAT(refusal(server.tcp_url("", "99"), Errc::invalid_argument), HasSubstr("database"));
}

TEST_F(RedisConnection, WorksOverTlsAndRefusesAStrangersCertificate) {
  test::RedisSetup setup;
  setup.tls = true;
  test::RedisServer server(setup);
  expect_work(server.tls_url());
  const auto bare = server.tls_url().substr(0, server.tls_url().find('?'));
  EXPECT_THAT(refusal(bare, Errc::refused), HasSubstr("certificate"));
  expect_work(bare + "?tls_verify=no");
  auto another_name = server.tls_url();
  another_name.replace(another_name.find("localhost"), 9, "127.0.0.1");
  EXPECT_THAT(refusal(another_name, Errc::refused), HasSubstr("certificate"));
}

TEST_F(RedisConnection, FindsThePrimaryOverTlsIfTheSentinelsSpeakNothingElse) {
  test::RedisSetup setup;
  setup.tls = true;
  test::RedisServer server(setup);
  const test::TlsSentinel sentinel(server);
  expect_work(sentinel.url());
  const auto stranger = sentinel.url().substr(0, sentinel.url().find('?'));
  EXPECT_THAT(refusal(stranger, Errc::refused), HasSubstr("certificate"));
  const auto plain = "redis-sentinel" + sentinel.url().substr(sentinel.url().find("://"));
  EXPECT_THAT(refusal(plain, Errc::unavailable), HasSubstr("no sentinel tells"));
}

TEST_F(RedisConnection, F32_WrongPasswordIsRefusedWithoutShowingIt) {
  test::RedisSetup setup;
  setup.tcp = true;
  setup.password = "s3cret";
  test::RedisServer server(setup);
  expect_work(server.tcp_url());
  expect_work(server.tcp_url(":s3cret"));
  const auto text = refusal(server.tcp_url(":canary"), Errc::refused);
  EXPECT_THAT(text, HasSubstr("password"));
  EXPECT_THAT(text, Not(HasSubstr("canary")));
  EXPECT_THAT(refusal(server.tcp_url("nobody:canary"), Errc::refused), Not(HasSubstr("canary")));
}

TEST_F(RedisConnection, ServerThatIsNotThereIsUnavailable) {
  test::TempDir dir;
  EXPECT_THAT(refusal("redis+unix://" + dir.file("none.sock"), Errc::unavailable), HasSubstr("none.sock"));
}

TEST_F(RedisConnection, WarnsOfAServerThatForgets) {
  test::RedisServer server;
  auto opened = open(server.url());
  ASSERT_TRUE(opened.has_value());
  server.command({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  EXPECT_THAT(test::must(test::run(io_, opened.value().directory->warnings())),
              ::testing::ElementsAre(HasSubstr("appendonly"), HasSubstr("allkeys-lru")));
  test::run(io_, opened.value().broker->close());
}

}  // namespace
}  // namespace conduitd::broker
