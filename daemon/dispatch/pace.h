#pragma once
// How far ahead of its slots an executor may be given work: just enough of short jobs that no slot waits for the
// broker, none ahead of long ones. By Little's law the jobs needed to keep n slots busy for a time T are n * T / mean.

#include <cstddef>

#include "base/clock.h"

namespace conduitd::dispatch {

/// Follows the running time of one executor's attempts. Pure; not thread-safe.
class Pace {
 public:
  /// An attempt ran for so long. Long ones count at once, short ones bit by bit.
  void observe(std::chrono::microseconds duration);
  /// Attempts to send beyond `slots`.
  [[nodiscard]] std::size_t ahead(std::size_t slots) const;

 private:
  double mean_us_ = -1;  // below 0: nothing seen yet
};

}  // namespace conduitd::dispatch
