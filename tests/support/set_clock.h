#pragma once
// A wall clock that somebody sets.

#include "base/clock.h"

namespace conduitd::test {

/// The machine's clocks, but the wall clock shows another time.
class SetClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime now() const override { return machine_.now(); }
  [[nodiscard]] WallTime wall_now() const override { return machine_.wall_now() + off; }
  Millis off{0};

 protected:
  void arm(boost::asio::steady_timer& timer, SteadyTime when) override { timer.expires_at(when); }
  void disarm(boost::asio::steady_timer&) override {}

 private:
  SystemClock machine_;
};

}  // namespace conduitd::test
