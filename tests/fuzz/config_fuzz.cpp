// A configuration file, TOML or YAML by its first byte: every fault has a place in it, and none stops the program.
#include <fstream>

#include "config/load.h"
#include "fuzz.h"
#include "support/temp_dir.h"

namespace conduitd::fuzz {

void run(std::string_view input) {
  if (input.empty()) return;
  static const test::TempDir directory;
  const auto path = directory.file(input.front() == 'y' ? "c.yaml" : "c.toml");
  const auto text = input.substr(1);
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
  const config::Sources none{[](const std::string&) { return std::nullopt; }, [](const std::string&) { return std::nullopt; }};
  const auto loaded = config::load(path, none);
  const auto lines = std::count(text.begin(), text.end(), '\n') + 1;
  for (const auto& fault : loaded.faults) {
    FUZZ_HOLDS(!fault.what.empty());
    FUZZ_HOLDS(fault.line >= 0 && fault.line <= lines + 1);
  }
}

}  // namespace conduitd::fuzz
