#include "base/broker_url.h"

#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd {
namespace {

using test::must;

TEST(RedisUrl, ReadsHostPortAndDatabase) {
  const auto plain = must(parse_redis_url("redis://cache.example"));
  EXPECT_EQ(plain.host, "cache.example");
  EXPECT_EQ(plain.port, "6379");
  EXPECT_EQ(plain.db, 0);
  EXPECT_FALSE(plain.tls);
  const auto full = must(parse_redis_url("rediss://10.0.0.7:7000/3"));
  EXPECT_EQ(full.host, "10.0.0.7");
  EXPECT_EQ(full.port, "7000");
  EXPECT_EQ(full.db, 3);
  EXPECT_TRUE(full.tls);
  EXPECT_TRUE(full.tls_verify);
  EXPECT_EQ(must(parse_redis_url("redis://")).host, "localhost");
  EXPECT_EQ(must(parse_redis_url("redis://[::1]:7000")).host, "::1");
  EXPECT_EQ(must(parse_redis_url("redis://[::1]:7000")).name(), "redis://[::1]:7000");
}

TEST(RedisUrl, ReadsUserAndPasswordPercentEncoded) {
  const auto both = must(parse_redis_url("redis://worker:p%40ss%3Aword@host"));
  EXPECT_EQ(both.username, "worker");
  EXPECT_EQ(both.password, "p@ss:word");
  const auto password = must(parse_redis_url("redis://:secret@host"));
  EXPECT_EQ(password.username, "");
  EXPECT_EQ(password.password, "secret");
}

TEST(RedisUrl, ReadsUnixSockets) {
  const auto out = must(parse_redis_url("redis+unix://:secret@/run/redis/redis.sock?db=2"));
  EXPECT_EQ(out.path, "/run/redis/redis.sock");
  EXPECT_EQ(out.db, 2);
  EXPECT_EQ(out.password, "secret");
  EXPECT_EQ(out.name(), "redis+unix:///run/redis/redis.sock?db=2");
}

TEST(RedisUrl, ReadsTlsFiles) {
  const auto out = must(parse_redis_url("rediss://host?tls_ca=/etc/ca.pem&tls_cert=/etc/c.pem&tls_key=/etc/k.pem&tls_verify=no"));
  EXPECT_EQ(out.tls_ca, "/etc/ca.pem");
  EXPECT_EQ(out.tls_cert, "/etc/c.pem");
  EXPECT_EQ(out.tls_key, "/etc/k.pem");
  EXPECT_FALSE(out.tls_verify);
}

TEST(RedisUrl, NeverShowsThePassword) {
  EXPECT_EQ(must(parse_redis_url("redis://worker:canary@host/1")).name(), "redis://worker@host:6379/1");
  for (const char* url : {"redis://worker:canary@host:none", "redis://worker:canary@host/x", "redis://:canary@host?what=1",
                          "redis+unix://:canary@relative"}) {
    const auto parsed = parse_redis_url(url);
    ASSERT_FALSE(parsed.has_value()) << url;
    EXPECT_TRUE(parsed.error().is(Errc::invalid_argument));
    EXPECT_EQ(parsed.error().message().find("canary"), std::string::npos) << parsed.error().message();
  }
}

TEST(RedisUrl, RefusesWhatMakesNoSense) {
  for (const char* url : {"", "redis:host", "http://host", "redis://host:0", "redis://host:65536", "redis://host:", "redis://host/-1",
                          "redis://host/0/1", "redis://[::1", "redis://[::1]7000", "redis://%zz@host", "redis://host?db=one",
                          "redis+unix://", "rediss://host?tls_verify=maybe"}) {
    SCOPED_TRACE(url);
    EXPECT_ERRC(Errc::invalid_argument, parse_redis_url(url));
  }
  EXPECT_ERRC(Errc::invalid_argument, parse_redis_url("redis+unix:///" + std::string(200, 'x')));
}

TEST(RedisUrl, ClusterNamesSomeOfItsNodesAndHasNoDatabases) {
  auto at = must(parse_redis_url("redis-cluster://ada:p%40ss@h1:7000,h2,[::1]:7001/0?eviction=allow"));
  EXPECT_EQ(at.cluster, (std::vector<RedisAddress>{{"h1", "7000"}, {"h2", "6379"}, {"::1", "7001"}}));
  EXPECT_TRUE(at.host.empty());
  EXPECT_TRUE(at.allow_eviction);
  EXPECT_EQ(at.name(), "redis-cluster://ada@h1:7000,h2:6379,[::1]:7001") << "never a password";
  at.host = "10.0.0.2";
  at.port = "7002";
  EXPECT_EQ(at.name(), "redis-cluster://ada@h1:7000,h2:6379,[::1]:7001 (its node 10.0.0.2:7002)");
  const auto said = [](std::string_view url) {
    const auto parsed = parse_redis_url(url);
    return parsed.has_value() ? std::string("taken") : parsed.error().message();
  };
  EXPECT_NE(said("redis-cluster://h/1").find("a cluster has no databases but 0"), std::string::npos);
  EXPECT_NE(said("redis-cluster://h?db=1").find("a cluster has no databases but 0"), std::string::npos);
  EXPECT_NE(said("redis-cluster://").find("name of a node of the cluster is missing"), std::string::npos);
  EXPECT_NE(said("redis-cluster://h1,,h2").find("name of a node of the cluster is missing"), std::string::npos);
  EXPECT_NE(said("redis-cluster://h?sentinel_password=x").find("'sentinel_password' is not known here"), std::string::npos);
}

TEST(SqliteUrl, IsAnAbsolutePathOrMemory) {
  EXPECT_EQ(must(parse_sqlite_url("sqlite:///var/lib/conduit.db")), "/var/lib/conduit.db");
  EXPECT_EQ(must(parse_sqlite_url("sqlite::memory:")), kSqliteMemory);
  for (const char* url : {"sqlite:", "sqlite://", "sqlite:///", "sqlite:///dir/", "sqlite://relative", "sqlite:////two", "sqlite::memory:x"}) {
    SCOPED_TRACE(url);
    EXPECT_ERRC(Errc::invalid_argument, parse_sqlite_url(url));
  }
}

TEST(BrokerUrl, FaultSaysWhatIsWrongWithoutTheUrl) {
  for (const char* url : {"sqlite:////nodir/canary.db", "redis://canary:99999", "redis://canary/abc", "redis+unix://", "redis-sentinel://canary",
                          "redis://canary@h:1/0?x=1", "mysql://canary", "canary", ""}) {
    SCOPED_TRACE(url);
    const auto what = broker_url_fault(url);
    EXPECT_FALSE(what.empty());
    EXPECT_EQ(what.find("canary"), std::string::npos) << what;
    EXPECT_ERRC(Errc::invalid_argument, check_broker_url(url));
  }
  for (const char* url : {"sqlite:///a.db", "sqlite::memory:", "redis://h/0", "rediss://h", "redis+unix:///s?db=1", "redis-sentinel://a,b/m", "rediss-sentinel://a,b/m?tls_verify=no",
                          "redis-cluster://a", "rediss-cluster://u:p@a:7000,b/0"}) {
    EXPECT_EQ(broker_url_fault(url), "") << url;
  }
}

}  // namespace
}  // namespace conduitd
