#pragma once
// What the dispatcher sees of the processes that run plugin code: places to start attempts, and what comes back.

#include <cstdint>
#include <string>
#include <vector>

#include "channel/frame.h"
#include "channel/messages.h"

namespace conduitd::hosts {

/// Names an attempt on the way to its host and back. Given out by the dispatcher, unique among live attempts.
using Handle = std::uint32_t;

/// How a host came to its end while it had attempts.
struct HostDeath {
  std::int64_t pid = 0;
  int signal = 0;  ///< 0: it exited
  int exit_code = 0;
  bool oom = false;                 ///< the kernel killed it because memory had run out
  job::Usage usage;                 ///< of the attempt it ran, in a process child
  std::string fault;                ///< not empty: it was ended by us, and why ("sent garbage on its pipe")
  bool innocent = false;            ///< another attempt is to blame: it crashed the host, or blocked its event loop
  std::vector<std::string> output;  ///< its last lines on stdout and stderr, oldest first
};

/// Who is told what attempts do. Called on the core loop; must not block.
class AttemptEvents {
 public:
  virtual ~AttemptEvents() = default;
  /// User code starts now.
  virtual void began(Handle handle) = 0;
  /// A progress, metadata, checkpoint or log frame. `body` is valid during the call.
  virtual void command(Handle handle, channel::FrameType type, std::string_view body) = 0;
  /// A line on stdout or stderr of a process child that runs this attempt.
  virtual void printed(Handle handle, std::string line) = 0;
  /// Its code has kept an event loop from turning for so long; told once, while it lasts.
  virtual void blocked(Handle handle, Millis lasted) = 0;
  /// User code asks the broker for something; answer with Hosts::reply.
  virtual void call(Handle handle, channel::Call call) = 0;
  /// The attempt's last word, after all its commands.
  virtual void outcome(Handle handle, channel::Outcome outcome) = 0;
  /// The host died first. `had_begun`: user code had started.
  virtual void lost(Handle handle, bool had_begun, const HostDeath& death) = 0;
  /// Room appeared or went: hosts came up, retired or died.
  virtual void capacity_changed() = 0;
};

/// A place for attempts. Used on the core loop only. An attempt started here ends in exactly one of outcome and lost,
/// unless it was given up.
class Hosts {
 public:
  virtual ~Hosts() = default;
  /// Attempts that can run at once in the hosts that are up now.
  [[nodiscard]] virtual std::size_t slots(channel::Executor executor) const = 0;
  /// How many attempts beyond its slots may be sent ahead, for each executor; see dispatch/prefetch.h.
  virtual void set_ahead(channel::Executor executor, std::size_t ahead) = 0;
  virtual void start(Handle handle, channel::Executor executor, const channel::Start& start) = 0;
  /// Has the hooks of an end that had no host left run in one of that executor, as an attempt with this handle: before others
  /// that wait, in no slot of its own. False: nothing runs in that executor.
  [[nodiscard]] virtual bool run_hooks(Handle handle, channel::Executor executor, const channel::LateHooks& hooks) = 0;
  /// Asks an attempt to stop. One that has not begun comes back soon, as outcome cancelled without began.
  virtual void cancel(Handle handle, channel::Cancel::Reason reason) = 0;
  /// Forgets an attempt that does not stop: a process child is killed with its group, another host is retired;
  /// an event loop that no longer turns takes its host and all attempts in it along, which are lost (HostDeath::innocent). No event follows. Returns what the attempt had used so far, if it ran in a process child.
  virtual job::Usage give_up(Handle handle) = 0;
  /// Attempts that did not stop and were given up, since the start.
  [[nodiscard]] virtual std::size_t stuck(channel::Executor executor) const = 0;
  virtual void reply(Handle handle, const channel::Reply& reply) = 0;
  /// An attempt waits for other jobs, or does so no longer: while it waits it takes no slot. Returns those that were sent
  /// ahead and would have to wait behind it: they must be taken back (cancel).
  virtual std::vector<Handle> set_waiting(Handle handle, bool waiting) = 0;
};

}  // namespace conduitd::hosts
