#include "broker/redis/sentinel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/result_matchers.h"

namespace conduitd::broker::redis {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using test::must;

std::vector<Reply> replies(std::string_view bytes) {
  Reader reader;
  must(reader.feed(bytes));
  std::vector<Reply> out;
  for (;;) {
    auto next = must(reader.next());
    if (!next) return out;
    out.push_back(std::move(*next));
  }
}

RedisEndpoint endpoint() { return must(parse_redis_url("redis-sentinel://ada:p%40ss@s1,s2:7000,[::1]:7001/shop/2?sentinel_password=se%26cret")); }

TEST(Sentinel, UrlNamesSentinelsPrimaryAndDatabase) {
  const auto at = endpoint();
  EXPECT_EQ(at.sentinels, (std::vector<RedisAddress>{{"s1", "26379"}, {"s2", "7000"}, {"::1", "7001"}}));
  EXPECT_EQ(at.primary, "shop");
  EXPECT_EQ(at.db, 2);
  EXPECT_EQ(at.username, "ada");
  EXPECT_EQ(at.password, "p@ss");
  EXPECT_EQ(at.sentinel_password, "se&cret");
  EXPECT_EQ(at.name(), "redis-sentinel://ada@s1:26379,s2:7000,[::1]:7001/shop/2") << "never a password";
}

TEST(Sentinel, UrlThatLacksSomethingIsRefusedWithASentence) {
  const auto said = [](std::string_view url) {
    const auto parsed = parse_redis_url(url);
    return parsed.has_value() ? "taken" : parsed.error().message();
  };
  EXPECT_THAT(said("redis-sentinel://s1:26379"), HasSubstr("the primary's name"));
  EXPECT_THAT(said("redis-sentinel://s1/"), HasSubstr("the primary's name"));
  EXPECT_THAT(said("redis-sentinel://s1,/shop"), HasSubstr("name of a sentinel is missing"));
  EXPECT_THAT(said("redis-sentinel:///shop"), HasSubstr("name of a sentinel is missing"));
  EXPECT_THAT(said("redis-sentinel://s1/shop/x"), HasSubstr("number of a database"));
  EXPECT_THAT(said("redis://host?sentinel_password=canary"), AllOf(HasSubstr("'sentinel_password' is not known here"), Not(HasSubstr("canary"))));
}

TEST(Sentinel, QuestionLogsInAsTheSentinelsWantIt) {
  auto at = endpoint();
  EXPECT_EQ(sentinel_question(at).size(), 2U);
  EXPECT_THAT(sentinel_question(at).bytes(), HasSubstr("se&cret"));
  EXPECT_THAT(sentinel_question(at).bytes(), Not(HasSubstr("p@ss"))) << "the servers' password is not the sentinels'";
  at.sentinel_password.clear();
  EXPECT_EQ(sentinel_question(at).size(), 1U);
}

TEST(Sentinel, AnswerIsThePrimarysAddress) {
  const auto address = must(sentinel_answer(endpoint(), replies("+OK\r\n*2\r\n$8\r\n10.0.0.7\r\n$4\r\n6380\r\n"), "s1"));
  EXPECT_EQ(address, (RedisAddress{"10.0.0.7", "6380"}));
  const auto primary = primary_at(endpoint(), address);
  EXPECT_EQ(primary.name(), "redis://ada@10.0.0.7:6380/2");
  EXPECT_EQ(primary.password, "p@ss");
}

TEST(Sentinel, AnswersThatHelpNobodyAreErrors) {
  const auto unknown = sentinel_answer(endpoint(), replies("+OK\r\n*-1\r\n"), "s1");
  EXPECT_ERRC(Errc::unavailable, unknown);
  EXPECT_THAT(unknown.error().message(), HasSubstr("watches no primary 'shop'"));
  EXPECT_ERRC(Errc::refused, sentinel_answer(endpoint(), replies("-WRONGPASS invalid username-password pair\r\n-NOAUTH x\r\n"), "s1"));
}

TEST(Sentinel, ServerThatIsNoPrimaryYetIsNotUsed) {
  EXPECT_OK(check_primary(replies("*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n")[0].view(), "s"));
  EXPECT_OK(check_primary(replies("-NOPERM this user has no permissions to run the 'role' command\r\n")[0].view(), "s"));
  EXPECT_ERRC(Errc::unavailable, check_primary(replies("*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$9\r\nconnected\r\n:1\r\n")[0].view(), "s"));
}

TEST(Sentinel, TheOneThatKnewIsAskedFirst) {
  SentinelOrder order(3);
  EXPECT_EQ(order.at(0), 0U);
  order.answered(2);
  EXPECT_EQ(order.at(0), 2U);
  EXPECT_EQ(order.at(1), 0U);
}

}  // namespace
}  // namespace conduitd::broker::redis
