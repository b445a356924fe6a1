#pragma once
// What workers announced of their tasks, their queues and themselves. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "broker/directory.h"
#include "job/limit.h"

namespace conduitd::ctl {

/// The limits that a task announced.
[[nodiscard]] std::vector<job::Limit> announced_limits(const broker::TaskInfo& task);
/// What its jobs weigh that say nothing else.
[[nodiscard]] std::uint32_t announced_weight(const broker::TaskInfo& task);
/// "4, 100/m for each /tenant, 2 on each worker, weight 3"; empty: none.
[[nodiscard]] std::string limits_text(const broker::TaskInfo& task);

/// null if a worker, of another version, says what cannot be read.
[[nodiscard]] Json detail_of(const broker::WorkerInfo& worker);
/// Of a queue, over all workers; 0: none.
[[nodiscard]] std::uint64_t announced_concurrency(const broker::WorkerInfo& worker, const std::string& queue);
/// What workers say of a queue: "20", or "4, 20" where they disagree; empty: nothing. `member` is "concurrency" or "weight".
[[nodiscard]] std::string announced_of_queue(const std::vector<broker::WorkerInfo>& workers, const char* member, const std::string& queue);

}  // namespace conduitd::ctl
