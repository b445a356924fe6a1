#pragma once
// A configuration file as a tree that no longer knows whether it was TOML or YAML. Every node knows where it stands.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace conduitd::config {

/// Line and column, both from 1; 0 if there is none.
struct Position {
  int line = 0;
  int column = 0;
  bool operator==(const Position&) const = default;
};

struct Member;

struct Node {
  enum class Kind : std::uint8_t { null, boolean, integer, real, text, time, list, table };

  Kind kind = Kind::null;
  Position at;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;             ///< of a text; YAML also leaves here how any other scalar was written
  std::vector<Node> list;
  std::vector<Member> members;  ///< of a table, in the order of the file (TOML: of the alphabet); a repeated key is there twice
};

struct Member {
  std::string key;
  Position at;
  Node value;
};

/// "a string", "a whole number", ...: what a node of this kind is called in a fault.
[[nodiscard]] std::string_view describe(Node::Kind kind);

struct Document {
  Node root;                  ///< a table, or null if the file holds nothing
  std::vector<Fault> faults;  ///< what the format itself forbids; `root` is then what could still be read
};

/// Bounds of what is read. A configuration is small; what is larger is a mistake or an attack on the parser.
inline constexpr std::size_t kLargestFile = 1024 * 1024;
inline constexpr std::size_t kLongestLine = 16 * 1024;
inline constexpr int kDeepest = 32;
inline constexpr std::size_t kMostNodes = 20'000;

/// Neither throws. `text` must be UTF-8 within the bounds above (load() checks); `file` is only named in faults.
[[nodiscard]] Document parse_toml(std::string_view text, const std::string& file);
[[nodiscard]] Document parse_yaml(std::string_view text, const std::string& file);

}  // namespace conduitd::config
