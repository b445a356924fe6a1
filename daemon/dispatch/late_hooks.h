#pragma once
// Hooks of ends that had no host left to run them: an attempt that crashed its host or was given up, a worker that died.

#include <array>
#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "channel/messages.h"
#include "dispatch/attempt.h"
#include "hosts/hosts.h"

namespace conduitd::dispatch {

/// Has them run in another host of the executor, each at most once, after what they are told is decided. Nothing that becomes
/// of them changes a job.
///
/// Owned by the dispatcher; core loop only. Bounded: so many wait or run at once, each for so long, and no more run at once than
/// a quarter of the slots; what is too much or too late is left out, with a warning. What waits when the worker stops is lost.
class LateHooks {
 public:
  static constexpr std::size_t kMost = 100;
  /// From the end of the attempt, the wait for a host included.
  static constexpr Millis kLongest{30'000};

  LateHooks(Clock& clock, hosts::Hosts& hosts) : clock_(clock), hosts_(hosts) {}

  /// `handle` is no live attempt's.
  void add(hosts::Handle handle, std::unique_ptr<Attempt> attempt, channel::LateHooks hooks);
  [[nodiscard]] bool empty() const { return runs_.empty(); }
  [[nodiscard]] bool full() const { return runs_.size() >= kMost; }
  /// The attempt whose hooks these are; nullptr: there are none of that handle (any more).
  [[nodiscard]] Attempt* find(hosts::Handle handle) const;

  // What hosts say of them; nothing for other handles.
  void began(hosts::Handle handle);
  void said(hosts::Handle handle, channel::FrameType type, std::string_view body) const;
  void printed(hosts::Handle handle, std::string_view line) const;
  void outcome(hosts::Handle handle, const channel::Outcome& outcome);
  void lost(hosts::Handle handle, bool had_begun);

  /// One that stands behind an attempt which waits is to be run elsewhere.
  void take_back(hosts::Handle handle);
  /// There may be room in hosts.
  void start_waiting();
  void watch_once(SteadyTime now);

 private:
  struct Run {
    std::unique_ptr<Attempt> attempt;
    channel::LateHooks hooks;
    SteadyTime until;
    bool sent = false;
    bool begun = false;
    bool late = false;  // it is being taken back, because its time is over
  };
  using Runs = std::map<hosts::Handle, Run>;

  void wait_again(Runs::iterator run);
  void forget(Runs::iterator run);
  bool make_room(const channel::LateHooks& newer);
  static void warn(const Run& run, std::string_view what);
  static void tell(const Attempt& attempt, job::LogLevel level, std::string_view line);
  [[nodiscard]] std::size_t& running(const Run& run);

  Clock& clock_;
  hosts::Hosts& hosts_;
  Runs runs_;
  std::list<hosts::Handle> waiting_;      // of them, oldest first
  std::array<std::size_t, 3> running_{};  // sent, by executor
  std::size_t left_out_ = 0;              // and not told yet
};

}  // namespace conduitd::dispatch
