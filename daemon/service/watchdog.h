#pragma once
// Decides whether the service manager may be told that we are alive: only while everything that must move has moved.

#include <string>
#include <vector>

#include "base/clock.h"

namespace conduitd::service {

/// A plain state machine: it owns no timer and asks no clock. Whoever makes progress marks it here; somebody asks
/// check() every period() and sends notify_alive() if it says so. A timer alone therefore never feeds the watchdog: it
/// may go on firing while the work beside it stands still.
///
/// Owned by the app, used on the core loop's thread only. It cannot fail.
class Watchdog {
 public:
  /// Names one thing that is watched.
  enum class Mark : std::size_t {};

  struct Verdict {
    bool alive = true;
    std::vector<std::string> stuck;  ///< what has not moved for too long, by name
  };

  /// `interval` is the unit's WatchdogSec=.
  explicit Watchdog(Millis interval) : interval_(interval) {}

  /// Watches one more thing, which must move at least once in `patience` from `now` on.
  [[nodiscard]] Mark watch(std::string name, Millis patience, SteadyTime now);

  /// It moved: the core loop took a turn; the broker answered, be it with nothing.
  void progressed(Mark mark, SteadyTime now);
  /// It is known to be away, and that has been reported: nothing is expected of it until it is back.
  void set_away(Mark mark, bool away, SteadyTime now);

  [[nodiscard]] Verdict check(SteadyTime now) const;

  /// How often to check: three chances in each interval, so that one late timer costs nothing.
  [[nodiscard]] Millis period() const { return interval_ / 3; }

 private:
  struct Watched {
    std::string name;
    Millis patience;
    SteadyTime moved;
    bool away = false;
  };

  Millis interval_;
  std::vector<Watched> watched_;
};

}  // namespace conduitd::service
