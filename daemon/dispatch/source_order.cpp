#include "dispatch/source_order.h"

#include <algorithm>
#include <cmath>

namespace conduitd::dispatch {

std::vector<std::string> draw_order(const std::vector<QueueShare>& queues, bool strict, std::mt19937_64& rng) {
  std::vector<std::pair<double, const std::string*>> keyed;
  keyed.reserve(queues.size());
  std::uniform_real_distribution<double> uniform(std::nextafter(0.0, 1.0), 1.0);
  for (const auto& queue : queues) {
    const double key = strict || queues.size() == 1 ? 0 : std::pow(uniform(rng), 1.0 / std::max(queue.weight, 1U));
    keyed.emplace_back(-key, &queue.name);
  }
  std::stable_sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> order;
  order.reserve(keyed.size());
  for (const auto& [key, name] : keyed) order.push_back(*name);
  return order;
}

}  // namespace conduitd::dispatch
