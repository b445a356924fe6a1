#include "checksum.h"

#include <algorithm>
#include <system_error>

#include "tree.h"

namespace files {
namespace {

constexpr std::uint32_t kMostDigests = 1'000;
constexpr std::chrono::seconds kCheckpointEvery{1};

/// One run over a tree.
class ChecksumRun {
 public:
  ChecksumRun(const ChecksumArgs& args, const Tree& tree, Checksums begun, conduit::Context& context)
      : args_(args), tree_(tree), context_(context), progress_(context, tree.bytes, tree.files.size()), done_(std::move(begun)) {}

  Checksums finish() {
    for (const auto& file : tree_.files) {
      if (done_.last && file.name <= *done_.last) continue;  // an earlier attempt has it
      add(file);
      if (std::chrono::steady_clock::now() < next_checkpoint_) continue;
      next_checkpoint_ = std::chrono::steady_clock::now() + kCheckpointEvery;
      context_.checkpoint(conduit::to_json(done_));
    }
    return std::move(done_);
  }

 private:
  void add(const File& file) {
    const std::uint64_t before = done_.bytes;
    try {
      const std::string digest = read(file);
      Digest combined(args_.algorithm);
      combined.add(done_.combined);
      combined.add(digest + "  " + file.name + "\n");
      done_.combined = combined.finish();
      if (done_.digests.size() < args_.limit) done_.digests.push_back({file.name, digest, done_.bytes - before});
      ++done_.files;
    } catch (const std::system_error& error) {
      done_.bytes = before;
      ++done_.unreadable;
      context_.send_log(conduit::LogLevel::warning, "left out: " + file.name + ": " + error.what());
    }
    done_.last = file.name;
    progress_.show(done_.bytes, done_.files);
  }

  std::string read(const File& file) {
    Reader reader(file.path);
    Digest digest(args_.algorithm);
    for (auto piece = reader.read(); !piece.empty(); piece = reader.read()) {
      context_.throw_if_cancelled();
      digest.add(piece);
      done_.bytes += piece.size();
      progress_.show(done_.bytes, done_.files);
    }
    return digest.finish();
  }

  const ChecksumArgs& args_;
  const Tree& tree_;
  conduit::Context& context_;
  Progress progress_;
  Checksums done_;
  std::chrono::steady_clock::time_point next_checkpoint_ = std::chrono::steady_clock::now() + kCheckpointEvery;
};

Checksums earlier(const ChecksumArgs& args, const Tree& tree, conduit::Context& context) {
  Checksums begun;
  begun.algorithm = args.algorithm;
  begun.unreadable = tree.unreadable;
  const conduit::Json checkpoint = context.last_checkpoint();
  if (checkpoint.is_null()) return begun;
  begun = checkpoint.get<Checksums>();
  context.send_log(conduit::LogLevel::info, "going on after " + std::to_string(begun.files) + " files",
                   {{"last", begun.last.value_or("")}});
  return begun;
}

}  // namespace

Checksums checksum(const ChecksumArgs& args, conduit::Context& context) {
  if (args.limit > kMostDigests) throw conduit::InvalidArguments("limit: at most 1000 are allowed", "/limit");
  const Tree tree = list(args.path, context);
  Checksums done = ChecksumRun(args, tree, earlier(args, tree, context), context).finish();
  done.last.reset();
  context.set_progress(1.0, std::to_string(done.files) + " files");
  context.set_metadata("files", done.files);
  context.set_metadata("bytes", done.bytes);
  return done;
}

}  // namespace files
