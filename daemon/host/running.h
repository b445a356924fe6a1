#pragma once
// Whose code a thread of a host runs: told of when it crashes, or when it blocks an event loop.

#include <atomic>
#include <cstdint>

namespace conduitd::host {

/// The calling thread runs this attempt's code from now on, by its number between host and supervisor; 0: nobody's. Returns
/// what it was before. Async-signal-safe, as are the others.
std::uint32_t set_running_attempt(std::uint32_t handle);
/// The attempt whose code the calling thread runs.
[[nodiscard]] std::uint32_t running_attempt();

/// The same, for another thread to look at, while the one that it is asked of lives. Two equal turns are one and the same
/// stretch of code.
using Turn = std::uint64_t;
[[nodiscard]] const std::atomic<Turn>& turn_of_this_thread();
[[nodiscard]] constexpr std::uint32_t attempt_of(Turn turn) { return static_cast<std::uint32_t>(turn); }

}  // namespace conduitd::host
