#pragma once
// Who holds a unique key. The key's value names the job; whether it still counts depends on the job.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "broker/redis/finder.h"

namespace conduitd::broker::redis {

/// What a unique key's value has behind the ulid if the key counts only until its holder is started.
inline constexpr std::string_view kUntilStarted = "/w";
[[nodiscard]] inline std::string_view key_suffix(bool until_started) { return until_started ? kUntilStarted : ""; }

struct Holder {
  std::string id;
  bool counts = true;                ///< false: it is not there, has ended, or was started: the key may be taken over
  std::optional<Waiting> replaceable;  ///< it waits, and may be ended for another
};

/// Looks at the job that the `value` of a unique key of `queue` names.
boost::asio::awaitable<Result<Holder>> look_at_holder(Finder& finder, std::string queue, std::string value);

}  // namespace conduitd::broker::redis
