#pragma once
// Who waits for what, so that a commit wakes just those it concerns.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace conduitd::broker::sqlite {

/// Thread: the executor. A listener is registered while it lives, so nothing that happens between a look and a wait is
/// missed: whoever waits makes it first, looks, and then waits.
class Wakeups {
 public:
  explicit Wakeups(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// What a waiter waits for: a job's end, or work (any).
  using Key = std::int64_t;
  static constexpr Key kWork = -1;

  /// Something that waits for any of some keys.
  class Listener {
   public:
    Listener(Wakeups& owner, const std::vector<Key>& keys) : owner_(owner), timer_(owner.executor_) {
      positions_.reserve(keys.size());
      for (const auto key : keys) positions_.push_back(owner_.listeners_.emplace(key, this));
    }
    virtual ~Listener() {
      for (const auto position : positions_) owner_.listeners_.erase(position);
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// Completes when a key is rung, or it is woken, at once if that happened since the last wait, or after `most`.
    boost::asio::awaitable<void> wait(std::chrono::nanoseconds most) {
      if (!rung_) {
        timer_.expires_after(std::chrono::duration_cast<boost::asio::steady_timer::duration>(most));
        boost::system::error_code woken;
        co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
      }
      rung_ = false;
    }

    void wake() {
      rung_ = true;
      timer_.cancel();
    }

   protected:
    virtual void heard(Key) {}

   private:
    friend Wakeups;
    using Position = std::multimap<Key, Listener*>::iterator;
    void ring(Key key) {
      heard(key);
      wake();
    }

    Wakeups& owner_;
    boost::asio::steady_timer timer_;
    std::vector<Position> positions_;
    bool rung_ = false;
  };

  class Waiter final : public Listener {
   public:
    Waiter(Wakeups& owner, Key key) : Listener(owner, {key}) {}
  };

  /// Remembers which of its keys were rung.
  class Watch final : public Listener {
   public:
    using Listener::Listener;
    [[nodiscard]] std::vector<Key> take_rung() { return std::exchange(rung_keys_, {}); }

   private:
    void heard(Key key) override { rung_keys_.push_back(key); }
    std::vector<Key> rung_keys_;
  };

  void ring(Key key) {
    const auto [first, last] = listeners_.equal_range(key);
    for (auto it = first; it != last; ++it) it->second->ring(key);
  }
  void ring_all() {
    for (const auto& [key, listener] : listeners_) listener->ring(key);
  }
  /// The jobs somebody waits for.
  [[nodiscard]] std::vector<Key> jobs() const {
    std::vector<Key> out;
    for (const auto& [key, listener] : listeners_) {
      if (key != kWork && (out.empty() || out.back() != key)) out.push_back(key);
    }
    return out;
  }

 private:
  boost::asio::any_io_executor executor_;
  std::multimap<Key, Listener*> listeners_;
};

}  // namespace conduitd::broker::sqlite
