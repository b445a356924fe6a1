// JSON and the jobs written in it: the checker and the parser agree, and what is written reads back.
#include "base/json.h"
#include "fuzz.h"
#include "job/request.h"

namespace conduitd::fuzz {

void run(std::string_view input) {
  constexpr JsonLimits kLimits{.size = 64 * 1024, .depth = 16};
  const bool valid = validate_json(input, kLimits).has_value();
  const auto parsed = parse_json(input, kLimits);
  FUZZ_HOLDS(valid == parsed.has_value());
  if (valid) {
    const auto text = parsed.value().text();
    const auto again = parse_json(text, {.size = 1024 * 1024, .depth = 16});
    FUZZ_HOLDS(again.has_value() && again.value().text() == text);
    (void)split_json(input);
  }
  const auto requests = job::read_requests(input, kLimits);
  if (!requests.has_value()) return;
  for (const auto& request : requests.value()) {
    FUZZ_HOLDS(job::check(request.job, kLimits).has_value());
    // Payload bytes are kept as they came.
    FUZZ_HOLDS(request.job.args == "{}" || input.find(request.job.args) != std::string_view::npos);
  }
}

}  // namespace conduitd::fuzz
