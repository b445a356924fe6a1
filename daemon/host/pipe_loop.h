#pragma once
// The thread of a host that serves its pipe: reads frames, wakes for commands, ticks what was merged, sees the end.

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "channel/frame.h"
#include "channel/messages.h"
#include "host/wake_fd.h"

namespace conduitd::host {

/// What a runner does with the supervisor's frames. All on the loop's thread.
class PipeEvents {
 public:
  virtual ~PipeEvents() = default;
  virtual void on_start(std::uint32_t handle, channel::Start start) = 0;
  virtual void on_cancel(std::uint32_t handle) = 0;
  virtual void on_reply(std::uint32_t handle, const channel::Reply& reply) = 0;
  /// The supervisor wonders whether the loop of this attempt turns. Only event loops have an answer.
  virtual void on_probe(std::uint32_t /*handle*/) {}
  /// The hooks of an end whose host is gone are to run here.
  virtual void on_hooks(std::uint32_t handle, channel::LateHooks hooks) = 0;
  /// The supervisor has given an attempt up, and sees to the hooks of its end itself.
  virtual void on_forget(std::uint32_t handle) = 0;
  /// Nothing more will be started.
  virtual void on_stop() = 0;
  /// What one read brought has been handed over.
  virtual void on_read_done() {}
  /// Somebody called wake().
  virtual void on_wake() {}
  /// Called once in kInterval or so, whatever else there is to do.
  virtual void on_interval(SteadyTime /*now*/) {}
  /// False ends run() with End::done.
  [[nodiscard]] virtual bool alive() = 0;
};

class PipeLoop {
 public:
  /// While poll(2) waits it holds on to a descriptor that user code closes; the next call sees that it is gone.
  static constexpr Millis kInterval{500};

  enum class End : std::uint8_t {
    done,          ///< alive() said so
    closed,        ///< the supervisor is gone, or let go
    broken,        ///< it sent what makes no sense
  };

  /// `fd` is the channel, non-blocking or not; the caller's. `tick` sends what attempts hold back and says whether more
  /// waits; it is called every CommandPacer::kInterval after hold_back().
  PipeLoop(int fd, PipeEvents& events, std::function<bool(SteadyTime)> tick);

  [[nodiscard]] End run();

  /// Any thread.
  void wake() const { wake_.wake(); }
  void hold_back();

 private:
  void keep_time(SteadyTime now);
  [[nodiscard]] Result<bool> read();
  [[nodiscard]] Result<> dispatch(const channel::FrameReader::Frame& frame);

  const int fd_;
  PipeEvents& events_;
  const std::function<bool(SteadyTime)> tick_;
  channel::FrameReader reader_;
  WakeFd wake_;
  std::atomic<bool> ticking_{false};
  SteadyTime last_interval_{};
};

}  // namespace conduitd::host
