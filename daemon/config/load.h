#pragma once
// From files to a Config: TOML or YAML by the file's ending, conf.d/ beside it, ${env:X} and ${file:/path} filled in,
// every fault found in one go.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/config.h"

namespace conduitd::config {

/// One fault: "file:line:column: what, and what is allowed".
struct Fault {
  std::string file;
  int line = 0;    ///< from 1; 0: the file as a whole
  int column = 0;
  std::string what;
  [[nodiscard]] std::string text() const;
};

/// Where ${env:X} and ${file:/path} are looked up; the defaults are the process's environment and the file system.
struct Sources {
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::function<std::optional<std::string>(const std::string& path)> file;
};

struct Loaded {
  Config config;
  std::vector<Fault> faults;    ///< empty: `config` is good
  std::vector<Fault> warnings;  ///< does not stop anything: a secret in a file that others can read, ...
  std::set<std::string> secret_variables;  ///< environment variables that URLs and passwords were taken from
  std::vector<std::string> files;  ///< read, in order: the main file, then conf.d/ by name
  [[nodiscard]] bool ok() const { return faults.empty(); }
};

/// Loads `path` (.toml, .yaml or .yml) and then each file of the same formats in `conf.d/` beside it. A later file's
/// value replaces an earlier one's; tables are merged, arrays of tables ([[queue]]) are joined by name.
[[nodiscard]] Loaded load(const std::string& path, const Sources& sources = {});

}  // namespace conduitd::config
