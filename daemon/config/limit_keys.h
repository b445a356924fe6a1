#pragma once
// The keys `concurrency` and `rate_limit` of a task: a plain value, a table, or a list of either.

#include <optional>
#include <vector>

#include "config/keys.h"
#include "job/limit.h"

namespace conduitd::config {

using LimitList = std::optional<std::vector<job::Limit>>;  ///< unset: as the plugin says; empty: none

[[nodiscard]] Key concurrency_key(LimitList& limits);
[[nodiscard]] Key rate_limit_key(LimitList& limits);
/// Notes a fault at `node` if limits of a task cannot stand together.
bool check_limits(Reader& reader, const Node& node, const std::string& path, const LimitList& concurrency, const LimitList& rates);

}  // namespace conduitd::config
