#pragma once
// The zygote: loads the plugins once and forks every host from itself.
//
// It is `conduitd --zygote`, started by the supervisor with fork and exec before anything else runs in it. It stays
// single-threaded for its whole life, because a fork copies only the calling thread and every lock as it stands.

namespace conduitd::host {

/// The program `conduitd --zygote FD`. Returns the exit code; never returns in the hosts it forks.
///
/// `fd` is one end of a SOCK_STREAM socket pair whose other end the supervisor holds. All other descriptors but 0, 1
/// and 2 are closed. What is said on it, as frames of channel/frame.h:
///
///     supervisor -> zygote                zygote -> supervisor
///     load (first, once)                  manifest: JSON {"plugins": [PluginManifest, ...]}, faults included
///     spawn                               spawned: pid, and with the frame's first byte two descriptors by SCM_RIGHTS:
///                                           the channel to the host (socket, frames as for every host), then the read
///                                           end of the pipe that takes its stdout and stderr. None if the fork failed
///                                         exited: a host ended; after its `spawned`, and whenever it happens
///
/// Each `spawned` frame is one sendmsg of its own, so a recvmsg that returns descriptors returns those of one frame
/// only. Descriptors arrive blocking and close-on-exec.
///
/// End of file on `fd`: the zygote exits at once with 0. It kills nothing: its hosts see their own pipes close. To
/// learn how the hosts ended, keep `fd` open until their `exited` came. A broken frame: exit code 70.
int zygote_main(int fd);

}  // namespace conduitd::host
