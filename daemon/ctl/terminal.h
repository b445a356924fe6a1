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

struct Character {
  char32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;  ///< false: no well-formed UTF-8, one byte of it
};

/// The character at the front of `text`, which is not empty.
[[nodiscard]] Character first_character(std::string_view text);

/// escape_control() for each line of a text whose own line breaks are to be kept.
[[nodiscard]] std::string escape_lines(std::string_view text);

}  // namespace conduitd::ctl
