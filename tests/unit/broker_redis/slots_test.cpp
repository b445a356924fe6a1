#include "broker/redis/slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::broker::redis {
namespace {

using ::testing::ElementsAre;
using test::must;

Reply one(std::string_view bytes) {
  Reader reader;
  must(reader.feed(bytes));
  return std::move(*must(reader.next()));
}

// As CLUSTER KEYSLOT of Redis 7.0 says.
TEST(Slots, OfAKeyIsThatOfItsHashTag) {
  EXPECT_EQ(slot_of("123456789"), 12739);
  EXPECT_EQ(slot_of("foo"), 12182);
  EXPECT_EQ(slot_of(""), 0);
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("user1000"));
  EXPECT_EQ(slot_of("foo{}{bar}"), 8363) << "an empty tag is none";
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar")) << "the first counts";
}

TEST(Slots, ACommandGoesWhereItsFirstKeyIs) {
  EXPECT_EQ(key_of_command({"GET", "k"}), "k");
  EXPECT_EQ(key_of_command({"XGROUP", "CREATE", "stream", "c", "0"}), "stream");
  EXPECT_EQ(key_of_command({"xinfo", "groups", "stream"}), "stream");
  EXPECT_EQ(key_of_command({"EVALSHA", "digest", "2", "k1", "k2", "arg"}), "k1");
  EXPECT_FALSE(key_of_command({"EVALSHA", "digest", "0", "arg"}));
  EXPECT_FALSE(key_of_command({"TIME"}));
  EXPECT_FALSE(key_of_command({"PUBLISH", "channel", "text"}));
  EXPECT_FALSE(key_of_command({"INFO", "memory"}));
}

TEST(Slots, MapIsReadFromTheReply) {
  const auto reply = one("*3\r\n"
                         "*3\r\n:0\r\n:5460\r\n*3\r\n$9\r\n127.0.0.1\r\n:7000\r\n$1\r\na\r\n"
                         "*4\r\n:5461\r\n:10922\r\n*4\r\n$0\r\n\r\n:7001\r\n$1\r\nb\r\n*0\r\n*3\r\n$9\r\n127.0.0.1\r\n:7003\r\n$1\r\nd\r\n"
                         "*3\r\n:10923\r\n:16382\r\n*3\r\n$2\r\nh3\r\n:7002\r\n$1\r\nc\r\n");
  auto map = must(SlotMap::from(reply.view(), {"asked", "1"}));
  EXPECT_EQ(*map.node(0), (RedisAddress{"127.0.0.1", "7000"}));
  EXPECT_EQ(*map.node(5460), (RedisAddress{"127.0.0.1", "7000"}));
  EXPECT_EQ(*map.node(5461), (RedisAddress{"asked", "7001"})) << "who does not know its own address is who was asked";
  EXPECT_EQ(*map.node(16382), (RedisAddress{"h3", "7002"}));
  EXPECT_EQ(map.node(16383), nullptr) << "nobody serves it";
  EXPECT_EQ(map.nodes().size(), 3U) << "no replicas";
  map.set(16383, {"h4", "7004"});
  EXPECT_EQ(*map.node(16383), (RedisAddress{"h4", "7004"}));
}

TEST(Slots, MapThatSaysNothingIsNone) {
  for (const char* bytes : {"*0\r\n", "*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\nh\r\n:1\r\n", "*1\r\n:7\r\n", "+OK\r\n"}) {
    EXPECT_ERRC(Errc::unavailable, SlotMap::from(one(bytes).view(), {"h", "1"}));
  }
}

TEST(Slots, RedirectionsAreUnderstood) {
  const auto moved = redirection("MOVED 3999 127.0.0.1:6381", {"asked", "1"});
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->kind, Redirection::Kind::moved);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->to, (RedisAddress{"127.0.0.1", "6381"}));
  const auto ask = redirection("ASK 5 ::1:7000", {"asked", "1"});
  EXPECT_EQ(ask->kind, Redirection::Kind::ask);
  EXPECT_EQ(ask->to, (RedisAddress{"::1", "7000"}));
  EXPECT_EQ(redirection("MOVED 1 :7000", {"asked", "1"})->to, (RedisAddress{"asked", "7000"}));
  for (const char* text : {"TRYAGAIN Multiple keys request during rehashing of slot", "CLUSTERDOWN The cluster is down", "MOVED x y", "MOVED 99999 h:1", "ASK"}) {
    const auto said = redirection(text, {"asked", "1"});
    if (std::string_view(text) == "ASK") continue;
    ASSERT_TRUE(said) << text;
    EXPECT_EQ(said->kind, Redirection::Kind::wait) << text;
  }
  EXPECT_FALSE(redirection("ERR unknown command", {"asked", "1"}));
}

}  // namespace
}  // namespace conduitd::broker::redis
