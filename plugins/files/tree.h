#pragma once
// The files below a directory, in an order that does not depend on the file system.

#include <conduit/context.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace files {

/// `bytes` as text that JSON can hold and that tells every name apart: what is not UTF-8 as \xNN, a backslash as \\.
[[nodiscard]] std::string shown(std::string_view bytes);

struct File {
  std::filesystem::path path;
  std::string name;  ///< relative to the directory, as shown()
  std::uint64_t size = 0;
};

struct Tree {
  std::vector<File> files;  ///< regular files only, sorted by name; symbolic links are not followed
  std::uint64_t bytes = 0;
  std::uint64_t unreadable = 0;  ///< directories left out, each with a line in the job's log
};

/// Looks at everything below `root`; of a root that is a file, at that alone. Throws conduit::Fail if there is no such
/// thing or there are too many files to remember, conduit::Cancelled.
[[nodiscard]] Tree list(const std::filesystem::path& root, conduit::Context& context);

/// One open file, read from front to back.
class Reader {
 public:
  /// Throws std::system_error if it cannot be opened or is no regular file any more.
  explicit Reader(const std::filesystem::path& path);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// The next piece, valid until the next call; empty at the end. Throws std::system_error.
  [[nodiscard]] std::string_view read();

 private:
  int file_;
  std::vector<char> buffer_;
};

/// Tells people how far the work is, a few times a second at the most.
class Progress {
 public:
  Progress(conduit::Context& context, std::uint64_t total_bytes, std::size_t total_files)
      : context_(context), total_bytes_(total_bytes), total_files_(total_files) {}
  void show(std::uint64_t bytes, std::uint64_t files);

 private:
  conduit::Context& context_;
  std::uint64_t total_bytes_;
  std::size_t total_files_;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace files
