#pragma once
// Time is passed in. Nothing outside clock.cpp asks the system what time it is.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>

namespace conduitd {

using Millis = std::chrono::milliseconds;
/// Wall time, as stored in a broker and shown to people: milliseconds since the Unix epoch, UTC.
using WallTime = std::chrono::sys_time<Millis>;
/// Monotonic time: leases, timeouts and pacing.
using SteadyTime = std::chrono::steady_clock::time_point;

/// A source of time. One for a process, handed to whoever needs it; used on the core loop's thread,
/// except for the two getters, which any thread may call.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual SteadyTime now() const = 0;
  [[nodiscard]] virtual WallTime wall_now() const = 0;
  /// Completes at `when`, or throws boost::system::system_error(operation_aborted) when cancelled.
  boost::asio::awaitable<void> sleep_until(SteadyTime when);
  boost::asio::awaitable<void> sleep_for(std::chrono::nanoseconds duration) {
    return sleep_until(now() + std::chrono::duration_cast<SteadyTime::duration>(duration));
  }

  /// Makes a timer go off at a time of this clock, for as long as the Alarm lives. Wait on the timer meanwhile.
  class Alarm {
   public:
    Alarm(Clock& clock, boost::asio::steady_timer& timer, SteadyTime when) : clock_(clock), timer_(timer) {
      clock_.arm(timer_, when);
    }
    ~Alarm() { clock_.disarm(timer_); }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

   private:
    Clock& clock_;
    boost::asio::steady_timer& timer_;
  };

 protected:
  virtual void arm(boost::asio::steady_timer& timer, SteadyTime when) = 0;
  virtual void disarm(boost::asio::steady_timer& timer) = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] SteadyTime now() const override;
  [[nodiscard]] WallTime wall_now() const override;

 protected:
  void arm(boost::asio::steady_timer& timer, SteadyTime when) override { timer.expires_at(when); }
  void disarm(boost::asio::steady_timer&) override {}
};

/// The wall time as milliseconds since the epoch, and back.
[[nodiscard]] constexpr std::int64_t to_unix_ms(WallTime time) { return time.time_since_epoch().count(); }
[[nodiscard]] constexpr WallTime from_unix_ms(std::int64_t ms) { return WallTime{Millis{ms}}; }

}  // namespace conduitd
