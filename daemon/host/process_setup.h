#pragma once
// What a process of ours may do, may inherit and is called: set once, right after it came to be.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "channel/messages.h"

namespace conduitd::host {

/// For the zygote: no core files, no new privileges, adopts what its hosts leave behind, ignores the terminal's signals.
/// Everything a host inherits from it is set here.
void set_up_zygote();
/// For a host: name, group, signals, how soon it is chosen when memory is short.
void set_up_host(const channel::Spawn& spawn);
/// A process child's limits. Errc::io with a sentence if one cannot be set.
[[nodiscard]] Result<> set_limits(const channel::Spawn& spawn);

/// Makes `fd` the descriptor `wanted`, which is closed first if it is open; not close-on-exec for 0 to 2.
[[nodiscard]] bool move_fd(int fd, int wanted);
/// Closes every descriptor from `first` on.
void close_from(int first);

/// Ends what has been adopted from hosts that ended: children of this process that are not in `known`.
void end_orphans(const std::vector<std::int64_t>& known);

}  // namespace conduitd::host
