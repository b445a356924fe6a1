#pragma once
// How conduitctl ends, for scripts to read; the numbers never change.

#include <string_view>

#include "base/result.h"

namespace conduitd::ctl {

enum class ExitCode : int {
  ok = 0,
  job_failed = 1,  ///< the job failed, was cancelled or expired, or did not end within the wait
  usage = 2,       ///< a wrong option, bad input, or something in a state that does not allow this
  not_found = 3,   ///< no such job, queue or task
  broker = 4,      ///< the broker cannot be reached, refused, or did not answer
};

/// The exit code that belongs to an error.
[[nodiscard]] ExitCode exit_code_of(const Error& error);
/// The graver of two, for commands that do several things: broker over not_found over usage over job_failed over ok.
[[nodiscard]] ExitCode worse(ExitCode a, ExitCode b);

/// Writes "conduitctl: `what`" to standard error as one line, control bytes escaped. `what` ends with what to do.
void complain(std::string_view what);
/// complain() and the exit code of the error.
ExitCode fail(const Error& error);

}  // namespace conduitd::ctl
