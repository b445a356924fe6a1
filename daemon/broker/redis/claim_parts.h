#pragma once
// In a cluster no call reaches the streams of two queues: a claim as calls that each reach one. Pure.

#include <cstddef>
#include <vector>

#include "broker/redis/claimer.h"

namespace conduitd::broker::redis {

/// The lines of one queue, as a plan of their own.
struct ClaimPart {
  Claimer::Plan plan;
  std::vector<std::size_t> lines;  ///< which of the whole plan's they are
};

/// Parts that may be asked at once, then those after them: each group finds its lines in their order. With `one_by_one`
/// the groups too come one after the other: what they share is the first one's first.
[[nodiscard]] std::vector<std::vector<ClaimPart>> parts_of(const Claimer::Plan& plan, bool one_by_one);

/// What is left to be wanted once these were taken: room in their groups, of their tasks, and resources.
void take_from(ClaimRequest& request, std::vector<std::size_t>& most, const Claimer::Plan& plan, std::size_t line, std::size_t count);

}  // namespace conduitd::broker::redis
