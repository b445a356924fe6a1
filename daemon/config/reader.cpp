#include "config/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"

namespace conduitd::config {
namespace {

std::string shown(std::string_view text) { return escape_control(truncate(text, 100)); }

bool is_bare(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

std::string join_path(const std::string& path, std::string_view key) {
  const std::string last = is_bare(key) ? std::string(key) : fmt::format("\"{}\"", shown(key));
  return path.empty() ? last : fmt::format("{}.{}", path, last);
}

void Reader::begin_file(const std::string& file, unsigned mode) {
  file_ = file;
  mode_ = mode;
}

void Reader::read_table(const Node& node, const std::string& path, const Keys& keys) {
  if (node.kind == Node::Kind::null) return;  // YAML: a section with nothing but comments in it
  if (node.kind != Node::Kind::table) {
    wrong_type(node, path.empty() ? "the file" : path, "a table of keys and values");
    return;
  }
  for (const auto& member : node.members) {
    const auto known = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == member.key; });
    if (known == keys.end()) {
      unknown_key(member, path, keys);
      continue;
    }
    const std::string full = join_path(path, member.key);
    places_[full] = here(member.at);
    if (known->read) (void)known->read(*this, member.value, full);
  }
}

void Reader::unknown_key(const Member& member, const std::string& path, const Keys& keys) {
  std::vector<std::string> names;
  names.reserve(keys.size());
  for (const auto& key : keys) names.push_back(key.name);
  const std::string where = path.empty() ? std::string("at the top") : fmt::format("in [{}]", path);
  std::string what = fmt::format("unknown key '{}' {}", shown(member.key), where);
  if (const auto meant = nearest(member.key, names)) {
    what += fmt::format(": did you mean '{}'?", *meant);
  } else if (path.starts_with("task.") && member.value.kind == Node::Kind::table) {
    what += fmt::format(": a task's name with a dot in it needs quotes, as in [task.\"{}.{}\"]", path.substr(5),
                        shown(member.key));
  } else {
    what += fmt::format(": allowed here: {}", fmt::join(names, ", "));
  }
  fault(member.at, std::move(what));
}

std::optional<Text> Reader::read_text(const Node& node, const std::string& path) {
  if (node.kind != Node::Kind::text) {
    wrong_type(node, path, "a string");
    return std::nullopt;
  }
  auto filled = fill_in(node.text, sources_);
  for (const auto& what : filled.faults) wrong(node, path, what);
  if (!filled.faults.empty()) return std::nullopt;
  return Text{std::move(filled.value), std::move(filled.literal), shown(node.text), filled.replaced, std::move(filled.variables)};
}

bool Reader::wrong_type(const Node& node, const std::string& path, std::string_view expected) {
  return wrong(node, path, fmt::format("{} is needed, not {}", expected, describe(node.kind)));
}

bool Reader::wrong(const Node& node, const std::string& path, std::string_view what) {
  fault(node.at, fmt::format("{}: {}", path, what));
  return false;
}

void Reader::fault(Position at, std::string what) { fault(here(at), std::move(what)); }

void Reader::fault(const Place& place, std::string what) {
  out_.faults.push_back({place.file, place.at.line, place.at.column, std::move(what)});
}

void Reader::warning(const Place& place, std::string what) {
  out_.warnings.push_back({place.file, place.at.line, place.at.column, std::move(what)});
}

void Reader::note_secret(Position at, const std::string& path, const Text& text, std::string_view literal) {
  out_.secret_variables.insert(text.variables.begin(), text.variables.end());
  constexpr unsigned kReadableByOthers = 0044;
  if (literal.empty() || (mode_ & kReadableByOthers) == 0) return;
  warning(here(at), fmt::format("{}: a password in a file that others can read (mode {:04o}): write ${{file:/path}}, "
                                "${{env:NAME}} or ${{credential:NAME}}, or chmod 0600",
                                path, mode_));
}

const Place* Reader::place(const std::string& path) const {
  const auto found = places_.find(path);
  return found != places_.end() ? &found->second : nullptr;
}

}  // namespace conduitd::config
