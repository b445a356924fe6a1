#include "config/fill_in.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "base/text.h"

namespace conduitd::config {
namespace {

constexpr std::size_t kLargestSecret = 64 * 1024;

std::optional<std::string> from_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

std::optional<std::string> from_file(const std::string& path) {
  // A pipe or a terminal would be waited for.
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::string content(kLargestSecret + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (file.bad() || (file.fail() && !file.eof()) || file.gcount() > static_cast<std::streamsize>(kLargestSecret)) {
    return std::nullopt;
  }
  content.resize(static_cast<std::size_t>(file.gcount()));
  return content;
}

std::string without_last_newline(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

/// The value of one placeholder, or a sentence on why there is none.
struct Answer {
  std::optional<std::string> value;
  std::string fault;
};

Answer read_file(const std::string& path, const Sources& sources) {
  if (!path.starts_with('/')) return {std::nullopt, "a path from the root is needed"};
  auto content = sources.file(path);
  if (!content) {
    return {std::nullopt,
            fmt::format("not a file that this user can read, of at most {}", format_size(kLargestSecret))};
  }
  return {without_last_newline(std::move(*content)), {}};
}

Answer look_up(std::string_view kind, const std::string& name, const Sources& sources) {
  if (kind == "env") {
    auto value = sources.environment(name);
    if (value) return {std::move(value), {}};
    return {std::nullopt, "not set in the environment"};
  }
  if (kind == "file") return read_file(name, sources);
  if (kind == "credential") {
    const auto directory = sources.environment("CREDENTIALS_DIRECTORY");
    if (!directory) return {std::nullopt, "systemd has handed over no credentials (LoadCredential= in the unit)"};
    if (name.empty() || name.find('/') != std::string::npos) return {std::nullopt, "a plain name is needed"};
    return read_file(*directory + "/" + name, sources);
  }
  return {std::nullopt, "${env:NAME}, ${file:/path} and ${credential:NAME} are known; write $${ for a plain ${"};
}

}  // namespace

Filled fill_in(std::string_view text, const Sources& sources) {
  Filled out;
  const auto keep = [&out](std::string_view part) {
    out.value += part;
    out.literal += part;
  };
  while (!text.empty()) {
    const auto dollar = text.find("${");
    if (dollar == std::string_view::npos) {
      keep(text);
      break;
    }
    if (dollar > 0 && text[dollar - 1] == '$') {
      keep(text.substr(0, dollar - 1));
      keep("${");
      text.remove_prefix(dollar + 2);
      continue;
    }
    keep(text.substr(0, dollar));
    const auto end = text.find('}', dollar);
    if (end == std::string_view::npos) {
      out.faults.emplace_back("${ is not closed by a }; write $${ for a plain ${");
      break;
    }
    const auto inside = text.substr(dollar + 2, end - dollar - 2);
    const auto colon = inside.find(':');
    const std::string name(colon == std::string_view::npos ? std::string_view{} : inside.substr(colon + 1));
    auto answer = look_up(inside.substr(0, colon), name, sources);
    if (answer.value && (!is_utf8(*answer.value) || answer.value->find('\0') != std::string::npos)) {
      answer = {std::nullopt, "not text in UTF-8"};
    }
    if (answer.value) {
      out.value += *answer.value;
      out.replaced = true;
      if (inside.starts_with("env:")) out.variables.push_back(name);
    } else {
      out.faults.push_back(fmt::format("${{{}}}: {}", escape_control(truncate(inside, 200)), answer.fault));
    }
    text.remove_prefix(end + 1);
  }
  return out;
}

Sources with_defaults(Sources sources) {
  if (!sources.environment) sources.environment = from_environment;
  if (!sources.file) sources.file = from_file;
  return sources;
}

}  // namespace conduitd::config
