#pragma once
// All keys of the configuration, once for both formats, and the rules that look at several of them.

#include "config/config.h"
#include "config/reader.h"

namespace conduitd::config {

/// The keys at the top of a file, bound to `config`, which must outlive them.
[[nodiscard]] Keys schema(Config& config);

struct KeyInfo {
  std::string path;      ///< "broker.url", "queue[].weight", "task.<name>.retries"
  std::string type;      ///< "duration, 300ms to 1h"
  std::string fallback;  ///< the default as TOML writes it
};

/// Every key there is, in the order of the schema.
[[nodiscard]] std::vector<KeyInfo> reference();

/// What only shows when all files are read. Notes faults and warnings at the place of the key that should change.
void check_across(const Config& config, Reader& reader);

}  // namespace conduitd::config
