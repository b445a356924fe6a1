#pragma once
// Last words of a host that crashes: the signal and a backtrace, on standard error, which the supervisor keeps.

namespace conduitd::host {

/// For SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and SIGSYS: writes, and lets the signal do what it would have done, so the
/// exit status tells of it. Call once, before threads start.
void install_crash_handler();

/// Gives the calling thread a stack of its own for signals, so that a stack overflow can be told of. Once per thread.
void use_signal_stack();

}  // namespace conduitd::host
