#include "tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace files {
namespace {

constexpr std::size_t kMostFiles = 2'000'000;
constexpr std::size_t kPiece = 256 * 1024;

/// The length of the UTF-8 character in front of `text`; 0 if there is none.
std::size_t character_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0U) != 0x80) return 0;
  }
  // Longer than needed, a surrogate, or beyond the last character.
  if ((first == 0xE0 && at(1) < 0xA0) || (first == 0xED && at(1) > 0x9F)) return 0;
  if ((first == 0xF0 && at(1) < 0x90) || (first == 0xF4 && at(1) > 0x8F)) return 0;
  return length;
}

[[noreturn]] void throw_errno(const std::string& doing) { throw std::system_error(errno, std::system_category(), doing); }

}  // namespace

std::string shown(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t length = character_length(bytes.substr(i));
    if (length == 0) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
      ++i;
      continue;
    }
    if (bytes[i] == '\\') out += '\\';
    out += bytes.substr(i, length);
    i += length;
  }
  return out;
}

Tree list(const std::filesystem::path& root, conduit::Context& context) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto status = fs::status(root, error);
  if (!fs::exists(status)) throw conduit::Fail(shown(root.native()) + ": " + (error ? error.message() : "no such file"));
  Tree tree;
  if (fs::is_regular_file(status)) {
    tree.bytes = fs::file_size(root, error);
    tree.files.push_back({root, shown(root.filename().native()), tree.bytes});
    return tree;
  }
  if (!fs::is_directory(status)) throw conduit::Fail(shown(root.native()) + " is neither a file nor a directory");

  std::vector<fs::path> waiting{root};
  while (!waiting.empty()) {
    context.throw_if_cancelled();
    const fs::path directory = std::move(waiting.back());
    waiting.pop_back();
    fs::directory_iterator entries(directory, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      const auto& entry = *entries;
      std::error_code ignored;
      const auto kind = entry.symlink_status(ignored).type();
      if (kind == fs::file_type::directory) waiting.push_back(entry.path());
      if (kind != fs::file_type::regular) continue;
      if (tree.files.size() == kMostFiles) throw conduit::Fail("more than 2000000 files below " + shown(root.native()));
      const auto size = entry.file_size(ignored);
      tree.files.push_back({entry.path(), shown(entry.path().lexically_relative(root).native()), ignored ? 0 : size});
      tree.bytes += tree.files.back().size;
    }
    if (!error) continue;
    ++tree.unreadable;
    context.send_log(conduit::LogLevel::warning, "left out: " + shown(directory.native()) + ": " + error.message());
  }
  std::sort(tree.files.begin(), tree.files.end(), [](const File& a, const File& b) { return a.name < b.name; });
  return tree;
}

// O_NONBLOCK: a pipe put where a file was must not make us wait for a writer.
Reader::Reader(const std::filesystem::path& path)
    : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)), buffer_(kPiece) {
  if (file_ < 0) throw_errno("open");
  struct stat status {};
  if (::fstat(file_, &status) == 0 && S_ISREG(status.st_mode)) return;
  const int error = S_ISREG(status.st_mode) ? errno : EINVAL;
  ::close(file_);
  throw std::system_error(error, std::system_category(), "read");
}

Reader::~Reader() { ::close(file_); }

std::string_view Reader::read() {
  for (;;) {
    const auto got = ::read(file_, buffer_.data(), buffer_.size());
    if (got >= 0) return {buffer_.data(), static_cast<std::size_t>(got)};
    if (errno != EINTR) throw_errno("read");
  }
}

void Progress::show(std::uint64_t bytes, std::uint64_t files) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(200);
  const double fraction = total_bytes_ == 0 ? 1.0 : static_cast<double>(bytes) / static_cast<double>(total_bytes_);
  context_.set_progress(fraction, std::to_string(files) + " of " + std::to_string(total_files_) + " files");
}

}  // namespace files
