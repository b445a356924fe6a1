#pragma once
// From JSON lines to a History. Strict: a history that cannot be read in full proves nothing.

#include <istream>
#include <string>
#include <vector>

#include "check/history.h"

namespace conduitd {
class Json;
}

namespace conduitd::check {

/// Use: add() for each file, then take() once.
class Reader {
 public:
  /// Reads one file's lines. The error begins with "name:line: ".
  Result<> add(std::istream& lines, const std::string& name);
  /// The same for a file, or for every *.jsonl in a directory (at least one).
  Result<> add_path(const std::string& path);
  [[nodiscard]] History take();

 private:
  Result<> add_line(const std::string& text, std::uint32_t file, std::uint32_t line);
  Result<> fill(Event& event, const Json& json);
  Result<> fill_detail(Event& event, const Json& json, Detail& detail);

  History history_;
};

}  // namespace conduitd::check
