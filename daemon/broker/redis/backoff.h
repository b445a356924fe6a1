#pragma once
// How long to wait before the next try to connect. Pure.

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>

#include "base/clock.h"

namespace conduitd::broker::redis {

/// The first try comes almost at once, for a server that only restarted; then up to a second apart, so that work goes on
/// within two seconds of the server's return. Jitter keeps many workers from knocking together.
class Backoff {
 public:
  template <class Random>
  [[nodiscard]] Millis next(Random& random) {
    constexpr std::array<int, 4> kDelays{40, 500, 800, 1000};
    const int delay = kDelays[std::min(failures_++, kDelays.size() - 1)];
    return Millis{std::uniform_int_distribution<int>(delay * 3 / 4, delay * 5 / 4)(random)};
  }
  void succeeded() { failures_ = 0; }

 private:
  std::size_t failures_ = 0;
};

}  // namespace conduitd::broker::redis
