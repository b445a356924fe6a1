#include "broker/redis/backoff.h"

#include <gtest/gtest.h>

namespace conduitd::broker::redis {
namespace {

TEST(RedisBackoff, BeginsAlmostAtOnceAndStaysUnderTwoSeconds) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::minstd_rand random(seed);
  Backoff backoff;
  EXPECT_LE(backoff.next(random), Millis{50});
  for (int i = 0; i < 100; ++i) {
    const auto delay = backoff.next(random);
    EXPECT_GE(delay, Millis{250}) << "fewer than five connects a second";
    EXPECT_LE(delay, Millis{1'250}) << "back within two seconds";
  }
}

TEST(RedisBackoff, BeginsAnewAfterSuccess) {
  std::minstd_rand random(1);
  Backoff backoff;
  for (int i = 0; i < 10; ++i) static_cast<void>(backoff.next(random));
  backoff.succeeded();
  EXPECT_LE(backoff.next(random), Millis{50});
}

}  // namespace
}  // namespace conduitd::broker::redis
