#pragma once
// Who waits for what, so that a commit wakes just those it concerns.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <map>
#include <vector>

#include "base/clock.h"

namespace conduitd::broker::sqlite {

/// Thread: the executor. A Waiter is registered while it lives, so nothing that happens between a look and a wait is
/// missed: whoever waits makes the Waiter first, looks, and then waits.
class Wakeups {
 public:
  explicit Wakeups(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// What a waiter waits for: a job's end, or work (any).
  using Key = std::int64_t;
  static constexpr Key kWork = -1;

  class Waiter {
   public:
    Waiter(Wakeups& owner, Key key) : owner_(owner), timer_(owner.executor_) {
      position_ = owner_.waiters_.emplace(key, this);
    }
    ~Waiter() { owner_.waiters_.erase(position_); }
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    /// Completes when its key is rung, at once if that happened since the last wait, or after `most`.
    boost::asio::awaitable<void> wait(std::chrono::nanoseconds most) {
      if (!rung_) {
        timer_.expires_after(std::chrono::duration_cast<boost::asio::steady_timer::duration>(most));
        boost::system::error_code woken;
        co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
      }
      rung_ = false;
    }

   private:
    friend Wakeups;
    Wakeups& owner_;
    boost::asio::steady_timer timer_;
    std::multimap<Key, Waiter*>::iterator position_;
    bool rung_ = false;
  };

  void ring(Key key) {
    const auto [first, last] = waiters_.equal_range(key);
    for (auto it = first; it != last; ++it) ring(*it->second);
  }
  void ring_all() {
    for (const auto& [key, waiter] : waiters_) ring(*waiter);
  }
  /// The jobs somebody waits for.
  [[nodiscard]] std::vector<Key> jobs() const {
    std::vector<Key> out;
    for (const auto& [key, waiter] : waiters_) {
      if (key != kWork && (out.empty() || out.back() != key)) out.push_back(key);
    }
    return out;
  }

 private:
  static void ring(Waiter& waiter) {
    waiter.rung_ = true;
    waiter.timer_.cancel();
  }

  boost::asio::any_io_executor executor_;
  std::multimap<Key, Waiter*> waiters_;
};

}  // namespace conduitd::broker::sqlite
