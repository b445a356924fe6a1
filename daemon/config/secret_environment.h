#pragma once
// Secrets in the environment are read once and then taken out of it: neither a plugin nor /proc/PID/environ has them.

#include <map>
#include <set>
#include <string>

#include "config/load.h"

namespace conduitd::config {

/// One for the process, kept for as long as the configuration may be loaded again. Not for use beside other threads that
/// read the environment.
class SecretEnvironment {
 public:
  /// Finds what was taken here, and everything else in the process's environment. Valid as long as this is.
  [[nodiscard]] Sources sources() const;
  /// Takes variables out of the process's environment, where their bytes are overwritten.
  void take(const std::set<std::string>& names);

 private:
  std::map<std::string, std::string> kept_;
};

}  // namespace conduitd::config
