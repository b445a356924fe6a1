#pragma once
// What the end of a job means for those it has submitted.

#include <boost/asio/awaitable.hpp>
#include <string>

#include "broker/directory.h"
#include "broker/flows.h"

namespace conduitd::broker {

/// Cancels the children of a job that were submitted to end with it (job::OnParentEnd::cancel, or all of them), and theirs.
/// Those that run are asked to stop. The number of jobs that were cancelled or asked.
boost::asio::awaitable<Result<std::size_t>> cancel_children(Directory& directory, Flows& flows, std::string id, bool all);

}  // namespace conduitd::broker
