#pragma once
// Results in tests: EXPECT_OK(call), EXPECT_ERRC(Errc::conflict, call), ASSERT_OK_AND_ASSIGN(auto value, call), must(call).

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "base/result.h"

namespace conduitd::test {

template <class T>
std::string describe(const Result<T>& result) {
  return result.has_value() ? "ok" : result.error().code.message() + ": " + result.error().message();
}

/// The value; an error ends the test with its sentence. For helpers, which cannot use ASSERT_*.
template <class T>
T must(Result<T> result) {
  if (!result.has_value()) throw std::runtime_error(describe(result));
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

}  // namespace conduitd::test

#define EXPECT_OK(expression)                                                              \
  do {                                                                                     \
    const auto& conduit_result = (expression);                                             \
    EXPECT_TRUE(conduit_result.has_value()) << ::conduitd::test::describe(conduit_result); \
  } while (false)

#define EXPECT_ERRC(errc, expression)                                                                             \
  do {                                                                                                            \
    const auto& conduit_result = (expression);                                                                    \
    EXPECT_TRUE(!conduit_result.has_value() && conduit_result.error().is(errc)) << ::conduitd::test::describe(conduit_result); \
  } while (false)

#define CONDUIT_TEST_JOIN_(a, b) a##b
#define CONDUIT_TEST_JOIN(a, b) CONDUIT_TEST_JOIN_(a, b)
#define CONDUIT_TEST_ASSIGN_(result, declaration, expression)                         \
  auto result = (expression);                                                         \
  ASSERT_TRUE(result.has_value()) << ::conduitd::test::describe(result);              \
  declaration = std::move(result).value()
#define ASSERT_OK_AND_ASSIGN(declaration, expression) \
  CONDUIT_TEST_ASSIGN_(CONDUIT_TEST_JOIN(conduit_result_, __LINE__), declaration, expression)
