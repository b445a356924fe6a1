#include "ctl/exit_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace conduitd::ctl {

ExitCode exit_code_of(const Error& error) {
  if (error.is(Errc::invalid_argument) || error.is(Errc::conflict)) return ExitCode::usage;
  if (error.is(Errc::not_found)) return ExitCode::not_found;
  return ExitCode::broker;
}

ExitCode worse(ExitCode a, ExitCode b) { return std::max(a, b); }

void complain(std::string_view what) {
  std::fflush(stdout);
  fmt::print(stderr, "conduitctl: {}\n", escape_control(what));
}

ExitCode fail(const Error& error) {
  complain(error.message());
  return exit_code_of(error);
}

}  // namespace conduitd::ctl
