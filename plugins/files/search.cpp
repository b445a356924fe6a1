#include "search.h"

#include <algorithm>
#include <boost/regex.hpp>
#include <functional>
#include <system_error>

#include "tree.h"

namespace files {
namespace {

constexpr std::uint32_t kMostMatches = 10'000;
constexpr std::size_t kLongestLine = 64 * 1024;  // what is beyond is searched as if it were another line
constexpr std::size_t kLongestText = 300;

using Finder = std::function<bool(std::string_view line)>;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Finder find_text(const SearchArgs& args) {
  if (!args.ignore_case) return [text = args.pattern](std::string_view line) { return line.find(text) != line.npos; };
  return [text = args.pattern](std::string_view line) {
    const auto same = [](char a, char b) { return lower(a) == lower(b); };
    return std::search(line.begin(), line.end(), text.begin(), text.end(), same) != line.end();
  };
}

Finder find_regex(const SearchArgs& args) {
  boost::regex expression;
  try {
    boost::regex::flag_type flags = boost::regex::perl;
    if (args.ignore_case) flags |= boost::regex::icase;
    expression.assign(args.pattern, flags);
  } catch (const boost::regex_error& error) {
    throw conduit::InvalidArguments(std::string("pattern: ") + error.what(), "/pattern");
  }
  return [expression](std::string_view line) {
    try {
      return boost::regex_search(line.begin(), line.end(), expression);
    } catch (const std::runtime_error& error) {  // it would take for ever: the library gives up
      throw conduit::Fail(std::string("pattern: ") + error.what());
    }
  };
}

/// One search over a tree.
class SearchRun {
 public:
  SearchRun(const SearchArgs& args, const Tree& tree, Finder finder, conduit::Context& context)
      : args_(args), tree_(tree), finder_(std::move(finder)), context_(context),
        progress_(context, tree.bytes, tree.files.size()) {}

  Matches finish() {
    out_.unreadable = tree_.unreadable;
    for (const auto& file : tree_.files) {
      if (out_.truncated) break;
      try {
        search(file);
      } catch (const std::system_error& error) {
        ++out_.unreadable;
        context_.send_log(conduit::LogLevel::warning, "left out: " + file.name + ": " + error.what());
      }
    }
    return std::move(out_);
  }

 private:
  void search(const File& file) {
    Reader reader(file.path);
    std::string rest;  // the beginning of a line whose end is in the next piece
    line_ = 1;
    auto piece = reader.read();
    if (piece.find('\0') != piece.npos) {
      ++out_.binary;
      return;
    }
    for (; !piece.empty(); piece = reader.read()) {
      context_.throw_if_cancelled();
      out_.bytes += piece.size();
      for (auto end = piece.find('\n'); end != piece.npos; end = piece.find('\n')) {
        look_at(file, rest.empty() ? piece.substr(0, end) : rest.append(piece.substr(0, end)));
        if (out_.truncated) return;
        rest.clear();
        ++line_;
        piece.remove_prefix(end + 1);
      }
      rest.append(piece);
      if (rest.size() > kLongestLine) {
        look_at(file, rest);
        if (out_.truncated) return;
        rest.clear();
      }
      progress_.show(out_.bytes, out_.files);
    }
    if (!rest.empty()) look_at(file, rest);
    ++out_.files;
  }

  void look_at(const File& file, std::string_view line) {
    if (!finder_(line)) return;
    if (out_.matches.size() == args_.limit) {
      out_.truncated = true;
      return;
    }
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    out_.matches.push_back({file.name, line_, text_of(line)});
  }

  static std::string text_of(std::string_view line) {
    std::size_t length = std::min(line.size(), kLongestText);
    // Not within a character.
    while (length < line.size() && length > 0 && (static_cast<unsigned char>(line[length]) & 0xC0U) == 0x80) --length;
    return shown(line.substr(0, length));
  }

  const SearchArgs& args_;
  const Tree& tree_;
  Finder finder_;
  conduit::Context& context_;
  Progress progress_;
  std::uint64_t line_ = 1;
  Matches out_;
};

}  // namespace

Matches search(const SearchArgs& args, conduit::Context& context) {
  if (args.limit > kMostMatches) throw conduit::InvalidArguments("limit: at most 10000 are allowed", "/limit");
  Finder finder = args.regex ? find_regex(args) : find_text(args);
  const Tree tree = list(args.path, context);
  Matches found = SearchRun(args, tree, std::move(finder), context).finish();
  context.set_progress(1.0, std::to_string(found.matches.size()) + " matches");
  context.set_metadata("files", found.files);
  context.set_metadata("matches", found.matches.size());
  return found;
}

}  // namespace files
