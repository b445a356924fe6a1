#pragma once
// Why a job still waits.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "broker/directory.h"
#include "broker/redis/finder.h"

namespace conduitd::broker::redis {

/// As Directory::standing.
boost::asio::awaitable<Result<std::optional<Standing>>> standing_of(Server& server, Lanes& lanes, Finder& finder, std::string id,
                                                                    std::vector<job::Limit> limits, std::vector<std::string> workers);

}  // namespace conduitd::broker::redis
