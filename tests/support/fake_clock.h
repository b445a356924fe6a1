#pragma once
// Time that stands still until a test moves it.

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <list>

#include "base/clock.h"
#include "support/loop.h"

namespace conduitd::test {

/// Sleepers wait on timers that never expire; advance() wakes them in the order of their deadlines. One thread only.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override {
    return kStart + std::chrono::duration_cast<Millis>(now_.time_since_epoch());
  }

  /// Moves time on in steps, turning `io` after each, so that what is due happens in order.
  void advance(boost::asio::io_context& io, Millis by) {
    const auto end = now_ + by;
    settle(io);
    while (now_ < end) {
      auto next = end;
      for (const auto& sleeper : sleepers_) next = std::min(next, std::max(sleeper.when, now_));
      now_ = next;
      for (auto& sleeper : sleepers_) {
        if (sleeper.when <= now_) sleeper.timer->cancel();
      }
      settle(io);
    }
  }

  /// Runs everything that is ready now.
  static void settle(boost::asio::io_context& io) {
    io.restart();
    while (io.poll() > 0) io.restart();
  }

 protected:
  void arm(boost::asio::steady_timer& timer, SteadyTime when) override {
    timer.expires_at(when <= now_ ? SteadyTime::min() : SteadyTime::max());
    sleepers_.push_back({&timer, when});
  }
  void disarm(boost::asio::steady_timer& timer) override {
    sleepers_.remove_if([&timer](const Sleeper& sleeper) { return sleeper.timer == &timer; });
  }

 private:
  static constexpr WallTime kStart{Millis{1'700'000'000'000}};
  struct Sleeper {
    boost::asio::steady_timer* timer;
    SteadyTime when;
  };

  SteadyTime now_{};
  std::list<Sleeper> sleepers_;
};

}  // namespace conduitd::test
