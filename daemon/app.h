#pragma once
// The composition root: builds a worker from a configuration, runs it, reloads it, drains it. Start order is the order of
// construction in run(); stop order is its reverse.

#include <string>

#include "config/load.h"

namespace conduitd {

/// What the program ends with (sysexits.h where it has a word for it).
enum class ExitCode : int {
  ok = 0,          ///< stopped in good order; everything unfinished was handed back
  config = 2,      ///< the configuration or, with --check or strict, a plugin cannot be used
  software = 70,   ///< a bug of ours
  unsettled = 75,  ///< stopped, but the broker could not be told of everything: those jobs come back when leases end
  broker = 74,     ///< the broker refused us for good: credentials, a corrupt file
};

struct AppOptions {
  std::string config_file;
  std::string broker_url;  ///< overrides the file's; empty: none
  std::string executable;  ///< our own binary, run again as the zygote
};

/// Runs the daemon until it is told to stop. Blocks.
[[nodiscard]] ExitCode run_app(const AppOptions& options);
/// `conduitd --check`: the configuration and the plugins, nothing else. Prints what it finds.
[[nodiscard]] ExitCode check_app(const AppOptions& options);

}  // namespace conduitd
