#include "hosts/process_usage.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

namespace conduitd::hosts {

job::Usage usage_of(std::int64_t pid) {
  job::Usage out;
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(stat, line);
  // The name, in parentheses, may hold anything; of what follows it, times are the 12th and 13th words.
  std::istringstream words(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::string skipped;
  for (int i = 0; i < 11; ++i) words >> skipped;
  std::int64_t user = 0;
  std::int64_t system = 0;
  if (words >> user >> system) out.cpu_us = (user + system) * (1'000'000 / ::sysconf(_SC_CLK_TCK));
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) std::istringstream(line.substr(6)) >> out.peak_rss_kib;
  }
  return out;
}

}  // namespace conduitd::hosts
