#pragma once
// W3C Trace Context: the one line that ties a job to the request that submitted it. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace conduitd::job {

/// "00-<32 hex digits: trace>-<16 hex digits: parent>-<2 hex digits: flags>", lower case, trace and parent not all zero.
[[nodiscard]] Result<> check_traceparent(std::string_view text);
/// The same trace with `span` as the parent. `traceparent` has been checked; a span of zero, which is none, becomes 1.
[[nodiscard]] std::string child_traceparent(std::string_view traceparent, std::uint64_t span);

}  // namespace conduitd::job
