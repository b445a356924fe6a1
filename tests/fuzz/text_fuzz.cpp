// Durations, sizes and times: what is read is written so that it reads back the same. Text made safe is safe.
#include "base/text.h"
#include "fuzz.h"

namespace conduitd::fuzz {

void run(std::string_view input) {
  if (const auto duration = parse_duration(input); duration.has_value()) {
    const auto again = parse_duration(format_duration(duration.value()));
    FUZZ_HOLDS(again.has_value() && again.value() == duration.value());
  }
  if (const auto size = parse_size(input); size.has_value()) {
    const auto again = parse_size(format_size(size.value()));
    FUZZ_HOLDS(again.has_value() && again.value() == size.value());
  }
  if (const auto time = parse_time(input); time.has_value()) {
    const auto again = parse_time(format_time(time.value()));
    FUZZ_HOLDS(again.has_value() && again.value() == time.value());
  }
  const auto safe = escape_control(input);
  for (const char c : safe) FUZZ_HOLDS((static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) || c == '\t');
  const auto cut = truncate(input, 40);
  FUZZ_HOLDS(!is_utf8(input) || is_utf8(cut));
  (void)redact_url(input);
}

}  // namespace conduitd::fuzz
