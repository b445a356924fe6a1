#include "host/oom_watch.h"

#include <fstream>
#include <sstream>
#include <string_view>

namespace conduitd::host {
namespace {

/// The file with the count: a line "oom_kill N" in both versions.
std::string find_path() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const auto group = line.substr(second + 1);
    const auto path = controllers.empty()       ? "/sys/fs/cgroup" + group + "/memory.events"
                      : controllers == "memory" ? "/sys/fs/cgroup/memory" + group + "/memory.oom_control"
                                                : std::string();
    if (!path.empty() && std::ifstream(path).good()) return path;
  }
  return {};
}

}  // namespace

OomWatch::OomWatch() : path_(find_path()), seen_(count()) {}

std::uint64_t OomWatch::count() const {
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t value = 0;
    if (words >> name >> value && name == "oom_kill") return value;
  }
  return 0;
}

bool OomWatch::killed_one() {
  if (path_.empty() || count() <= seen_) return false;
  ++seen_;
  return true;
}

}  // namespace conduitd::host
