// The only file that knows yaml-cpp. Its events are taken, not its nodes: they carry the place of every key, show a
// repeated key, and let aliases be counted before they are copied.
#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <sstream>

#include "base/text.h"
#include "config/document.h"

namespace conduitd::config {
namespace {

constexpr std::string_view kStringTag = "tag:yaml.org,2002:str";

Position position(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

std::optional<std::int64_t> whole_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x")) base = 16;
  if (text.starts_with("0o")) base = 8;
  if (base != 10) text.remove_prefix(2);
  std::int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || text[0] == '-' || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return negative ? -value : value;
}

std::optional<double> real_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == ".inf") return negative ? -INFINITY : INFINITY;
  if (text == ".nan") return NAN;
  if (text.empty() || text[0] < '.' || text[0] > '9') return std::nullopt;
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ptr != text.data() + text.size()) return std::nullopt;
  return negative ? -value : value;
}

/// What an unquoted scalar means by YAML 1.2's core schema: `yes`, `on` and `12:30` are strings.
Node plain_scalar(const std::string& text) {
  Node node;
  node.text = text;
  if (text == "true" || text == "false") {
    node.kind = Node::Kind::boolean;
    node.boolean = text == "true";
  } else if (text.empty() || text == "~" || text == "null") {
    node.kind = Node::Kind::null;
  } else if (const auto whole = whole_number(text)) {
    node.kind = Node::Kind::integer;
    node.integer = *whole;
  } else if (const auto real = real_number(text)) {
    node.kind = Node::Kind::real;
    node.real = *real;
  } else {
    node.kind = Node::Kind::text;
  }
  return node;
}

std::size_t count_nodes(const Node& node) {
  std::size_t count = 1;
  for (const auto& element : node.list) count += count_nodes(element);
  for (const auto& member : node.members) count += count_nodes(member.value);
  return count;
}

