#pragma once
// Jobs of one submit that run after one another: in which order they can be submitted, so that each names jobs that are there.

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "job/request.h"

namespace conduitd::job {

/// The jobs in waves: one wave is submitted when the ids of all before it are known. Most submits are a single wave, in the
/// order they came. Within a wave that order is kept. Errc::invalid_argument, naming the ref: if two jobs have the same one,
/// if it is nobody's, if a job runs after itself, directly or through others.
[[nodiscard]] Result<std::vector<std::vector<std::size_t>>> waves_of(const std::vector<Request>& requests);

/// Puts the ids of a wave's jobs in the place of their refs. `ids` is as long as `requests`; those of earlier waves are set.
void resolve_refs(std::vector<Request>& requests, const std::vector<std::size_t>& wave, const std::vector<std::string>& ids);

/// The ids without repetitions, in their order: a job whose unique key another one holds has the id of that one.
[[nodiscard]] std::vector<std::string> once_each(std::vector<std::string> ids);

}  // namespace conduitd::job
