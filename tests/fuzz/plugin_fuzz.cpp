// A file that somebody put into the plugin directory: inspected without a crash, its symbols looked up without one either.
#include "channel/task_options.h"
#include "fuzz.h"
#include "plugin/elf.h"
#include "plugin/symbols.h"

namespace conduitd::fuzz {

void run(std::string_view input) {
  if (const auto summary = plugin::inspect_elf(input); summary.has_value()) FUZZ_HOLDS(!summary.value().build_id.empty());
  (void)channel::parse_options(input);
  for (const std::size_t offset : {0U, 0x10U, 0x1000U, 0x10000U}) {
    const auto name = plugin::find_function(input, offset).name;
    FUZZ_HOLDS(name.empty() || (name.data() >= input.data() && name.data() + name.size() <= input.data() + input.size()));
  }
}

}  // namespace conduitd::fuzz
