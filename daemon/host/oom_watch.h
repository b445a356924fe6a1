#pragma once
// Whether the kernel killed something of ours because memory had run out.

#include <cstdint>
#include <string>

namespace conduitd::host {

/// Watches the count of such kills in this process's control group; version 1 and 2 alike. Without one, nothing is seen.
class OomWatch {
 public:
  OomWatch();
  /// True once for each kill since the last call that said so.
  [[nodiscard]] bool killed_one();

 private:
  [[nodiscard]] std::uint64_t count() const;

  std::string path_;
  std::uint64_t seen_ = 0;
};

}  // namespace conduitd::host
