#include "plugin/image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <system_error>

#include "plugin/elf.h"

namespace conduitd::plugin {
namespace {

namespace fs = std::filesystem;

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

/// Checks all that leads to `directory`, itself included: whoever may write one of its parents may put another in its place.
/// Where the sticky bit is set, as on /tmp, they may only add, and what is ours or root's stays. Returns it without links.
Result<fs::path> check_way(const fs::path& directory) {
  constexpr int kMostLinks = 40;  // as many as Linux follows
  std::deque<fs::path> left(directory.begin(), directory.end());
  fs::path way = "/";
  for (int links = 0;;) {
    struct stat status {};
    if (::lstat(way.c_str(), &status) != 0) return os_error(fmt::format("the way to it, '{}', cannot be read", way.string()));
    const bool is_last = std::ranges::all_of(left, [](const auto& part) { return part.empty() || part == "."; });
    if (S_ISLNK(status.st_mode)) {
      if (++links > kMostLinks) return Error(Errc::refused, "its path has too many links");
      status.st_mode &= static_cast<mode_t>(S_IFMT);  // a link has no modes of its own
      CONDUIT_TRY(check_owner(status, fmt::format("the link '{}' on the way to it", way.string())));
      std::error_code failed;
      const fs::path target = fs::read_symlink(way, failed);
      if (failed) return Error(boost::system::error_code(failed), fmt::format("the link '{}' cannot be read", way.string()));
      left.insert(left.begin(), target.begin(), target.end());
      way = way.parent_path();
    } else {
      if (!is_last && (status.st_mode & S_ISVTX) != 0) status.st_mode &= ~static_cast<mode_t>(S_IWGRP | S_IWOTH);
      CONDUIT_TRY(check_owner(status, fmt::format("{} '{}'", is_last ? "its directory" : "the directory above it,", way.string())));
    }
    if (left.empty()) return way;
    const fs::path part = std::move(left.front());
    left.pop_front();
    if (part == "..") {
      way = way.parent_path();
    } else if (part.is_absolute()) {
      way = "/";
    } else if (!part.empty() && part != ".") {
      way /= part;
    }
  }
}

/// That `path` leads, by nobody else's leave, to the very file that `opened` describes.
Result<> check_place(const std::string& path, const struct stat& opened) {
  std::error_code failed;
  const fs::path given = fs::absolute(path, failed).parent_path();
  CONDUIT_TRY(const auto directory, check_way(given));
  const fs::path file = fs::canonical(path, failed);
  if (failed) return Error(boost::system::error_code(failed), "cannot be opened");
  if (file.parent_path() != directory) {
    return Error(Errc::refused, fmt::format("it is a link that leads out of its directory, to '{}': copy the file "
                                            "itself",
                                            file.string()));
  }
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return os_error("cannot be looked at");
  if (status.st_dev != opened.st_dev || status.st_ino != opened.st_ino) {
    return Error(Errc::refused, "it was replaced while it was opened: try again");
  }
  return ok();
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
  const std::string name = fs::path(path).filename().string().substr(0, 200);
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
  CONDUIT_TRY(check_place(path, status));
  CONDUIT_TRY(const auto bytes, read_all(file.get(), status.st_size));
  CONDUIT_TRY(auto summary, inspect_elf(bytes));
  CONDUIT_TRY(auto memory, seal(path, bytes));
  return Image{path, std::move(summary.build_id), std::move(memory)};
}

}  // namespace conduitd::plugin
