#pragma once
// The hooks that plugins registered, as one task meets them: its own first, then the worker's.

#include <conduit/abi.h>

#include <string>

#include "channel/messages.h"
#include "plugin/registry.h"

namespace conduitd::host {

/// Thread: any; it only reads what was registered.
class Hooks {
 public:
  Hooks(const plugin::TaskHandler& handler, const plugin::Registry& registry)
      : own_(handler.hooks), workers_(registry.worker_hooks()) {}

  /// None is registered for any event.
  [[nodiscard]] bool empty() const { return own_.empty() && workers_.empty(); }
  /// One is registered that an attempt which ends so may have to run.
  [[nodiscard]] bool watch_end(channel::Outcome::Kind kind) const;
  /// Runs them; one that fails becomes a line in the job's log.
  void run_start(conduit_attempt* attempt) const;
  void run_end(conduit_attempt* attempt, const channel::Outcome& outcome, const channel::Verdict& verdict) const;

 private:
  [[nodiscard]] bool any(conduit_hook_event event) const;
  void run(conduit_hook_event event, conduit_attempt* attempt, const conduit_end* end) const;

  const std::vector<plugin::Hook>& own_;
  const std::vector<plugin::Hook>& workers_;
};

}  // namespace conduitd::host
