#pragma once
// The conduit_api of this process, and the attempts it knows.

#include <conduit/abi.h>

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "host/attempt.h"

namespace conduitd::host {

/// The attempts of this process, by the supervisor's handle and by what plugins hold. What plugins hold is no pointer but
/// a handle with a generation, looked up at every call: one that is kept after the end finds nothing and harms nothing.
class AttemptTable {
 public:
  /// Null if the handle is in use.
  conduit_attempt* add(const std::shared_ptr<Attempt>& attempt);
  void remove(const Attempt& attempt);
  [[nodiscard]] std::shared_ptr<Attempt> find(const conduit_attempt* token) const;
  [[nodiscard]] std::shared_ptr<Attempt> find(std::uint32_t handle) const;
  [[nodiscard]] std::size_t size() const;
  /// Sends what the attempts merged and is due. True if some still waits.
  bool tick(SteadyTime now);

 private:
  struct Entry {
    std::uint32_t generation = 0;
    std::shared_ptr<Attempt> attempt;
  };

  mutable std::mutex mutex_;
  std::uint32_t generation_ = 0;                     // guarded by mutex_, as is entries_
  std::unordered_map<std::uint32_t, Entry> entries_;
};

/// The one of this process.
[[nodiscard]] AttemptTable& attempts();
/// What plugins are given: static, valid for the life of the process, before a fork and after it.
[[nodiscard]] const conduit_api& context_api();

/// Marks the calling thread as one that runs an event loop, for on_event_loop().
void enter_event_loop();

}  // namespace conduitd::host
