#pragma once
// In which order queues are tried: as listed (strict), or drawn by weight anew for each claim.

#include <random>
#include <string>
#include <vector>

#include "broker/broker.h"

namespace conduitd::dispatch {

struct QueueShare {
  std::string name;
  std::uint32_t weight = 1;
  std::uint32_t concurrency = 0;  ///< attempts at once over all workers; 0: no limit
};

/// Queue names in the order to try. Weighted: a queue with weight 5 comes first five times as often as one with 1.
/// A. Efraimidis and P. Spirakis, Weighted random sampling with a reservoir, 2006: sort by u^(1/w).
[[nodiscard]] std::vector<std::string> draw_order(const std::vector<QueueShare>& queues, bool strict, std::mt19937_64& rng);

}  // namespace conduitd::dispatch
