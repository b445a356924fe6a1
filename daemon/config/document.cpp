#include "config/document.h"

#include <array>

namespace conduitd::config {

std::string_view describe(Node::Kind kind) {
  constexpr std::array<std::string_view, 8> kNames{"nothing",  "true or false",        "a whole number", "a number",
                                                   "a string", "a date or a time", "a list",         "a table"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace conduitd::config
