#pragma once
// Lines of a file or of standard input, of any number, in bounded memory, and a second time if asked.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace conduitd::ctl {

struct Line {
  std::uint64_t number = 0;  ///< from 1
  std::string_view text;     ///< without its ending; valid until the next call
  bool too_long = false;     ///< `text` is not all of it
};

/// Reads blocking, on the caller's thread. What cannot be rewound (a pipe) is copied to an unnamed temporary file on
/// the way if it will be read twice.
class LineReader {
 public:
  /// `path` "-" is standard input. `longest` is the bound of one line in bytes.
  static Result<LineReader> open(const std::string& path, std::size_t longest, bool twice);

  /// The next line; nothing at the end.
  Result<std::optional<Line>> next();
  /// Starts again at the first line. Only if opened with `twice`.
  Result<> rewind();
  /// The file's name for messages.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  LineReader() = default;
  Result<> fill();
  Error read_error() const;

  std::string name_;
  UniqueFd input_;
  UniqueFd spool_;
  std::size_t longest_ = 0;
  std::string buffer_;
  std::size_t start_ = 0;  // of the next line in buffer_
  std::uint64_t number_ = 0;
  bool ended_ = false;
};

/// The whole of a small file or of standard input ("-"); Errc::invalid_argument if it is larger than `most` bytes.
[[nodiscard]] Result<std::string> read_whole(const std::string& path, std::size_t most);

}  // namespace conduitd::ctl
