#include "dispatch/aging.h"

#include <algorithm>

namespace conduitd::dispatch {

void Aging::heard(const std::string& task, bool waits, SteadyTime now) {
  if (waits) {
    waiting_since_.try_emplace(task, now);
  } else {
    waiting_since_.erase(task);
  }
}

void Aging::keep_only(const std::set<std::string>& tasks) {
  std::erase_if(waiting_since_, [&tasks](const auto& entry) { return !tasks.contains(entry.first); });
}

std::string Aging::turn(SteadyTime now) const {
  const auto oldest = std::ranges::min_element(waiting_since_, {}, [](const auto& entry) { return entry.second; });
  if (oldest == waiting_since_.end() || now - oldest->second < kPatience) return {};
  return oldest->first;
}

job::Needs set_aside(job::Needs free, const job::Needs& needs) {
  for (const auto& [name, units] : needs) {
    auto& left = free[name];
    left -= std::min(left, units);
  }
  return free;
}

bool compete(const job::Needs& some, const job::Needs& others) {
  return std::ranges::any_of(some, [&others](const auto& need) { return others.contains(need.first); });
}

}  // namespace conduitd::dispatch
