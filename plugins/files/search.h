#pragma once
// files.search: the lines below a directory that hold a text or match a regular expression.

#include <conduit/context.hpp>

#include <string>
#include <vector>

namespace files {

struct SearchArgs {
  std::string path;
  std::string pattern;
  bool regex = false;        ///< pattern is a regular expression as in Perl
  bool ignore_case = false;  ///< of ASCII letters
  std::uint32_t limit = 100;  ///< matches in the result, at most 10,000; the search ends there
};
BOOST_DESCRIBE_STRUCT(SearchArgs, (), (path, pattern, regex, ignore_case, limit))

struct Match {
  std::string file;
  std::uint64_t line = 0;  ///< from 1
  std::string text;        ///< the line, at most 300 bytes of it
};
BOOST_DESCRIBE_STRUCT(Match, (), (file, line, text))

struct Matches {
  std::vector<Match> matches{};
  bool truncated = false;    ///< there may be more than `limit`
  std::uint64_t files = 0;   ///< searched
  std::uint64_t bytes = 0;
  std::uint64_t binary = 0;  ///< files left out because they are not text
  std::uint64_t unreadable = 0;
};
BOOST_DESCRIBE_STRUCT(Matches, (), (matches, truncated, files, bytes, binary, unreadable))

/// Matches come in order of path and line. Files with a zero byte in their first piece are not text.
[[nodiscard]] Matches search(const SearchArgs& args, conduit::Context& context);

}  // namespace files
