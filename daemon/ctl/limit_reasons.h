#pragma once
// Which limits keep a job waiting. Pure.

#include <vector>

#include "ctl/reasons.h"

namespace conduitd::ctl {

/// `takers` are the live workers that could take it otherwise.
void add_limits(const job::JobRecord& job, const Surroundings& around, const std::vector<const broker::WorkerInfo*>& takers, std::vector<Reason>& out);
void add_queue_limit(const job::JobRecord& job, const Surroundings& around, const std::vector<const broker::WorkerInfo*>& takers, std::vector<Reason>& out);
/// How many jobs the rates of its task let start in one moment, at most; nothing: they do not limit that.
[[nodiscard]] std::optional<std::size_t> started_at_once(const Surroundings& around);

}  // namespace conduitd::ctl
