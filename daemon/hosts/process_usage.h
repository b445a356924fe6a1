#pragma once
// What a running process has used so far.

#include <cstdint>

#include "job/job.h"

namespace conduitd::hosts {

/// As /proc tells it, over the process's whole life; not known if there is no such process.
[[nodiscard]] job::Usage usage_of(std::int64_t pid);

}  // namespace conduitd::hosts
