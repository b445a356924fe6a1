#pragma once
// The examples of a page of the documentation, as they stand there.

#include <fstream>
#include <string>
#include <vector>

namespace conduitd::test {

/// The blocks of a document that begin with this line.
inline std::vector<std::string> blocks_of(const std::string& file, const std::string& fence) {
  std::ifstream in(file);
  std::vector<std::string> out;
  bool inside = false;
  bool wanted = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      inside = !inside;
      wanted = inside && line == fence;
      if (wanted) out.emplace_back();
    } else if (wanted) {
      out.back() += line + "\n";
    }
  }
  return out;
}

}  // namespace conduitd::test
