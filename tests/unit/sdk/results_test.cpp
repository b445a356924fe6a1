#include <conduit/testing.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace {

using conduit::Json;
using conduit::testing::Kind;
using conduit::testing::run;
using namespace std::chrono_literals;

TEST(SdkResults, AnyExceptionIsARetryByPolicyWithItsTypeAndMessage) {
  const auto outcome = run("sample.error");
  EXPECT_EQ(outcome.kind, Kind::retry);
  EXPECT_EQ(outcome.error_type, "std::out_of_range");
  EXPECT_EQ(outcome.error, "too far");
  EXPECT_EQ(outcome.after, std::nullopt);
}

TEST(SdkResults, F62_EvenWhatIsNoExceptionIsCaught) {
  const auto outcome = run("sample.odd_error");
  EXPECT_EQ(outcome.kind, Kind::retry);
  EXPECT_EQ(outcome.error_type, "int");
}

TEST(SdkResults, RetryCarriesTheDelayAskedFor) {
  const auto outcome = run("sample.retry");
  EXPECT_EQ(outcome.kind, Kind::retry);
  EXPECT_EQ(outcome.after, 10s);
  EXPECT_EQ(outcome.error, "busy");
  EXPECT_EQ(run("sample.retry_as_policy").after, std::nullopt);
}

TEST(SdkResults, FailInvalidAndSnoozeAreToldApart) {
  EXPECT_EQ(run("sample.fail").kind, Kind::fail);
  EXPECT_EQ(run("sample.fail").error, "no such account");
  EXPECT_EQ(run("sample.invalid").kind, Kind::invalid);
  EXPECT_EQ(run("sample.invalid").error_path, "/width");
  EXPECT_EQ(run("sample.snooze").kind, Kind::snooze);
  EXPECT_EQ(run("sample.snooze").after, 5min);
}

TEST(SdkResults, JsonThatTheTaskItselfCannotReadIsNoFaultOfTheArguments) {
  EXPECT_EQ(run("sample.json_error").kind, Kind::retry);
}

TEST(SdkResults, WhatJsonCannotHoldFailsForGood) {
  const auto outcome = run("sample.binary_result");
  EXPECT_EQ(outcome.kind, Kind::fail);
  EXPECT_EQ(outcome.error,
            "the task's result cannot be written: text that is not valid UTF-8 cannot be written "
            "as JSON");
}

TEST(SdkResults, ACallableObjectKeepsItsState) {
  const auto first = run("sample.object", Json::array({2})).result.get<int>();
  EXPECT_EQ(run("sample.object", Json::array({3})).result.get<int>(), first + 3);
}

}  // namespace
