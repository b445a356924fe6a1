#pragma once
// A host: a child of the zygote that runs plugin code for one executor.

#include <vector>

#include "base/unique_fd.h"
#include "channel/messages.h"
#include "plugin/image.h"
#include "plugin/registry.h"

namespace conduitd::host {

struct HostSetup {
  channel::Spawn spawn;
  UniqueFd channel;  ///< this end of the socket pair
  UniqueFd output;   ///< the end of the pipe that takes standard output and error
  plugin::Registry& registry;
  std::vector<plugin::Image>& late;  ///< plugins that start threads while loading: loaded here, after the fork
};

/// The life of a host, from just after the fork to its end; single-threaded when called.
///
/// Descriptors 0 to 3 are /dev/null, the output twice, and the channel; beside them there is only what plugins opened
/// while loading, and their images. It loads `late`, runs every on_host_start, answers `ready`, and runs attempts until
/// `stop` and the end of the last one; then on_host_stop, and exit code 0. It ends within a second of the channel's end,
/// whatever user code does. A fault while starting is told in `ready` and ends it with kExitSetup.
///
/// Signals: SIGPIPE, SIGINT and SIGHUP are ignored, in the thread and async executors SIGTERM too. A process child leads a
/// process group of its own: SIGTERM to the group ends the programs that the task started, not the child, which learns
/// from the pipe that it is to stop.
[[noreturn]] void host_main(HostSetup setup);

}  // namespace conduitd::host
