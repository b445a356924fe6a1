#include "base/task_group.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <random>
#include <stdexcept>

#include "support/loop.h"

namespace conduitd {
namespace {

namespace asio = boost::asio;

/// Counts the coroutines that are alive, by their frames.
struct Alive {
  explicit Alive(int& count) : counter(&count) { ++*counter; }
  Alive(Alive&& other) noexcept : counter(std::exchange(other.counter, nullptr)) {}
  Alive& operator=(Alive&&) = delete;
  ~Alive() {
    if (counter != nullptr) --*counter;
  }
  int* counter;
};

asio::awaitable<void> wait_for_ever(Alive) {
  asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> turn(Alive, int turns) {
  for (int i = 0; i < turns; ++i) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
}

/// Swallows the first cancellation, as code between two waits does.
asio::awaitable<void> end_late(Alive alive) {
  asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  boost::system::error_code first;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, first));
  co_await asio::this_coro::reset_cancellation_state();
  co_await wait_for_ever(std::move(alive));
}

asio::awaitable<void> spawn_more(TaskGroup& group, Alive alive, int& count, int generations) {
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  if (generations > 0) {
    group.spawn("child", spawn_more(group, Alive(count), count, generations - 1));
    group.spawn("child", spawn_more(group, Alive(count), count, generations - 1));
  }
  co_await wait_for_ever(std::move(alive));
}

asio::awaitable<void> fail() {
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  throw std::runtime_error("a bug");
}

class TaskGroupTest : public testing::Test {
 protected:
  asio::io_context io;
  int alive = 0;
};

TEST_F(TaskGroupTest, StopEndsWhatRunsAndFreesIt) {
  TaskGroup group(io.get_executor());
  for (int i = 0; i < 100; ++i) group.spawn("wait", wait_for_ever(Alive(alive)));
  test::run_until(io, [&] { return group.size() == 100; });
  test::run(io, group.stop());
  EXPECT_EQ(group.size(), 0U);
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(group.stopping());
}

TEST_F(TaskGroupTest, StopIsSafeBeforeAnythingAndTwice) {
  TaskGroup group(io.get_executor());
  test::run(io, group.stop());
  test::run(io, group.stop());
}

TEST_F(TaskGroupTest, TwoMayStopItAtOnce) {
  TaskGroup group(io.get_executor());
  group.spawn("wait", wait_for_ever(Alive(alive)));
  auto one = test::start(io, group.stop());
  auto two = test::start(io, group.stop());
  test::run_until(io, [&] { return one.done() && two.done(); });
  EXPECT_EQ(alive, 0);
}

TEST_F(TaskGroupTest, WorkThatComesAfterStopIsDroppedUnstarted) {
  TaskGroup group(io.get_executor());
  test::run(io, group.stop());
  group.spawn("late", wait_for_ever(Alive(alive)));
  EXPECT_EQ(group.size(), 0U);
  EXPECT_EQ(alive, 0);
}

TEST_F(TaskGroupTest, StopInsistsWhereOneCancellationWasSwallowed) {
  TaskGroup group(io.get_executor());
  group.spawn("late", end_late(Alive(alive)));
  test::run(io, group.stop());
  EXPECT_EQ(alive, 0);
}

TEST_F(TaskGroupTest, StopBeforeTheFirstTurnOfTheLoop) {
  TaskGroup group(io.get_executor());
  group.spawn("wait", wait_for_ever(Alive(alive)));
  test::run(io, group.stop());
  EXPECT_EQ(alive, 0);
}

TEST_F(TaskGroupTest, StopCatchesWhatSpawnsMoreMeanwhile) {
  for (int turns = 0; turns < 20; ++turns) {
    TaskGroup group(io.get_executor());
    group.spawn("parent", spawn_more(group, Alive(alive), alive, 6));
    for (int i = 0; i < turns; ++i) {
      io.restart();
      io.poll_one();
    }
    test::run(io, group.stop());
    EXPECT_EQ(alive, 0) << turns;
  }
}

TEST_F(TaskGroupTest, WaitIdleCancelsNothing) {
  TaskGroup group(io.get_executor());
  for (int i = 0; i < 10; ++i) group.spawn("turn", turn(Alive(alive), i * 10));
  EXPECT_FALSE(group.stopping());
  test::run(io, group.wait_idle());
  EXPECT_EQ(group.size(), 0U);
  EXPECT_EQ(alive, 0);
  group.spawn("again", turn(Alive(alive), 1));
  test::run(io, group.wait_idle());
}

TEST_F(TaskGroupTest, MayGoAsSoonAsStopHasReturned) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    auto group = std::make_unique<TaskGroup>(io.get_executor());
    for (auto n = random() % 20; n > 0; --n) {
      if (random() % 2 == 0) {
        group->spawn("turn", turn(Alive(alive), static_cast<int>(random() % 30)));
      } else {
        group->spawn("wait", wait_for_ever(Alive(alive)));
      }
    }
    for (auto n = random() % 50; n > 0; --n) {
      io.restart();
      io.poll_one();
    }
    test::run(io, group->stop());
    group.reset();
    EXPECT_EQ(alive, 0);
  }
}

TEST_F(TaskGroupTest, ACoroutineThatFailsEndsTheProcessAndIsNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        TaskGroup group(io.get_executor());
        group.spawn("claimer", fail());
        io.run();
      },
      "coroutine 'claimer' failed: a bug");
}

TEST_F(TaskGroupTest, DestroyingABusyGroupEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        TaskGroup group(io.get_executor());
        group.spawn("wait", wait_for_ever(Alive(alive)));
      },
      "assertion failed");
}

}  // namespace
}  // namespace conduitd
