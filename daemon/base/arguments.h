#pragma once
// The command line as every user of the machine sees it.

namespace conduitd {

/// Overwrites the passwords of URLs in the process's own arguments, after they were parsed: /proc/PID/cmdline and ps show
/// what stands there. `argv` is main's.
void hide_passwords(int argc, char** argv);

}  // namespace conduitd
