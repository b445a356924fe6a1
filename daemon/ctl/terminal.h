#pragma once
// What standard output or standard error can show, and text measured and coloured for it.

#include <cstdint>
#include <string>
#include <string_view>

namespace conduitd::ctl {

/// Facts about one output, found once at start.
struct Terminal {
  bool tty = false;
  bool colour = false;     ///< at a terminal, unless NO_COLOR is set or TERM is "dumb"
  bool utf8 = true;        ///< the locale's character set is UTF-8, or this is no terminal
  std::size_t width = 0;   ///< columns; 0 where there is no limit

  static Terminal of(int fd);
};

enum class Style : std::uint8_t { none, bold, dim, red, green, yellow, blue, cyan };

/// `text` in that style, or as it is where there are no colours.
[[nodiscard]] std::string styled(const Terminal& terminal, Style style, std::string_view text);

/// Columns that UTF-8 `text` takes: wide characters two, combining ones none.
[[nodiscard]] std::size_t display_width(std::string_view text);
/// At most `width` columns of `text`, ended with "…" (or "~") if cut.
[[nodiscard]] std::string clip(std::string_view text, std::size_t width, bool utf8 = true);

/// escape_control() for each line of a text whose own line breaks are to be kept.
[[nodiscard]] std::string escape_lines(std::string_view text);
/// JSON as one line that is safe on a terminal: raw line breaks become spaces, and control and bidi characters inside
/// strings become \uXXXX, which means the same. Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string json_line(std::string_view json);

}  // namespace conduitd::ctl
