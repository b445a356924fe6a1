#pragma once
// Which configuration is meant where nobody names one.

#include <string>

#include "base/result.h"

namespace conduitd::config {

/// Where the installed programs look: "/etc/conduit", if they were built for /usr.
[[nodiscard]] std::string default_directory();

/// The conduit.toml or conduit.yaml of `directory`. Errc::invalid_argument if there are both, for one of them would be ignored;
/// Errc::not_found if there is neither.
[[nodiscard]] Result<std::string> default_file(const std::string& directory = default_directory());

}  // namespace conduitd::config
