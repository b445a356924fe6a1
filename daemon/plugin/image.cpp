#include "plugin/image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "plugin/elf.h"

namespace conduitd::plugin {
namespace {

constexpr off_t kLargest = off_t{1} << 30;

Error os_error(std::string what) {
  return {boost::system::error_code(errno, boost::system::system_category()), std::move(what)};
}

/// That nobody but root and the current user can have written what `status` describes.
Result<> check_owner(const struct stat& status, std::string_view what) {
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return Error(Errc::refused, fmt::format("{} belongs to user {}: it must belong to root or to the user the "
                                            "daemon runs as",
                                            what, status.st_uid));
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error(Errc::refused, fmt::format("{} may be written by others (mode {:04o}): run chmod go-w", what,
                                            status.st_mode & 07777));
  }
  return ok();
}

Result<> check_directory(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code failed;
  const fs::path file = fs::canonical(path, failed);
  if (failed) return Error(boost::system::error_code(failed), "cannot be opened");
  const fs::path given = fs::absolute(path, failed).parent_path();
  const fs::path directory = fs::canonical(given, failed);
  if (file.parent_path() != directory) {
    return Error(Errc::refused, fmt::format("it is a link that leads out of its directory, to '{}': copy the file "
                                            "itself",
                                            file.string()));
  }
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return os_error("its directory cannot be read");
  return check_owner(status, fmt::format("its directory '{}'", directory.string()));
}

Result<std::string> read_all(int fd, off_t size) {
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(fd, bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("cannot be read");
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

Result<UniqueFd> seal(const std::string& path, std::string_view bytes) {
  const std::string name = std::filesystem::path(path).filename().string().substr(0, 200);
  UniqueFd memory(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory.valid()) return os_error("no memory file for its copy");
  while (!bytes.empty()) {
    const ssize_t put = ::write(memory.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return os_error("its copy in memory cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    return os_error("its copy in memory cannot be sealed");
  }
  return memory;
}

}  // namespace

Result<Image> Image::open(const std::string& path) {
  // Not blocking: the name may be a FIFO's.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return os_error("cannot be opened");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return os_error("cannot be looked at");
  if (!S_ISREG(status.st_mode)) return Error(Errc::invalid_argument, "it is no regular file");
  if (status.st_size > kLargest) return Error(Errc::invalid_argument, "it is larger than 1 GiB");
  CONDUIT_TRY(check_owner(status, "the file"));
  CONDUIT_TRY(check_directory(path));
  CONDUIT_TRY(const auto bytes, read_all(file.get(), status.st_size));
  CONDUIT_TRY(auto summary, inspect_elf(bytes));
  CONDUIT_TRY(auto memory, seal(path, bytes));
  return Image{path, std::move(summary.build_id), std::move(memory)};
}

}  // namespace conduitd::plugin
