#include "broker/redis/resp.h"

#include <gtest/gtest.h>

#include <random>

#include "support/result_matchers.h"

namespace conduitd::broker::redis {
namespace {

using namespace std::string_view_literals;
using test::must;

TEST(RedisResp, EncodesCommandsAsTheyAre) {
  Pipeline pipeline;
  pipeline.add({"SET", "k", std::string_view("a\0\r\n", 4)}).add({"GET", ""});
  EXPECT_EQ(pipeline.size(), 2U);
  EXPECT_EQ(pipeline.name(), "SET");
  EXPECT_EQ(pipeline.bytes(), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\0\r\n\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n"sv);
}

TEST(RedisResp, CutsRepliesOutOfPieces) {
  const std::string bytes = "+OK\r\n:42\r\n$-1\r\n*2\r\n$1\r\na\r\n*1\r\n$2\r\n17\r\n-ERR no\r\n";
  for (std::size_t step = 1; step < bytes.size(); ++step) {
    Reader reader;
    std::vector<Reply> replies;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      EXPECT_OK(reader.feed(std::string_view(bytes).substr(at, step)));
      while (auto reply = must(reader.next())) replies.push_back(std::move(*reply));
    }
    ASSERT_EQ(replies.size(), 5U);
    EXPECT_EQ(replies[0].view().text(), "OK");
    EXPECT_EQ(replies[1].view().integer(), 42);
    EXPECT_TRUE(replies[2].view().is_nil());
    EXPECT_EQ(replies[3][0].text(), "a");
    EXPECT_EQ(replies[3][1][0].integer(), 17);
    EXPECT_TRUE(replies[4].view().is_error());
  }
}

TEST(RedisResp, ReplyOfAnotherShapeReadsAsAbsence) {
  Reader reader;
  EXPECT_OK(reader.feed(":1\r\n"));
  const auto reply = must(reader.next());
  EXPECT_EQ(reply->view().size(), 0U);
  EXPECT_TRUE((*reply)[3][1].is_nil());
  EXPECT_EQ((*reply)[3].text(), "");
  EXPECT_TRUE(reply->view().at("key").is_nil());
}

TEST(RedisResp, F37_GarbageIsAnErrorAndTakesNoMemory) {
  for (const char* bytes : {"HTTP/1.1 400 Bad Request\r\n", "*2000000000\r\n", "$-7\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"}) {
    Reader reader;
    const auto fed = reader.feed(bytes);
    EXPECT_FALSE(fed.has_value() && reader.next().has_value()) << bytes;
  }
}

TEST(RedisResp, F37_EndlessReplyIsRefused) {
  Reader reader;
  EXPECT_OK(reader.feed("$4000000000\r\n"));
  const std::string piece(1024 * 1024, 'x');
  Result<> fed = ok();
  for (int i = 0; i < 100 && fed.has_value(); ++i) fed = reader.feed(piece);
  EXPECT_ERRC(Errc::protocol, fed);
}

TEST(RedisResp, F37_RandomBytesDoNoHarm) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr std::string_view kLikely = "*$:+-0123456789\r\n\r\n\r\nab";
  for (int round = 0; round < 2'000; ++round) {
    Reader reader;
    std::string bytes;
    for (int i = 0; i < 60; ++i) bytes += kLikely[random() % kLikely.size()];
    if (!reader.feed(bytes).has_value()) continue;
    for (;;) {
      auto reply = reader.next();
      if (!reply.has_value() || !reply.value()) break;
    }
  }
}

TEST(RedisResp, ErrorRepliesHaveAMeaning) {
  const auto meaning = [](std::string_view reply) { return to_error(reply, "XADD", "redis://host:6379"); };
  EXPECT_TRUE(meaning("LOADING Redis is loading the dataset in memory").is(Errc::unavailable));
  EXPECT_TRUE(meaning("MISCONF Redis is configured to save RDB snapshots").is(Errc::unavailable));
  EXPECT_TRUE(meaning("BUSY Redis is busy running a script").is(Errc::unavailable));
  EXPECT_TRUE(meaning("READONLY You can't write against a read only replica.").is(Errc::unavailable));
  EXPECT_TRUE(meaning("OOM command not allowed when used memory > 'maxmemory'.").is(Errc::full));
  EXPECT_TRUE(meaning("NOPERM this user has no permissions").is(Errc::refused));
  EXPECT_TRUE(meaning("WRONGPASS invalid username-password pair").is(Errc::refused));
  EXPECT_TRUE(meaning("WRONGTYPE Operation against a key").is(Errc::corrupt));
  EXPECT_TRUE(meaning("ERR something else").is(Errc::protocol));
  const auto text = meaning("OOM command not allowed").message();
  EXPECT_NE(text.find("XADD"), std::string::npos);
  EXPECT_NE(text.find("redis://host:6379"), std::string::npos);
}

}  // namespace
}  // namespace conduitd::broker::redis
