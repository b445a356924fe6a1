#pragma once
// Attempts that wait for a thread of their host.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "host/attempt.h"

namespace conduitd::host {

/// An attempt to run.
struct Work {
  std::shared_ptr<Attempt> attempt;
};

/// First in, first out; any thread.
class Staging {
 public:
  /// Takes all of `arrived` and leaves it empty.
  void put(std::vector<Work>& arrived);
  /// Waits for the next one; nothing once it is closed and empty.
  [[nodiscard]] std::optional<Work> next();
  /// Takes `attempt` back before it began; false if somebody runs it.
  [[nodiscard]] bool withdraw(const Attempt& attempt);
  [[nodiscard]] bool empty() const;
  void close();

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> waiting_;  // guarded by mutex_, as is closed_
  bool closed_ = false;
};

}  // namespace conduitd::host
