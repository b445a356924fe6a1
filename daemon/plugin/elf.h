#pragma once
// A look at the bytes of a shared object before the dynamic linker sees them: it is not made for broken files.

#include <string>
#include <string_view>

#include "base/result.h"

namespace conduitd::plugin {

struct ElfSummary {
  std::string build_id;  ///< hex: the GNU build-id note, or "fnv-" and a hash of the bytes if there is none
};

/// Checks that `file` is a whole shared object for this machine. The error says what it is instead.
[[nodiscard]] Result<ElfSummary> inspect_elf(std::string_view file);

}  // namespace conduitd::plugin
