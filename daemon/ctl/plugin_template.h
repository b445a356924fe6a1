#pragma once
// What `conduitctl plugin new` writes: a plugin of one task that builds, passes its test and runs as it is.

#include <string>
#include <vector>

#include "base/result.h"

namespace conduitd::ctl {

/// Writes the plugin `name` into `directory`, which is made if need be; the paths written.
/// Errc::invalid_argument for a name that is no C++ identifier of a-z, 0-9 and _, and for a directory that is not empty.
[[nodiscard]] Result<std::vector<std::string>> write_plugin(const std::string& name, const std::string& directory);

}  // namespace conduitd::ctl
