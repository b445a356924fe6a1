#pragma once
// What a Redis user of ours may do: no more than our commands need, on no keys but those of one namespace.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace conduitd::broker {

enum class RedisRole : std::uint8_t {
  worker,  ///< conduitd, conduitctl and clients that look at their jobs
  submit,  ///< clients that submit jobs and do nothing else: they can neither read nor change what is there,
           ///< but for the names of workers, queues and tasks
};

/// The rules of an ACL user, in their order, as they follow `ACL SETUSER NAME on >PASSWORD`. Pure.
[[nodiscard]] std::vector<std::string> redis_acl(RedisRole role, std::string_view name_space);
/// Whether RedisRole::submit has a command, written as "XADD" or "XGROUP CREATE".
[[nodiscard]] bool submitters_may(std::string_view command);

}  // namespace conduitd::broker
