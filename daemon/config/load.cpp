#include "config/load.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <tuple>

#include "base/text.h"
#include "base/unique_fd.h"
#include "config/document.h"
#include "config/schema.h"

namespace conduitd::config {
namespace {

namespace fs = std::filesystem;

struct Content {
  std::string text;
  unsigned mode = 0;
};

enum class FileFormat : std::uint8_t { toml, yaml };

std::optional<FileFormat> format_of(const fs::path& path) {
  const auto ending = path.extension();
  if (ending == ".toml") return FileFormat::toml;
  if (ending == ".yaml" || ending == ".yml") return FileFormat::yaml;
  return std::nullopt;
}

/// The whole file, or a sentence on why not.
Result<Content> read_whole(const std::string& path) {
  const auto fault = [](std::string_view what) {
    return Error(Errc::invalid_argument, fmt::format("cannot be read: {}", what));
  };
  // O_NONBLOCK: opening a pipe would wait for its writer.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return fault(std::strerror(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fault(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return fault("it is not a regular file");
  Content content;
  content.mode = status.st_mode & 07777U;
  content.text.resize(kLargestFile + 1);
  std::size_t size = 0;
  while (size < content.text.size()) {
    const auto got = ::read(file.get(), content.text.data() + size, content.text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fault(std::strerror(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kLargestFile) return fault(fmt::format("larger than {}", format_size(kLargestFile)));
  content.text.resize(size);
  return content;
}

/// What no parser should be shown: other encodings, control bytes, lines without end. Notes the first.
bool check_bytes(std::string_view text, const std::string& file, std::vector<Fault>& faults) {
  int number = 1;
  for (std::size_t start = 0; start < text.size(); ++number) {
    const auto line = text.substr(start, text.find('\n', start) - start);
    if (line.size() > kLongestLine) {
      faults.push_back({file, number, 1, fmt::format("line too long: {} are allowed", format_size(kLongestLine))});
      return false;
    }
    if (const auto good = std::min(utf8_prefix(line), line.find('\0')); good < line.size()) {
      faults.push_back({file, number, static_cast<int>(good) + 1, "not text in UTF-8"});
      return false;
    }
    start += line.size() + 1;
  }
  return true;
}

void read_file(const std::string& path, FileFormat format, const Keys& keys, Reader& reader, Loaded& out) {
  out.files.push_back(path);
  const auto content = read_whole(path);
  if (!content.has_value()) {
    out.faults.push_back({path, 0, 0, content.error().message()});
    return;
  }
  const std::string& text = content.value().text;
  if (!check_bytes(text, path, out.faults)) return;
  auto document = format == FileFormat::toml ? parse_toml(text, path) : parse_yaml(text, path);
  out.faults.insert(out.faults.end(), document.faults.begin(), document.faults.end());
  reader.begin_file(path, content.value().mode);
  reader.read_table(document.root, {}, keys);
}

/// The files of conf.d/ by name. Editors' backups and hidden files are not configuration.
std::vector<fs::path> additions(const fs::path& directory, std::vector<Fault>& faults) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (fs::directory_iterator entry(directory, failed), end; !failed && entry != end; entry.increment(failed)) {
    const auto& path = entry->path();
    if (format_of(path) && !path.filename().string().starts_with('.')) found.push_back(path);
  }
  if (failed && failed != std::errc::no_such_file_or_directory) {
    faults.push_back({directory.string(), 0, 0, fmt::format("cannot be read: {}", failed.message())});
  }
  std::sort(found.begin(), found.end(),
            [](const fs::path& a, const fs::path& b) { return a.filename() < b.filename(); });
  return found;
}

/// By file in the order of reading, then by line: the order in which somebody mends them.
void sort_faults(std::vector<Fault>& faults, const std::vector<std::string>& files) {
  const auto rank = [&files](const Fault& fault) {
    return std::tuple(std::find(files.begin(), files.end(), fault.file), fault.line, fault.column);
  };
  std::stable_sort(faults.begin(), faults.end(), [&](const Fault& a, const Fault& b) { return rank(a) < rank(b); });
}

}  // namespace

std::string Fault::text() const {
  return line == 0 ? fmt::format("{}: {}", file, what) : fmt::format("{}:{}:{}: {}", file, line, column, what);
}

Loaded load(const std::string& path, const Sources& sources) {
  Loaded out;
  const Sources complete = with_defaults(sources);
  Reader reader(complete, out);
  const Keys keys = schema(out.config);
  const auto format = format_of(path);
  if (!format) {
    out.faults.push_back({path, 0, 0, "the name of a configuration file ends in .toml, .yaml or .yml"});
    return out;
  }
  read_file(path, *format, keys, reader, out);
  for (const auto& addition : additions(fs::path(path).parent_path() / "conf.d", out.faults)) {
    read_file(addition.string(), *format_of(addition), keys, reader, out);
  }
  check_across(out.config, reader);
  sort_faults(out.faults, out.files);
  sort_faults(out.warnings, out.files);
  return out;
}

}  // namespace conduitd::config
