#pragma once
// The tables, and how a file becomes ours.

#include <sys/stat.h>

#include <memory>
#include <string>

#include "broker/broker.h"
#include "broker/sqlite/database.h"

namespace conduitd::broker::sqlite {

inline constexpr int kSchemaVersion = 9;

/// Opens the database for writing and makes or checks its tables. A file that is not there is made, mode 0600, its
/// directory 0700; tables of an older version are upgraded, unless a worker of that version is alive.
/// Errc::unsupported for a newer schema or such a worker, Errc::refused for a file of another program or namespace,
/// Errc::corrupt for a damaged one.
Result<std::unique_ptr<Database>> open_database(const std::string& path, const Options& options, const Clock& clock);

/// Which file a path named when it was opened, to notice when it names another one.
class FileIdentity {
 public:
  explicit FileIdentity(std::string path);
  /// Errc::corrupt if the path no longer names that file.
  [[nodiscard]] Result<> check() const;

 private:
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace conduitd::broker::sqlite
