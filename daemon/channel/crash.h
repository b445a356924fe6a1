#pragma once
// The last words of a host that crashes, on its standard error: first a line with the signal, then one for each frame of
// the stack, innermost first, and at last which attempt it was, if the host knows.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace conduitd::channel {

/// How the first line begins: "crashed: SIGSEGV at 0x0".
inline constexpr std::string_view kCrashLine = "crashed: SIG";
/// How a frame in a plugin's code begins: "  at files ScanEv +0x1f": the plugin, the function as the linker names it, and the
/// offset into it. Frames elsewhere look otherwise.
inline constexpr std::string_view kPluginFrame = "  at ";

/// Frames told at most: with the first line they are fewer lines than are kept of what a host printed.
inline constexpr std::size_t kMostFrames = 32;

/// How the last line begins: "  in attempt 7", by its number between host and supervisor.
inline constexpr std::string_view kCrashedAttempt = "  in attempt ";

struct CrashReport {
  std::string crash;                   ///< the first line; empty if there were no last words
  std::vector<std::string> backtrace;  ///< the plugins' own frames, names demangled: "scan(int) +0x1f (files)"
  std::optional<std::uint32_t> attempt;  ///< whose code it was
  std::vector<std::string> output;     ///< what it had printed before, oldest first
};

/// Takes the last lines a host printed apart.
[[nodiscard]] CrashReport read_crash(std::span<const std::string> lines);

}  // namespace conduitd::channel
