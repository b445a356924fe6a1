#pragma once
// Notices an event loop that does not turn, and whose code is to blame.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "base/clock.h"
#include "host/running.h"

namespace conduitd::host {

/// A loop that has not turned for a while, told once when it is noticed and once when it turns again.
struct Stall {
  std::uint32_t attempt = 0;  ///< whose code has been on it all the time; 0: not that of one attempt
  Millis lasted{0};           ///< so far, at least
  bool over = false;
};

/// Belongs to an event loop, which must outlive it. `enter` is called on the loop's thread, `look` on another, always the same.
class LoopWatch {
 public:
  /// Shorter ones are not told of.
  static constexpr Millis kPatience{1'000};

  explicit LoopWatch(boost::asio::io_context& loop) : loop_(loop) {}

  /// The calling thread runs the loop from now on, for as long as there are looks.
  void enter() { turn_ = &turn_of_this_thread(); }
  /// To be called twice within the patience, or more often. `busy`: the loop has attempts, and is worth waking.
  [[nodiscard]] std::optional<Stall> look(SteadyTime now, bool busy);

 private:
  [[nodiscard]] std::optional<Stall> look_at_silence(SteadyTime now);
  void knock(SteadyTime now);

  boost::asio::io_context& loop_;
  std::atomic<const std::atomic<Turn>*> turn_{nullptr};
  std::atomic<SteadyTime::rep> turned_at_{0};  // when the last knock was answered
  std::atomic<bool> knocking_{false};          // the loop has not answered yet
  // The looking thread's:
  SteadyTime knocked_at_{};
  Turn seen_ = 0;  // at the last look
  std::optional<Stall> told_;
};

}  // namespace conduitd::host
