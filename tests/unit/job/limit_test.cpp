#include "job/limit.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace conduitd::job {
namespace {

Limit rate(std::string_view text, std::optional<std::uint32_t> burst = std::nullopt) {
  const auto parsed = parse_rate(text).value();
  Limit out;
  out.kind = Limit::Kind::rate;
  out.most = parsed.most;
  out.period = parsed.period;
  out.burst = burst;
  return out;
}

/// Starts of a task that always has jobs, whose workers look at random moments. In microseconds.
std::vector<std::int64_t> starts_under_load(const Pacing& pacing, std::int64_t until, std::int64_t latest_look, std::mt19937_64& random) {
  std::vector<std::int64_t> out;
  std::int64_t account = 0;
  std::int64_t now = 1'000'000;
  until += now;
  while (now < until) {
    const auto admitted = admit(pacing, account, now, 1'000);
    for (std::uint64_t i = 0; i < admitted.count; ++i) out.push_back(now);
    account = admitted.account;
    now = admitted.next + std::uniform_int_distribution<std::int64_t>(0, latest_look)(random);
  }
  return out;
}

std::size_t most_in_a_window(const std::vector<std::int64_t>& starts, std::int64_t window) {
  std::deque<std::int64_t> recent;
  std::size_t most = 0;
  for (const auto start : starts) {
    recent.push_back(start);
    while (recent.front() <= start - window) recent.pop_front();
    most = std::max(most, recent.size());
  }
  return most;
}

TEST(Rate, IsReadAsPeopleWriteIt) {
  EXPECT_EQ(parse_rate("100/m").value().period, Millis{60'000});
  EXPECT_EQ(parse_rate("10/minute").value().period, Millis{60'000});
  EXPECT_EQ(parse_rate("5/10s").value().period, Millis{10'000});
  EXPECT_EQ(parse_rate("5/10seconds").value().period, Millis{10'000});
  EXPECT_EQ(parse_rate("1000/d").value().period, Millis{86'400'000});
  EXPECT_EQ(parse_rate("7/h").value().most, 7U);
  for (const std::string_view wrong : {"ten/m", "0/s", "-1/s", "10", "10/", "10/x", "10/w", "10/1000000d", "10/0s", "10 / s", "1.5/s", "/s", "2000001/s", "5000/ms", ""}) {
    const auto parsed = parse_rate(wrong);
    ASSERT_FALSE(parsed.has_value()) << wrong;
    EXPECT_NE(parsed.error().message().find("\"100/m\""), std::string::npos) << parsed.error().message();
    EXPECT_NE(parsed.error().message().find("at most 366d, in ms, s, m, h or d"), std::string::npos) << parsed.error().message();
  }
  EXPECT_EQ(format_rate(rate("5/10s")), "5/10s");
  EXPECT_EQ(format_rate(rate("10/minute")), "10/m");
  EXPECT_EQ(format_rate(rate("1/250ms")), "1/250ms");
}

TEST(Rate, IsNeverExceededInAnyWindowAndNearlyReachedUnderLoad) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (const auto* text : {"10/s", "33/s", "100/s", "1000/s", "5/10s", "600/m", "20000/s"}) {
    const auto limit = rate(text);
    const auto window = std::chrono::microseconds(limit.period).count();
    const auto interval = pacing_of(limit).interval;
    const auto starts = starts_under_load(pacing_of(limit), 20 * window, std::min<std::int64_t>(1'000, std::max<std::int64_t>(interval / 100, 200)), random);
    EXPECT_LE(most_in_a_window(starts, window), limit.most) << text;
    EXPECT_GE(static_cast<double>(starts.size()), 0.97 * 20 * limit.most) << text;
  }
}

TEST(Rate, WithABurstLetsSoManyMoreStartAfterAPause) {
  const auto limit = rate("10/s", 4);
  const auto first = admit(pacing_of(limit), 0, 5'000'000, 100);
  EXPECT_EQ(first.count, 4U);
  EXPECT_EQ(first.next, 5'100'000);
  std::mt19937_64 random(1);
  EXPECT_LE(most_in_a_window(starts_under_load(pacing_of(limit), 20'000'000, 1'000'000, random), 1'000'000), 14U);
}

TEST(Rate, IsNotStuckWhenTheClockIsSetBack) {
  const auto pacing = pacing_of(rate("10/s"));
  const auto late = admit(pacing, 0, 900'000'000'000, 1);
  EXPECT_LE(admit(pacing, late.account, 1'000'000, 1).next, 1'000'000 + 2 * pacing.interval);
}

TEST(Rate, AHeavyStartMovesTheAccountOnByItsWeight) {
  const auto pacing = pacing_of(rate("10/s"));
  const auto heavy = admit(pacing, 0, 1'000'000, 1, {.weight = 5});
  EXPECT_EQ(heavy.count, 1U);
  EXPECT_EQ(heavy.account, 1'000'000 + 5 * pacing.interval);
  const Load light{.weight = 1, .after_heavy = true};
  EXPECT_EQ(admit(pacing, heavy.account, 1'000'000 + 4 * pacing.interval, 1, light).count, 0U);
  EXPECT_EQ(admit(pacing, heavy.account, 1'000'000 + 5 * pacing.interval, 1, light).count, 1U);
}

TEST(Rate, HeavyStartsOfAnyMixUseTheRateAndExceedItByLessThanTheLastOne) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto limit = rate("20/s");
  const auto pacing = pacing_of(limit);
  std::vector<std::pair<std::int64_t, std::uint32_t>> starts;
  std::int64_t account = 0;
  bool after_heavy = false;
  constexpr std::int64_t kEnd = 60'000'000;
  for (std::int64_t now = 1'000'000; now < kEnd; now += 1'000) {
    const auto weight = std::uniform_int_distribution<std::uint32_t>(1, 8)(random);
    const auto admitted = admit(pacing, account, now, 1, {.weight = weight, .after_heavy = after_heavy});
    if (admitted.count == 0) continue;
    account = admitted.account;
    after_heavy = weight > 1;
    starts.emplace_back(now, weight);
  }
  std::uint64_t all = 0;
  for (std::size_t last = 0; last < starts.size(); ++last) {
    all += starts[last].second;
    std::uint64_t window = 0;
    for (std::size_t i = last + 1; i-- > 0 && starts[i].first > starts[last].first - 1'000'000;) window += starts[i].second;
    ASSERT_LE(window, limit.most + starts[last].second - 1);
  }
  EXPECT_GE(static_cast<double>(all), 0.97 * 59 * limit.most);
}

TEST(LimitKey, FindsTheValueInTheArguments) {
  EXPECT_EQ(key_value(R"({"tenant":"a","n":3})", "/tenant"), "a");
  EXPECT_EQ(key_value(R"({"user":{"id":12345678901234567}})", "/user/id"), "12345678901234567");
  EXPECT_EQ(key_value(R"([{"a/b":true}])", "/0/a~1b"), "true");
  EXPECT_EQ(key_value(R"({"x":1.5})", "/x"), "1.5");
  EXPECT_EQ(key_value(R"({"x":5})", "/x"), key_value(R"({"x":"5"})", "/x")) << "docs/limits.md says so";
}

TEST(LimitKey, ThatIsMissingOrNoPlainValueIsTheEmptyOne) {
  for (const auto* args : {"{}", "[]", "7", R"({"tenant":null})", R"({"tenant":{}})", R"({"tenant":[1]})", "not json", ""}) {
    EXPECT_EQ(key_value(args, "/tenant"), "") << args;
  }
}

TEST(LimitKey, IsANameOrAPointer) {
  EXPECT_EQ(parse_limit_key("tenant").value(), "/tenant");
  EXPECT_EQ(parse_limit_key("/user/id").value(), "/user/id");
  EXPECT_FALSE(parse_limit_key("").has_value());
  EXPECT_FALSE(parse_limit_key("/a~2").has_value());
}

TEST(Limits, AreReadFromOptionsAndWrittenBackTheSame) {
  const auto json = parse_json(R"([4,{"limit":2,"key":"tenant"},{"limit":3,"scope":"worker"}])").value();
  auto limits = concurrency_from(json).value();
  ASSERT_EQ(limits.size(), 3U);
  EXPECT_EQ(limits[1].key, "/tenant");
  EXPECT_EQ(limits[2].scope, Limit::Scope::worker);
  const auto rates = rates_from(parse_json(R"({"rate":"100/m","burst":10,"key":"/tenant","scope":"worker"})").value()).value();
  EXPECT_EQ(rates[0].burst, 10U);
  limits.insert(limits.end(), rates.begin(), rates.end());
  EXPECT_TRUE(check(limits).has_value());
  Json options;
  add_to(options, limits);
  auto again = concurrency_from(*options.find("concurrency")).value();
  const auto rates_again = rates_from(*options.find("rate_limit")).value();
  again.insert(again.end(), rates_again.begin(), rates_again.end());
  EXPECT_EQ(again, limits);
}

TEST(Limits, ThatMakeNoSenseAreRefusedByName) {
  const auto fault = [](Result<std::vector<Limit>> (*read)(const Json&), std::string_view text) {
    const auto limits = read(parse_json(text).value());
    return limits.has_value() ? std::string() : limits.error().message();
  };
  EXPECT_NE(fault(concurrency_from, "0").find("from 1 to"), std::string::npos);
  EXPECT_NE(fault(concurrency_from, "-2").find("option 'concurrency'"), std::string::npos);
  EXPECT_NE(fault(concurrency_from, R"({"key":"x"})").find("concurrency.limit"), std::string::npos);
  EXPECT_NE(fault(concurrency_from, R"({"limit":1,"scop":"worker"})").find("scope"), std::string::npos);
  EXPECT_NE(fault(rates_from, R"("ten/m")").find("'ten/m' is no rate"), std::string::npos);
  EXPECT_NE(fault(rates_from, R"({"rate":"1/s","scope":"galaxy"})").find("global or worker"), std::string::npos);
  Limit by_tenant, by_user;
  by_tenant.key = "/tenant";
  by_user.key = "/user";
  EXPECT_FALSE(check({by_tenant, by_user}).has_value());
}

}  // namespace
}  // namespace conduitd::job
