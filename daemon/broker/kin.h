#pragma once
// What the end of a job means for those it has submitted.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "broker/directory.h"
#include "broker/flows.h"

namespace conduitd::broker {

/// Cancels jobs, many at once; one that there is not, or that has ended, is passed over. The number of those that were
/// cancelled or, if they run, asked to stop; the first error, when all have been tried.
boost::asio::awaitable<Result<std::size_t>> cancel_all(Directory& directory, std::vector<std::string> ids);

/// Cancels the children of a job that were submitted to end with it (job::OnParentEnd::cancel, or all of them), and theirs.
/// Counts as cancel_all().
boost::asio::awaitable<Result<std::size_t>> cancel_children(Directory& directory, Flows& flows, std::string id, bool all);

}  // namespace conduitd::broker
