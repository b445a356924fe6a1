#pragma once
// How a host ends, and with which code.

namespace conduitd::host {

inline constexpr int kExitSetup = 2;      ///< on_host_start failed: another one would fail as well, do not respawn
inline constexpr int kExitProtocol = 70;  ///< the peer sent what makes no sense

/// Ends this process and all of its group, if it leads one: what user code forked goes with it. Async-signal-safe.
[[noreturn]] void end_with_group(int code);

}  // namespace conduitd::host
