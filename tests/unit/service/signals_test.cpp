#include "service/signals.h"

#include <gtest/gtest.h>

#include <csignal>

#include "base/task_group.h"
#include "support/loop.h"
#include "support/result_matchers.h"

namespace conduitd::service {
namespace {

namespace asio = boost::asio;

class SignalsTest : public testing::Test {
 protected:
  Request next() { return test::run(io, signals.next()); }
  /// True if nobody has asked for anything.
  bool quiet() {
    test::run_for(io, std::chrono::milliseconds(20));
    auto waiting = test::start(io, signals.next());
    test::run_for(io, std::chrono::milliseconds(20));
    return !waiting.done();
  }
  /// Sends a signal and lets the loop take it.
  void raise_and_turn(int number) {
    ::raise(number);
    test::run_for(io, std::chrono::milliseconds(20));
  }

  asio::io_context io;
  Signals signals = test::must(Signals::open(io.get_executor()));
};

TEST_F(SignalsTest, TheFirstSigtermDrainsAndTheSecondHurries) {
  ::raise(SIGTERM);
  EXPECT_EQ(next(), Request::drain);
  ::raise(SIGTERM);
  EXPECT_EQ(next(), Request::hurry);
}

TEST_F(SignalsTest, SigintCountsLikeSigterm) {
  ::raise(SIGINT);
  EXPECT_EQ(next(), Request::drain);
  ::raise(SIGTERM);
  EXPECT_EQ(next(), Request::hurry);
}

TEST_F(SignalsTest, TwoAtOnceDrainFirstAndThenHurry) {
  ::raise(SIGTERM);
  ::raise(SIGINT);
  EXPECT_EQ(next(), Request::drain);
  EXPECT_EQ(next(), Request::hurry);
}

TEST_F(SignalsTest, MoreThanTwoSayNothingNew) {
  for (int i = 0; i < 5; ++i) raise_and_turn(SIGTERM);
  EXPECT_EQ(next(), Request::drain);
  EXPECT_EQ(next(), Request::hurry);
  EXPECT_TRUE(quiet());
}

TEST_F(SignalsTest, SighupsThatNobodyTookYetAreOneReload) {
  for (int i = 0; i < 5; ++i) raise_and_turn(SIGHUP);
  EXPECT_EQ(next(), Request::reload);
  EXPECT_TRUE(quiet());
}

TEST_F(SignalsTest, ASighupDuringAReloadAsksForAnother) {
  ::raise(SIGHUP);
  EXPECT_EQ(next(), Request::reload);
  raise_and_turn(SIGHUP);
  EXPECT_EQ(next(), Request::reload);
}

TEST_F(SignalsTest, NothingIsReloadedOnceItDrains) {
  raise_and_turn(SIGHUP);
  raise_and_turn(SIGTERM);
  EXPECT_EQ(next(), Request::drain);
  raise_and_turn(SIGHUP);
  EXPECT_TRUE(quiet());
}

TEST_F(SignalsTest, ASignalWakesWhoWaits) {
  auto waiting = test::start(io, signals.next());
  test::run_for(io, std::chrono::milliseconds(20));
  EXPECT_FALSE(waiting.done());
  ::raise(SIGHUP);
  EXPECT_EQ(test::finish(io, waiting), Request::reload);
}

asio::awaitable<void> wait_for_ever(Signals& signals) {
  while (true) (void)co_await signals.next();
}

TEST_F(SignalsTest, AWaitIsEndedByItsTaskGroup) {
  TaskGroup group(io.get_executor());
  group.spawn("signals", wait_for_ever(signals));
  raise_and_turn(SIGHUP);
  EXPECT_EQ(group.size(), 1U);
  test::run(io, group.stop());
  EXPECT_EQ(group.size(), 0U);
}

TEST(SignalsLifetime, MayGoWhileItListensAndComeAgain) {
  asio::io_context io;
  for (int i = 0; i < 100; ++i) {
    auto signals = test::must(Signals::open(io.get_executor()));
    ::raise(SIGHUP);
    EXPECT_EQ(test::run(io, signals.next()), Request::reload);
  }
  test::run_for(io, std::chrono::milliseconds(1));
}

}  // namespace
}  // namespace conduitd::service
