#include "broker/redis/claim_parts.h"

#include <algorithm>
#include <utility>

namespace conduitd::broker::redis {
namespace {

void add_line(ClaimPart& part, const Claimer::Plan& plan, std::size_t number) {
  part.plan.lines.push_back(plan.lines[number]);
  part.plan.lines.back().queue = 0;
  part.lines.push_back(number);
}

ClaimPart part_for(const Claimer::Plan& plan, std::size_t queue) {
  ClaimPart out;
  out.plan.queues.push_back(plan.queues[queue]);
  out.plan.most = plan.most;
  return out;
}

}  // namespace

std::vector<std::vector<ClaimPart>> parts_of(const Claimer::Plan& plan, bool one_by_one) {
  std::vector<std::vector<ClaimPart>> out;
  std::size_t round = 0;
  for (std::size_t i = 0; i < plan.lines.size(); ++i) {
    const auto& line = plan.lines[i];
    const bool new_group = i == 0 || plan.lines[i - 1].group != line.group;
    const bool new_queue = i == 0 || plan.lines[i - 1].queue != line.queue;
    if (new_group && !one_by_one) round = 0;
    if (!new_group && new_queue && !one_by_one) ++round;
    if (one_by_one && i > 0 && new_queue) ++round;
    if (round == out.size()) out.emplace_back();
    auto& parts = out[round];
    const auto& queue = plan.queues[line.queue];
    auto part = std::find_if(parts.begin(), parts.end(), [&](const ClaimPart& one) { return one.plan.queues[0] == queue; });
    if (part == parts.end()) part = parts.insert(part, part_for(plan, line.queue));
    add_line(*part, plan, i);
  }
  return out;
}

void take_from(ClaimRequest& request, std::vector<std::size_t>& most, const Claimer::Plan& plan, std::size_t line, std::size_t count) {
  const auto& taken = plan.lines[line];
  most[taken.group] -= std::min(most[taken.group], count);
  bool counted = false;
  for (auto& group : request.groups) {
    for (auto& source : group.sources) {
      if (source.task != taken.task) continue;
      if (source.most != Source::kUnbounded) source.most -= std::min(source.most, count);
      if (std::exchange(counted, true)) continue;
      for (const auto& [name, units] : source.needs) {
        auto& free = request.free[name];
        free -= std::min(free, units * count);
      }
    }
  }
}

}  // namespace conduitd::broker::redis
