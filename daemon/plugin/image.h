#pragma once
// The bytes of a plugin, opened once, checked, and copied to where nobody can change them any more.

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace conduitd::plugin {

/// A sealed copy in memory of one plugin file. What is probed is therefore what is loaded, and writing into the file
/// later reaches nobody. A dependency that the plugin looks for by $ORIGIN is not found: link it statically or install it.
struct Image {
  std::string path;      ///< as given
  std::string build_id;  ///< see ElfSummary
  UniqueFd memory;       ///< a memfd, close-on-exec, sealed against every change

  /// Refuses (Errc::refused) a file that somebody else could have written or put there: the file, its directory and all
  /// above it up to / must belong to root or the current user and be writable by nobody else (above the directory, a sticky
  /// bit is enough), and a link must not lead out of the directory.
  /// Refuses (Errc::invalid_argument) what is no whole shared object for this machine.
  [[nodiscard]] static Result<Image> open(const std::string& path);
};

}  // namespace conduitd::plugin
