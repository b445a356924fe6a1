#include "base/arguments.h"

#include <cstring>
#include <string>

#include "base/text.h"

namespace conduitd {

void hide_passwords(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view given(argv[i]);
    if (given.find("://") == std::string_view::npos) continue;
    auto shown = redact_url(given);
    if (shown == given) continue;
    shown.resize(given.size(), '\0');  // in its place: the next argument follows at once
    std::memcpy(argv[i], shown.data(), shown.size());
  }
}

}  // namespace conduitd
