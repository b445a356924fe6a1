#pragma once
// Several coroutines at once, for one that waits for all of them.

#include <boost/asio/awaitable.hpp>
#include <vector>

namespace conduitd {

/// Runs all of them on the caller's executor, which must be single-threaded or a strand, and completes when the last one has
/// ended. Cancelled, it cancels them and waits for their ends as well. If one throws, that is thrown when all have ended.
boost::asio::awaitable<void> at_once(std::vector<boost::asio::awaitable<void>> works);

}  // namespace conduitd
