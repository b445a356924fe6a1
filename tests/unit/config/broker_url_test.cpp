#include "config/broker_url.h"

#include <gtest/gtest.h>

namespace conduitd::config {
namespace {

Broker at(const char* url) {
  Broker broker;
  broker.url = url;
  return broker;
}

TEST(BrokerUrl, StaysAsItIsWhereNothingIsToBeAdded) {
  for (const char* url : {"sqlite:///var/lib/conduit/conduit.db", "sqlite::memory:", "redis://host:6379/2",
                          "redis://ada:s%40crt@host", "redis+unix://:pw@/run/redis.sock?db=1", "rediss://host/0?tls_ca=/ca.pem", "odd"}) {
    EXPECT_EQ(broker_url(at(url)), url);
  }
}

TEST(BrokerUrl, TakesUserAndPasswordFromTheirKeysEncoded) {
  auto broker = at("redis://host:6379/0");
  broker.username = "ada";
  broker.password = "p@ss:w/r d?";
  EXPECT_EQ(broker_url(broker), "redis://ada:p%40ss%3Aw/r%20d%3F@host:6379/0");
  broker.username.clear();
  broker.url = "redis+unix:///run/redis.sock?db=1";
  EXPECT_EQ(broker_url(broker), "redis+unix://:p%40ss%3Aw/r%20d%3F@/run/redis.sock?db=1");
}

TEST(BrokerUrl, LetsTheKeysWinOverTheUrl) {
  auto broker = at("redis://old:older@host");
  broker.password = "new";
  EXPECT_EQ(broker_url(broker), "redis://old:new@host");
}

TEST(BrokerUrl, CarriesTheFilesOfTls) {
  auto broker = at("rediss://host?tls_ca=/old.pem");
  broker.tls_ca = "/etc/ca file.pem";
  broker.tls_certificate = "/c.pem";
  broker.tls_key = "/k.pem";
  broker.tls_verify = false;
  broker.allow_eviction = true;
  EXPECT_EQ(broker_url(broker),
            "rediss://host?tls_ca=/old.pem&tls_ca=/etc/ca%20file.pem&tls_cert=/c.pem&tls_key=/k.pem&tls_verify=no&eviction=allow");
}

TEST(BrokerUrl, GivesSqliteNoLogin) {
  auto broker = at("sqlite:///x.db");
  broker.password = "secret";
  EXPECT_EQ(broker_url(broker), "sqlite:///x.db");
}

}  // namespace
}  // namespace conduitd::config
