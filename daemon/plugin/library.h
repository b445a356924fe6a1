#pragma once
// The dynamic linker, asked once for each plugin. Boost.DLL stays inside library.cpp.

#include <conduit/abi.h>

#include "base/result.h"
#include "plugin/image.h"

namespace conduitd::plugin {

/// Maps `image` into this process, runs its static constructors and calls conduit_plugin_entry(). All symbols are
/// bound at once and none are shared with other plugins. The library is never unloaded; the image's descriptor is
/// closed, so that no host, and nothing a task starts, has it. One thread only.
///
/// What the plugin does meanwhile (crash, exit, hang) happens to this process: see probe.h.
/// Errors are sentences about the plugin, without its path.
[[nodiscard]] Result<const conduit_plugin*> load_library(Image image);

}  // namespace conduitd::plugin
