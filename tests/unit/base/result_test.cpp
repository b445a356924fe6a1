#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

#include "support/result_matchers.h"

namespace conduitd {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error(Errc::invalid_argument, "an even number is needed");
  return number / 2;
}

Result<int> quarter(int number) {
  CONDUIT_TRY(const auto first, half(number));
  return half(first);
}

TEST(Result, IsAValueOrAnError) {
  EXPECT_EQ(test::must(quarter(8)), 2);
  const auto wrong = quarter(6);
  ASSERT_FALSE(wrong.has_value());
  EXPECT_TRUE(wrong.error().is(Errc::invalid_argument));
  EXPECT_EQ(wrong.error().message(), "an even number is needed");
}

TEST(Result, CarriesWhatCanOnlyBeMoved) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(3); };
  EXPECT_EQ(*test::must(make()), 3);
}

TEST(ResultDeathTest, TakingTheValueOfAnErrorEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH((void)half(1).value(), "");
}

TEST(Error, GathersWhatWasBeingDone) {
  const auto error = Error(Errc::unavailable, "connection reset").within("claim from 'mail'");
  EXPECT_EQ(error.message(), "claim from 'mail': connection reset");
  EXPECT_TRUE(error.is(Errc::unavailable)) << "the code stays";
}

TEST(Error, KnowsWhatMayPassByItself) {
  for (const Errc errc : {Errc::unavailable, Errc::timed_out, Errc::full, Errc::io}) {
    EXPECT_TRUE(Error(errc, "x").is_transient()) << make_error_code(errc).message();
  }
  for (const Errc errc : {Errc::invalid_argument, Errc::not_found, Errc::conflict, Errc::lease_lost, Errc::refused,
                          Errc::corrupt, Errc::protocol, Errc::unsupported, Errc::cancelled, Errc::internal}) {
    EXPECT_FALSE(Error(errc, "x").is_transient()) << make_error_code(errc).message();
  }
}

TEST(Error, NamesEveryCode) {
  for (int value = static_cast<int>(Errc::invalid_argument); value <= static_cast<int>(Errc::internal); ++value) {
    EXPECT_NE(make_error_code(static_cast<Errc>(value)).message(), "unknown error") << value;
  }
}

}  // namespace
}  // namespace conduitd
