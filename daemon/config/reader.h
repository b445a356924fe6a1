#pragma once
// Reads the nodes of a document against a list of keys and notes every fault with its place.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/fill_in.h"
#include "config/load.h"

namespace conduitd::config {

class Reader;

/// One key of a table: how it is named, described and read.
struct Key {
  std::string name;
  std::string type;      ///< for people: "duration, 300ms to 1h"
  std::string fallback;  ///< the default as TOML writes it; empty for a table
  /// Reads a node into the value the key stands for. False, and a fault noted, if that cannot be.
  std::function<bool(Reader&, const Node&, const std::string& path)> read;
  std::vector<Key> keys;     ///< of a table, or of each table in it: for the reference, these read nothing
  std::string path_of_keys;  ///< how their paths begin: "broker", "queue[]", "task.<name>"
};
using Keys = std::vector<Key>;

/// A string of the file after ${...} was filled in.
struct Text {
  std::string value;
  std::string literal;  ///< see Filled
  std::string shown;    ///< what a fault may print: the text as it stands in the file
  bool replaced = false;
  std::vector<std::string> variables;  ///< see Filled
};

/// Where a value was last set.
struct Place {
  std::string file;
  Position at;
};

class Reader {
 public:
  /// Both are kept by reference.
  Reader(const Sources& sources, Loaded& out) : sources_(sources), out_(out) {}

  /// From here on faults are about `file`; `mode` is its permission bits.
  void begin_file(const std::string& file, unsigned mode);
  void read_table(const Node& node, const std::string& path, const Keys& keys);

  [[nodiscard]] std::optional<Text> read_text(const Node& node, const std::string& path);
  /// Notes "path: `expected` is needed, not ..." at `node`; always false.
  bool wrong_type(const Node& node, const std::string& path, std::string_view expected);
  /// Notes "path: what" at `node`; always false.
  bool wrong(const Node& node, const std::string& path, std::string_view what);
  void fault(Position at, std::string what);
  void fault(const Place& place, std::string what);
  void warning(const Place& place, std::string what);
  /// `text` holds a secret: the variables it came from are Loaded::secret_variables. Warns if what stands in the file
  /// itself, `literal`, is there for others to read.
  void note_secret(Position at, const std::string& path, const Text& text, std::string_view literal);

  /// Where `path` was set, or none if it was not.
  [[nodiscard]] const Place* place(const std::string& path) const;
  [[nodiscard]] Place here(Position at) const { return {file_, at}; }
  [[nodiscard]] unsigned mode() const { return mode_; }
  /// How many faults were noted so far.
  [[nodiscard]] std::size_t faults() const { return out_.faults.size(); }
  [[nodiscard]] const Sources& sources() const { return sources_; }

 private:
  void unknown_key(const Member& member, const std::string& path, const Keys& keys);

  const Sources& sources_;
  Loaded& out_;
  std::string file_;
  unsigned mode_ = 0;
  std::map<std::string, Place> places_;
};

/// "a.b", with quotes where the key needs them: task."images.resize".
[[nodiscard]] std::string join_path(const std::string& path, std::string_view key);

}  // namespace conduitd::config
