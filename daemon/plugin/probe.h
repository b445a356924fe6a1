#pragma once
// Loading a plugin where it can do no harm, to learn what it is before it is loaded where it could.

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "plugin/image.h"
#include "channel/manifest.h"

namespace conduitd::plugin {

/// Loads and registers `image` in a forked child that is thrown away, and returns what it reported.
///
/// A plugin may throw in a constructor, call exit(), crash, hang or lack a symbol: all of that ends the child, and comes
/// back as an Error whose sentence names the file, what happened and what to do. `timeout` bounds the whole of it.
/// Threads the plugin starts while loading are seen and noted as `starts_threads`.
///
/// Thread: the calling process must have one thread only, since the child is made by fork; it must not have SIGCHLD
/// ignored. Blocks the caller for at most `timeout` and a moment.
[[nodiscard]] Result<channel::PluginManifest> probe(const Image& image, Millis timeout);
/// The same, opening and checking the file first.
[[nodiscard]] Result<channel::PluginManifest> probe(const std::string& path, Millis timeout);

/// The number of threads of this process.
[[nodiscard]] std::size_t count_threads();

}  // namespace conduitd::plugin
