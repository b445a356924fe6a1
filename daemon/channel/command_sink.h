#pragma once
// Where a running attempt puts its commands: one interface, three forms.
//
//   executor   form          from the task to the pipe
//   async      LoopQueue     gathered on the event loop without a lock, written once per turn of the loop
//   thread     ThreadQueue   gathered from many threads, drained by the host's main thread once per burst
//   process    PipeQueue     written to the pipe, at once where the supervisor should know at once
//
// In each, the commands of one attempt keep their order; `end`, the sentinel, comes after the last of them and
// `outcome` after `end`. So whoever reads the pipe has seen all of an attempt before it learns how it ended.

#include <cstdint>
#include <string_view>

#include "channel/frame.h"

namespace conduitd::channel {

class CommandSink {
 public:
  virtual ~CommandSink() = default;
  /// Takes one command. Any thread; never fails: once the pipe is broken the host ends anyway.
  virtual void push(std::uint32_t handle, FrameType type, std::string_view body) = 0;
  /// True while more is waiting than should: the source then merges what can be merged and holds it.
  [[nodiscard]] virtual bool congested() const = 0;
};

/// Bytes waiting in a queue from which on it is congested.
inline constexpr std::size_t kCongested = 1024 * 1024;

}  // namespace conduitd::channel
