#pragma once
// files.checksum: a digest of every file below a directory, and one of them all.

#include <conduit/context.hpp>

#include <string>
#include <vector>

#include "digest.h"

namespace files {

struct ChecksumArgs {
  std::string path;
  Algorithm algorithm = Algorithm::sha256;
  std::uint32_t limit = 100;  ///< files whose own digest is in the result, at most 1,000
};
BOOST_DESCRIBE_STRUCT(ChecksumArgs, (), (path, algorithm, limit))

struct FileDigest {
  std::string path;
  std::string digest;
  std::uint64_t bytes = 0;
};
BOOST_DESCRIBE_STRUCT(FileDigest, (), (path, digest, bytes))

/// What is known when so many files have been read: the checkpoint while the task runs, its result at the end.
struct Checksums {
  Algorithm algorithm = Algorithm::sha256;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t unreadable = 0;
  /// Of all files in order: digest(combined before + "<digest of file>  <path>\n"), beginning with nothing.
  std::string combined{};
  std::vector<FileDigest> digests{};  ///< of the first ones
  std::optional<std::string> last{};  ///< the last file that is in all this
};
BOOST_DESCRIBE_STRUCT(Checksums, (), (algorithm, files, bytes, unreadable, combined, digests, last))

/// Files are read in order of their paths. Every second it makes a checkpoint, and goes on from the last one when it
/// is run again. A file that cannot be read is logged and counted, and does not stop the others.
[[nodiscard]] Checksums checksum(const ChecksumArgs& args, conduit::Context& context);

}  // namespace files
