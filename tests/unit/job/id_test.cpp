#include "job/id.h"

#include <gtest/gtest.h>

#include <random>

#include "support/result_matchers.h"

namespace conduitd::job {
namespace {

TEST(Ulid, IsWrittenAsTheSpecificationSays) {
  EXPECT_EQ(to_string(Ulid{}), "00000000000000000000000000");
  EXPECT_EQ(to_string(Ulid{0xFFFF'FFFF'FFFF, 0xFFFF, ~std::uint64_t{0}}), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
  EXPECT_EQ(to_string(Ulid{1'469'918'176'385, 0, 0}).substr(0, 10), "01ARYZ6S41") << "the specification's own example";
}

TEST(Ulid, ReadsBackAndSortsLikeItsText) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  Ulid before;
  for (int i = 0; i < 10'000; ++i) {
    const Ulid ulid{random() >> 16U, static_cast<std::uint16_t>(random()), random()};
    EXPECT_EQ(parse_ulid(to_string(ulid)), ulid);
    EXPECT_EQ(before < ulid, to_string(before) < to_string(ulid));
    before = ulid;
  }
}

TEST(Ulid, RefusesEverythingElse) {
  for (const char* text : {"", "0000000000000000000000000", "000000000000000000000000000", "80000000000000000000000000",
                           "0000000000000000000000000I", "0000000000000000000000000U", "0000000000000000000000000-"}) {
    EXPECT_EQ(parse_ulid(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_ulid("01aryz6s410000000000000000"), parse_ulid("01ARYZ6S410000000000000000")) << "typed by hand";
}

TEST(JobIdTest, LeadsToItsQueue) {
  const Ulid ulid{1'769'851'800'007, 3, 9};
  const auto id = make_id("media.large", ulid);
  ASSERT_OK_AND_ASSIGN(const auto parsed, parse_id(id));
  EXPECT_EQ(parsed.queue, "media.large");
  EXPECT_EQ(parsed.ulid, ulid);
}

TEST(JobIdTest, RefusesEverythingElse) {
  const std::string ulid(26, '0');
  for (const std::string& text : {std::string(), std::string("default"), "default:" + ulid.substr(1), ":" + ulid, "a b:" + ulid,
                                  "a:b:" + ulid, "default:" + ulid + " ", ulid, "\x1b[2J:" + ulid}) {
    const auto parsed = parse_id(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_TRUE(parsed.error().is(Errc::invalid_argument));
    EXPECT_EQ(parsed.error().message().find('\x1b'), std::string::npos);
  }
}

TEST(Name, IsOneToAHundredPlainCharacters) {
  for (const std::string& name : {std::string("a"), std::string("images.resize"), std::string("A-z_0.9"), std::string(100, 'x')}) {
    EXPECT_TRUE(is_valid_name(name));
  }
  for (const std::string& name : {std::string(), std::string(101, 'x'), std::string("a b"), std::string("a:b"), std::string("a{b}"),
                                  std::string("a/b"), std::string("é"), std::string("a\n"), std::string(1, '\0')}) {
    EXPECT_FALSE(is_valid_name(name));
    EXPECT_FALSE(check_name("queue", name).has_value());
  }
  EXPECT_EQ(check_name("queue", "a b").error().message(),
            "'a b' is not a queue name: 1 to 100 of A-Z a-z 0-9 _ . - are allowed");
}

}  // namespace
}  // namespace conduitd::job
