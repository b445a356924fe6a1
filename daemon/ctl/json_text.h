#pragma once
// JSON written out again token by token, so that numbers and strings stay as they were, and safe on a terminal:
// control and bidi characters inside strings become \uXXXX, which means the same. Bytes that are no UTF-8 become U+FFFD.

#include <string>
#include <string_view>

namespace conduitd::ctl {

/// On one line, without the white space between tokens. `json` must be JSON; what is not comes out harmless, but no better.
[[nodiscard]] std::string json_line(std::string_view json);
/// Indented by two spaces.
[[nodiscard]] std::string json_lines(std::string_view json);

}  // namespace conduitd::ctl
