#include "config/default_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <vector>

namespace conduitd::config {

std::string default_directory() { return CONDUIT_CONFIG_DIRECTORY; }

Result<std::string> default_file(const std::string& directory) {
  std::vector<std::string> found;
  for (const char* name : {"conduit.toml", "conduit.yaml"}) {
    auto path = fmt::format("{}/{}", directory, name);
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) found.push_back(std::move(path));
  }
  if (found.empty()) return Error(Errc::not_found, fmt::format("there is no {}/conduit.toml or .yaml", directory));
  if (found.size() == 1) return found.front();
  return Error(Errc::invalid_argument, fmt::format("there are {} and {}: remove one of them", found[0], found[1]));
}

}  // namespace conduitd::config
