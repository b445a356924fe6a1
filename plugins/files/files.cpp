// The plugin `files`: checksums of, and searches in, all files below a directory.
#include <conduit/plugin.hpp>

#include "checksum.h"
#include "search.h"

CONDUIT_PLUGIN("files", "1.0.0", plugin) {
  using namespace std::chrono_literals;
  plugin.task("files.checksum", files::checksum).executor(conduit::thread).retries(3).timeout(1h);
  plugin.task("files.search", files::search).executor(conduit::thread).retries(1).timeout(10min);
}
