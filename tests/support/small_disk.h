#pragma once
// A file system of a test's own, small enough to fill: a tmpfs in a mount namespace that goes with the process.

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

#include "support/temp_dir.h"

namespace conduitd::test {

/// Make it before any thread is started. Needs root, or a kernel that lets users have namespaces.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& size) {
    const bool root = ::geteuid() == 0;
    if (::unshare(CLONE_NEWNS | (root ? 0 : CLONE_NEWUSER)) != 0) fail("make a mount namespace");
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("keep mounts to ourselves");
    if (::mount("tmpfs", path().c_str(), "tmpfs", 0, ("size=" + size).c_str()) != 0) fail("mount a tmpfs");
  }
  ~SmallDisk() { ::umount2(path().c_str(), MNT_DETACH); }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  [[nodiscard]] std::string path() const { return directory_.path().string(); }
  [[nodiscard]] std::string file(const std::string& name) const { return directory_.file(name); }
  void resize(const std::string& size) { remount(0, "size=" + size); }
  void make_read_only() { remount(MS_RDONLY, ""); }

 private:
  void remount(unsigned long flags, const std::string& options) {
    if (::mount("tmpfs", path().c_str(), "tmpfs", MS_REMOUNT | flags, options.c_str()) != 0) fail("remount the tmpfs");
  }
  [[noreturn]] static void fail(const std::string& what) {
    throw std::runtime_error(what + ": " + std::generic_category().message(errno));
  }

  TempDir directory_;
};

}  // namespace conduitd::test
