#pragma once
// The layers that plugins put around every task of the worker, as an attempt meets them on its way to its task.

#include <conduit/abi.h>

#include <span>
#include <string>

#include "channel/messages.h"
#include "plugin/registry.h"

namespace conduitd::host {

/// A task with those layers that have the form its executor needs, outermost first. Places count from outside: 0 is the outermost
/// layer, size() the task. Thread: any; it only reads what was registered.
class Layers {
 public:
  Layers(const plugin::TaskHandler& handler, const plugin::Registry& registry, channel::Executor executor)
      : handler_(&handler), async_(executor == channel::Executor::async), layers_(registry.worker_layers(async_)) {}

  [[nodiscard]] std::size_t size() const { return layers_.size(); }
  /// They run on an event loop, by start; otherwise on a thread, by run.
  [[nodiscard]] bool async() const { return async_; }
  /// What stands there, in a sentence: "the task", "middleware 'timed' of plugin 'mail'".
  [[nodiscard]] std::string name_of(std::size_t place) const;

  /// On a thread: runs what stands there to its end.
  void run(std::size_t place, conduit_attempt* token) const;
  /// Starts it on its loop, a boost::asio::io_context: here, if this is the loop's thread.
  void start(std::size_t place, conduit_attempt* token, std::uint32_t handle, void* loop) const;

 private:
  const plugin::TaskHandler* handler_;
  bool async_;
  std::span<const plugin::Layer> layers_;
};

/// What a layer holds of what is inside of it: that one's place.
[[nodiscard]] inline conduit_next* to_next(std::size_t place) { return reinterpret_cast<conduit_next*>(place); }
[[nodiscard]] inline std::size_t place_of(const conduit_next* next) { return reinterpret_cast<std::size_t>(next); }

/// How what is inside of a layer ended, as the layer is told. Does not move: it points into itself.
class InnerEnd {
 public:
  InnerEnd() = default;
  explicit InnerEnd(channel::Outcome outcome) { set(std::move(outcome)); }
  InnerEnd(const InnerEnd&) = delete;
  InnerEnd& operator=(const InnerEnd&) = delete;

  const conduit_inner_end* set(channel::Outcome outcome);
  [[nodiscard]] const conduit_inner_end* get() const { return &end_; }

 private:
  channel::Outcome outcome_;
  conduit_failure failure_{};
  conduit_inner_end end_{};
};

/// What a call of next is told that came where it was not the layer's turn.
[[nodiscard]] const conduit_inner_end* out_of_turn();

}  // namespace conduitd::host
