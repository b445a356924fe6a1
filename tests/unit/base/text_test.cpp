#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "support/result_matchers.h"

namespace conduitd {
namespace {

using testing::HasSubstr;

TEST(Duration, ReadsEveryUnit) {
  const std::vector<std::pair<std::string, std::int64_t>> table{
      {"0", 0},        {"0s", 0},          {"500ms", 500},     {"1.5s", 1'500},        {"30s", 30'000}, {"10m", 600'000},
      {"24h", 86'400'000}, {"7d", 604'800'000}, {"0.25m", 15'000}, {"36500d", 3'153'600'000'000}};
  for (const auto& [text, ms] : table) EXPECT_EQ(test::must(parse_duration(text)), Millis(ms)) << text;
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "s", "1", "10", "-1s", "+1s", "1 s", " 1s", "1s ", "1S", "1sec", "1e3s", "1.2.3s", "1h30m",
                           "1us", "infs", "nans", "0x1s", "36501d", "99999999999999999999999d", ".s", "1,5s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(Duration, WritesTheShortestExactFormThatReadsBack) {
  EXPECT_EQ(format_duration(Millis(0)), "0s");
  EXPECT_EQ(format_duration(Millis(1'500)), "1500ms");
  EXPECT_EQ(format_duration(Millis(90'000)), "90s");
  EXPECT_EQ(format_duration(Millis(600'000)), "10m");
  EXPECT_EQ(format_duration(Millis(86'400'000)), "1d");
  std::mt19937_64 random(7);
  for (int i = 0; i < 10'000; ++i) {
    const Millis duration(static_cast<std::int64_t>(random() >> (24 + random() % 40)) % 3'153'600'000'000);
    EXPECT_EQ(test::must(parse_duration(format_duration(duration))), duration);
  }
}

TEST(Size, ReadsBytesAndBinaryUnits) {
  const std::vector<std::pair<std::string, std::uint64_t>> table{
      {"0", 0},     {"1000000", 1'000'000}, {"7B", 7},           {"64KiB", 65'536},
      {"64K", 65'536}, {"1.5MiB", 1'572'864}, {"1G", 1'073'741'824}, {"2TiB", 2'199'023'255'552}};
  for (const auto& [text, bytes] : table) EXPECT_EQ(test::must(parse_size(text)), bytes) << text;
  for (const char* text : {"", "B", "-1", "1 KiB", "1kb", "1MB", "1e3", "0x10", "9999999999TiB", "1KiBs"}) {
    EXPECT_FALSE(parse_size(text).has_value()) << text;
  }
}

TEST(Size, WritesWhatItReads) {
  for (const std::uint64_t bytes : {0ULL, 1ULL, 1023ULL, 1024ULL, 1'536ULL, 1'048'576ULL, 5'368'709'120ULL}) {
    EXPECT_EQ(test::must(parse_size(format_size(bytes))), bytes);
  }
  EXPECT_EQ(format_size(1'048'576), "1MiB");
  EXPECT_EQ(format_size(1'536), "1536B");
}

TEST(Time, IsWrittenInUtcWithMilliseconds) {
  EXPECT_EQ(format_time(from_unix_ms(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(from_unix_ms(1'769'851'800'007)), "2026-01-31T09:30:00.007Z");
  EXPECT_EQ(format_time(from_unix_ms(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Time, ReadsRfc3339) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"2026-01-31T09:30:00Z", "2026-01-31T09:30:00.000Z"},      {"2026-01-31 09:30:00Z", "2026-01-31T09:30:00.000Z"},
      {"2026-01-31t09:30:00z", "2026-01-31T09:30:00.000Z"},      {"2026-01-31T09:30:00.5Z", "2026-01-31T09:30:00.500Z"},
      {"2026-01-31T09:30:00.123456789Z", "2026-01-31T09:30:00.123Z"},
      {"2026-01-31T00:30:00+02:00", "2026-01-30T22:30:00.000Z"}, {"2026-01-31T00:30:00-05:30", "2026-01-31T06:00:00.000Z"},
      {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"},      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"}};
  for (const auto& [text, utc] : table) EXPECT_EQ(format_time(test::must(parse_time(text))), utc) << text;
}

TEST(Time, RefusesEverythingElse) {
  for (const char* text :
       {"", "now", "2026-01-31", "2026-01-31T09:30:00", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-01-32T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T09:60:00Z", "2026-01-31T09:30:61Z", "2026-01-31T09:30:00.Z",
        "2026-01-31T09:30:00+0200", "2026-01-31T09:30:00+24:00", "2026-01-31T09:30:00Zx", "-001-01-01T00:00:00Z",
        "2026-1-31T09:30:000Z", "2026-01-31T-9:30:00Z", "2026-01-31T09:30:00+-1:00", "+026-01-31T09:30:00Z"}) {
    EXPECT_FALSE(parse_time(text).has_value()) << text;
  }
}

TEST(Errors, ShowWhatWasWrittenWithoutItsControlBytes) {
  const std::string evil = "\x1b]0;owned\x07\n" + std::string(5'000, 'x');
  for (const auto& message : {parse_duration(evil).error().message(), parse_size(evil).error().message(),
                              parse_time(evil).error().message()}) {
    EXPECT_THAT(message, HasSubstr("\\x1b]0;owned\\x07\\n"));
    EXPECT_EQ(message.find('\x1b'), std::string::npos);
    EXPECT_LT(message.size(), 300U);
  }
}

TEST(RedactUrl, HidesThePasswordWhereverItStands) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"redis://user:secret@host:6379/0", "redis://user:***@host:6379/0"},
      {"rediss://:secret@host", "rediss://:***@host"},
      {"redis://user:s@cr:et@host", "redis://user:***@host"},
      {"redis://user:s/cr?e#t@host", "redis://user:***@host"},
      {"redis+unix:///run/redis.sock?password=secret&db=1", "redis+unix:///run/redis.sock?password=***&db=1"},
      {"redis://user@host?password=secret", "redis://user@host?password=***"},
      {"redis://h?password=a&password=b", "redis://h?password=***&password=***"},
      {"redis:/user:secret@host", "redis:***@host"},
      {"user:secret@host", "user:***@host"},
      // Nothing to hide.
      {"redis://host:6379/0", "redis://host:6379/0"},
      {"redis://user@host", "redis://user@host"},
      {"redis://host:6379/a@b", "redis://host:6379/a@b"},
      {"sqlite:///var/lib/conduit.db", "sqlite:///var/lib/conduit.db"},
      {"sqlite::memory:", "sqlite::memory:"},
      {"redis://[::1]:6379", "redis://[::1]:6379"},
      {"", ""}};
  for (const auto& [url, shown] : table) EXPECT_EQ(redact_url(url), shown);
}

TEST(Nearest, FindsTheSlipOfTheFingers) {
  const std::vector<std::string> words{"lease", "broker", "namespace", "drain_timeout", "log"};
  EXPECT_EQ(nearest("leese", words), "lease");
  EXPECT_EQ(nearest("namspace", words), "namespace");
  EXPECT_EQ(nearest("drain_timout", words), "drain_timeout");
  EXPECT_EQ(nearest("lgo", words), "log") << "two letters swapped are one slip";
  EXPECT_EQ(nearest("Lease", words), "lease");
  EXPECT_EQ(nearest("verbosity", words), std::nullopt);
  EXPECT_EQ(nearest("", words), std::nullopt);
  EXPECT_EQ(nearest("x", {}), std::nullopt);
}

TEST(Utf8, KnowsWhatIsWellFormed) {
  for (const char* text : {"", "abc", "é", "€", "𝄞", "\xEF\xBF\xBF", "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const std::string text : {"\xff", "\xC3", "\xC3(", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80",
                                 "a\x80", "\xE2\x82", "\xF0\x9F\x98"}) {
    EXPECT_FALSE(is_utf8(text)) << testing::PrintToString(text);
  }
  EXPECT_EQ(utf8_prefix("ab\xC3\xA9\xff!"), 4U);
  EXPECT_EQ(utf8_prefix("\x80"), 0U);
}

TEST(EscapeControl, LeavesNothingThatMovesACursorOrTurnsText) {
  EXPECT_EQ(escape_control("plain é €\t𝄞"), "plain é €\t𝄞");
  EXPECT_EQ(escape_control("a\nb\r"), "a\\nb\\x0d");
  EXPECT_EQ(escape_control("\x1b[31m"), "\\x1b[31m");
  EXPECT_EQ(escape_control(std::string_view("\0\x7f", 2)), "\\x00\\x7f");
  EXPECT_EQ(escape_control("\xff\xC3"), "\\xff\\xc3");
  EXPECT_EQ(escape_control("\xC2\x9B"), "\\xc2\\x9b") << "the one-character form of ESC [";
  EXPECT_EQ(escape_control("\xE2\x80\xAE"), "\\xe2\\x80\\xae") << "right-to-left override";
  EXPECT_EQ(escape_control("\xE2\x81\xA6"), "\\xe2\\x81\\xa6");
  EXPECT_EQ(escape_control("\xE2\x80\xA8"), "\\xe2\\x80\\xa8") << "line separator";
}

TEST(Truncate, CutsBetweenCharactersAndSaysSo) {
  EXPECT_EQ(truncate("abc", 3), "abc");
  EXPECT_EQ(truncate("abcd", 3), "abc… (1 bytes cut)");
  EXPECT_EQ(truncate("aé", 2), "a… (2 bytes cut)");
  EXPECT_EQ(truncate("éé", 3), "é… (2 bytes cut)");
  EXPECT_TRUE(is_utf8(truncate("𝄞𝄞𝄞", 7)));
}

TEST(RandomBytes, NeverUpsetAnyOfThese) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  constexpr std::string_view kAlphabet = "0123456789.:-TZ+@/?#smhdKiBpassword=\xC3\xA9\xE2\x80\xAE\xff\x1b ";
  for (int i = 0; i < 20'000; ++i) {
    std::string text(random() % 40, ' ');
    for (auto& c : text) c = kAlphabet[random() % kAlphabet.size()];
    (void)parse_duration(text);
    (void)parse_size(text);
    (void)parse_time(text);
    (void)redact_url(text);
    EXPECT_TRUE(is_utf8(escape_control(text)));
    EXPECT_EQ(is_utf8(text), utf8_prefix(text) == text.size());
  }
}

}  // namespace
}  // namespace conduitd