/// The commonest reason for an error that speaks of something else.
bool has_tab_indent(std::string_view text, int line) {
  for (; line > 1 && !text.empty(); --line) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  const auto indent = text.substr(0, text.find_first_not_of(" \t"));
  return indent.find('\t') != std::string_view::npos;
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(Document& out, std::string_view text, const std::string& file) : out_(out), text_(text), file_(file) {}

  /// False when nothing that follows matters any more.
  [[nodiscard]] bool wants_more() const { return !stopped_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    const Position at = position(mark);
    // Before a stray ',' or ']' yaml-cpp finds empty documents without end, all in one place.
    const bool stuck = documents_ > 0 && at == document_;
    if (stuck) stop(at, "not YAML: a key is expected here");
    if (documents_++ > 0) stop(at, "a second document: one file holds one configuration");
    document_ = at;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    // For a missing value the mark is that of whatever comes next: add() gives it the place of its key.
    const bool is_value = !levels_.empty() && levels_.back().member;
    if (!is_value) node.at = position(mark);
    scalar(std::move(node), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    Node node;
    if (tag == "?") {
      node = plain_scalar(value);
    } else {
      node.kind = Node::Kind::text;
      node.text = value;
    }
    node.at = position(mark);
    if (tag != "?" && tag != "!" && tag != kStringTag) refuse_tag(node.at, tag);
    if (tag != "?" && !is_closed(static_cast<std::size_t>(mark.pos))) fault(node.at, "this string is never closed");
    scalar(std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (stopped_) return;
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) {
      fault(position(mark), "this alias refers to a value that contains it");
      add(Node{});
      return;
    }
    nodes_ += known->second.count;
    if (nodes_ > kMostNodes) {
      stop(position(mark), fmt::format("aliases make the file too large: {} values are allowed", kMostNodes));
      return;
    }
    add(known->second.node);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, position(mark), tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::table, position(mark), tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Level {
    Node node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    std::optional<Member> member;  ///< of a table: its key has come, its value not yet
    bool drop = false;             ///< that key cannot be used, so its value is not either
  };
  struct Anchored {
    Node node;
    std::size_t count = 0;
  };

  void fault(Position at, std::string what) { out_.faults.push_back({file_, at.line, at.column, std::move(what)}); }
  void stop(Position at, std::string what) {
    if (!stopped_) fault(at, std::move(what));
    stopped_ = true;
  }
  void refuse_tag(Position at, std::string_view tag) {
    fault(at, fmt::format("tag '{}': tags are not used here", escape_control(truncate(tag, 100))));
  }
  void remember(YAML::anchor_t anchor, const Node& node) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = {node, count_nodes(node)};
  }
  void scalar(Node node, YAML::anchor_t anchor) {
    if (stopped_) return;
    if (++nodes_ > kMostNodes) {
      stop(node.at, fmt::format("too many values: {} are allowed", kMostNodes));
      return;
    }
    remember(anchor, node);
    add(std::move(node));
  }
  void open(Node::Kind kind, Position at, const std::string& tag, YAML::anchor_t anchor) {
    if (stopped_) return;
    if (tag != "?" && tag != "!") refuse_tag(at, tag);
    if (levels_.size() > static_cast<std::size_t>(kDeepest)) {
      stop(at, fmt::format("nested too deeply: {} levels are allowed", kDeepest));
      return;
    }
    Level level;
    level.node.kind = kind;
    level.node.at = at;
    level.anchor = anchor;
    levels_.push_back(std::move(level));
  }
  void close() {
    if (stopped_) return;
    Node node = std::move(levels_.back().node);
    const auto anchor = levels_.back().anchor;
    levels_.pop_back();
    remember(anchor, node);
    add(std::move(node));
  }
  void add(Node node) {
    if (levels_.empty()) {
      out_.root = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.node.kind == Node::Kind::list) {
      level.node.list.push_back(std::move(node));
    } else if (level.member) {
      if (node.at.line == 0) node.at = level.member->at;
      level.member->value = std::move(node);
      if (!std::exchange(level.drop, false)) level.node.members.push_back(std::move(*level.member));
      level.member.reset();
    } else {
      add_key(level, node);
    }
  }
  /// yaml-cpp takes a quoted string that runs into the end of the file: half a file must not pass for a whole one.
  [[nodiscard]] bool is_closed(std::size_t start) const {
    if (start >= text_.size() || (text_[start] != '"' && text_[start] != '\'')) return true;
    const char quote = text_[start];
    for (std::size_t at = start + 1; at < text_.size(); ++at) {
      if (quote == '"' && text_[at] == '\\') {
        ++at;
      } else if (text_[at] == quote) {
        return true;
      }
    }
    return false;
  }
  void add_key(Level& level, const Node& node) {
    if (node.kind == Node::Kind::list || node.kind == Node::Kind::table || node.text.empty()) {
      fault(node.at, "a key must be a plain word");
      level.drop = true;
    }
    level.member = Member{node.text, node.at, {}};
    for (const auto& earlier : level.node.members) {
      if (earlier.key != node.text) continue;
      fault(node.at, fmt::format("duplicate key '{}': it is already set in line {}",
                                 escape_control(truncate(node.text, 100)), earlier.at.line));
      break;
    }
  }

  Document& out_;
  std::string_view text_;
  const std::string& file_;
  std::vector<Level> levels_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
  Position document_;  ///< where the last one began
  bool stopped_ = false;
};

}  // namespace

Document parse_yaml(std::string_view text, const std::string& file) {
  Document out;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Builder builder(out, text, file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (builder.wants_more() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    // yaml-cpp throws; the error goes no further than this.
    const Position at = error.mark.is_null() ? Position{} : position(error.mark);
    out.faults.push_back({file, at.line, at.column,
                          fmt::format("not YAML: {}{}", escape_control(error.msg),
                                      has_tab_indent(text, at.line) ? " (this line is indented by a tab: use spaces)" : "")});
  }
  return out;
}

}  // namespace conduitd::config
