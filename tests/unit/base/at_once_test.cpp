#include "base/at_once.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

#include "base/task_group.h"
#include "support/loop.h"

namespace conduitd {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> count_up(int& alive, int& most, int& ended) {
  most = std::max(most, ++alive);
  co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  --alive;
  ++ended;
}

asio::awaitable<void> fail_at_once() {
  throw std::runtime_error("as asked");
  co_return;
}

asio::awaitable<void> wait_on(int& ended) {
  struct End {
    int& ended;
    ~End() { ++ended; }
  } const end{ended};
  asio::steady_timer timer(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  co_await timer.async_wait(asio::use_awaitable);
}

TEST(AtOnce, AllRunTogetherAndAllHaveEndedAfterwards) {
  asio::io_context io;
  int alive = 0;
  int most = 0;
  int ended = 0;
  std::vector<asio::awaitable<void>> works;
  for (int i = 0; i < 5; ++i) works.push_back(count_up(alive, most, ended));
  test::run(io, at_once(std::move(works)));
  EXPECT_EQ(most, 5);
  EXPECT_EQ(ended, 5);
}

TEST(AtOnce, NothingIsDoneAtOnce) {
  asio::io_context io;
  test::run(io, at_once({}));
}

TEST(AtOnce, WhatOneThrowsIsThrownWhenAllHaveEnded) {
  asio::io_context io;
  int alive = 0;
  int most = 0;
  int ended = 0;
  std::vector<asio::awaitable<void>> works;
  works.push_back(fail_at_once());
  works.push_back(count_up(alive, most, ended));
  EXPECT_THROW(test::run(io, at_once(std::move(works))), std::runtime_error);
  EXPECT_EQ(ended, 1);
}

TEST(AtOnce, ACancelEndsAllOfThem) {
  asio::io_context io;
  int ended = 0;
  TaskGroup group(io.get_executor());
  std::vector<asio::awaitable<void>> works;
  for (int i = 0; i < 3; ++i) works.push_back(wait_on(ended));
  group.spawn("all", at_once(std::move(works)));
  io.poll();
  EXPECT_EQ(ended, 0);
  test::run(io, group.stop());
  EXPECT_EQ(ended, 3);
}

}  // namespace
}  // namespace conduitd
