#pragma once
// An eventfd: wakes a thread that waits in poll(2).

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/assert.h"
#include "base/unique_fd.h"

namespace conduitd::host {

class WakeFd {
 public:
  WakeFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { CONDUIT_ASSERT(fd_.valid()); }

  /// Any thread.
  void wake() const {
    const std::uint64_t one = 1;
    // Full means that it is awake already.
    (void)!::write(fd_.get(), &one, sizeof one);
  }
  void clear() const {
    std::uint64_t count = 0;
    (void)!::read(fd_.get(), &count, sizeof count);
  }
  [[nodiscard]] int get() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace conduitd::host
