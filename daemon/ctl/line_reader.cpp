#include "ctl/line_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <algorithm>
#include <cerrno>
#include <cstring>

namespace conduitd::ctl {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

std::string shown_name(const std::string& path) { return path == "-" ? "stdin" : path; }

Result<UniqueFd> open_input(const std::string& path) {
  UniqueFd fd(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.valid()) return fd;
  return Error(Errc::invalid_argument, fmt::format("cannot open {}: {}", shown_name(path), std::strerror(errno)));
}

ssize_t read_some(int fd, char* to, std::size_t size) {
  ssize_t got = 0;
  do {
    got = ::read(fd, to, size);
  } while (got < 0 && errno == EINTR);
  return got;
}

Result<UniqueFd> make_spool() {
  const char* directory = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
  auto path = fmt::format("{}/conduitctl-XXXXXX", directory != nullptr && *directory != '\0' ? directory : "/tmp");
  UniqueFd fd(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd.valid()) {
    return Error(Errc::io, fmt::format("cannot keep standard input in {}: {}; give a file instead of -", path, std::strerror(errno)));
  }
  ::unlink(path.c_str());
  return fd;
}

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      return Error(Errc::full, fmt::format("cannot keep standard input in a temporary file: {}; give a file instead of -",
                                           std::strerror(errno)));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return ok();
}

}  // namespace

Result<LineReader> LineReader::open(const std::string& path, std::size_t longest, bool twice) {
  LineReader reader;
  reader.name_ = shown_name(path);
  reader.longest_ = longest;
  CONDUIT_TRY(reader.input_, open_input(path));
  const bool seekable = path != "-" && ::lseek(reader.input_.get(), 0, SEEK_CUR) >= 0;
  if (twice && !seekable) {
    CONDUIT_TRY(reader.spool_, make_spool());
  }
  return reader;
}

Error LineReader::read_error() const {
  return {Errc::invalid_argument, fmt::format("cannot read {}: {}", name_, std::strerror(errno))};
}

Result<> LineReader::fill() {
  buffer_.erase(0, start_);
  start_ = 0;
  const auto before = buffer_.size();
  buffer_.resize(before + kChunk);
  const auto got = read_some(input_.get(), buffer_.data() + before, kChunk);
  buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) return read_error();
  ended_ = got == 0;
  return spool_.valid() ? write_all(spool_.get(), std::string_view(buffer_).substr(before)) : ok();
}

Result<std::optional<Line>> LineReader::next() {
  std::size_t searched = 0;
  bool too_long = false;
  while (true) {
    const std::string_view rest = std::string_view(buffer_).substr(start_);
    const auto end = rest.find('\n', searched);
    if (end != std::string_view::npos || (ended_ && (!rest.empty() || too_long))) {
      auto text = rest.substr(0, end);
      start_ += end == std::string_view::npos ? rest.size() : end + 1;
      if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
      too_long = too_long || text.size() > longest_;
      return std::optional<Line>(Line{++number_, text.substr(0, longest_), too_long});
    }
    if (ended_) return std::optional<Line>();
    if (rest.size() > longest_) {
      too_long = true;
      start_ = buffer_.size();
    }
    searched = too_long ? 0 : rest.size();
    CONDUIT_TRY(fill());
  }
}

Result<> LineReader::rewind() {
  if (spool_.valid()) input_ = std::move(spool_);
  if (::lseek(input_.get(), 0, SEEK_SET) < 0) return read_error();
  buffer_.clear();
  start_ = 0;
  number_ = 0;
  ended_ = false;
  return ok();
}

Result<std::string> read_whole(const std::string& path, std::size_t most) {
  CONDUIT_TRY(const auto fd, open_input(path));
  std::string out;
  std::array<char, 16 * 1024> chunk{};
  while (true) {
    const auto got = read_some(fd.get(), chunk.data(), chunk.size());
    if (got < 0) return Error(Errc::invalid_argument, fmt::format("cannot read {}: {}", shown_name(path), std::strerror(errno)));
    if (got == 0) return out;
    out.append(chunk.data(), static_cast<std::size_t>(got));
    if (out.size() > most) {
      return Error(Errc::invalid_argument, fmt::format("{} is too large: at most {} bytes are allowed", shown_name(path), most));
    }
  }
}

}  // namespace conduitd::ctl
