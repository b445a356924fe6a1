#pragma once
// ${env:X}, ${file:/path} and ${credential:NAME} inside a string.

#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace conduitd::config {

struct Filled {
  std::string value;                ///< what the daemon uses; a secret perhaps: never printed
  std::string literal;              ///< only what stood in the file itself, without what was filled in
  bool replaced = false;            ///< something was filled in
  std::vector<std::string> variables;  ///< names of the environment variables that were filled in
  std::vector<std::string> faults;  ///< what could not be; these name places, never values
};

/// `sources` must have both functions set. "$${" stands for a plain "${"; one newline at the end of a file is dropped.
[[nodiscard]] Filled fill_in(std::string_view text, const Sources& sources);

/// The process's environment and the file system, where `sources` leaves them open.
[[nodiscard]] Sources with_defaults(Sources sources);

}  // namespace conduitd::config
