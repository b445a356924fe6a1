// The only file that knows toml++. Version 3.3.0 asserts in places that bad input reaches ("[*x]", "d = 2020-01-01 1"),
// and under NDEBUG lets the optimiser rely on it. Without the assertions it goes on to a proper error with its place.
#undef NDEBUG
#define TOML_ASSERT(expression) static_cast<void>(0)
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#include <fmt/format.h>
#include <toml++/toml.h>

#include "base/text.h"
#include "config/document.h"

namespace conduitd::config {
namespace {

Position position(const toml::source_region& region) {
  return {static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

class Converter {
 public:
  explicit Converter(Document& out, const std::string& file) : out_(out), file_(file) {}

  Node convert(const toml::node& from, Position fallback, int depth) {
    Node node;
    node.at = position(from.source());
    if (node.at.line == 0) node.at = fallback;  // a table that only its parts' headers name
    switch (from.type()) {
      case toml::node_type::table: convert_table(*from.as_table(), node, depth); break;
      case toml::node_type::array:
        node.kind = Node::Kind::list;
        for (const auto& element : *from.as_array()) node.list.push_back(convert(element, node.at, depth + 1));
        break;
      case toml::node_type::string:
        node.kind = Node::Kind::text;
        node.text = from.as_string()->get();
        break;
      case toml::node_type::integer:
        node.kind = Node::Kind::integer;
        node.integer = from.as_integer()->get();
        break;
      case toml::node_type::floating_point:
        node.kind = Node::Kind::real;
        node.real = from.as_floating_point()->get();
        break;
      case toml::node_type::boolean:
        node.kind = Node::Kind::boolean;
        node.boolean = from.as_boolean()->get();
        break;
      default: node.kind = Node::Kind::time; break;
    }
    return node;
  }

 private:
  void convert_table(const toml::table& from, Node& node, int depth) {
    node.kind = Node::Kind::table;
    if (depth > kDeepest) {
      if (out_.faults.empty()) {
        out_.faults.push_back({file_, node.at.line, node.at.column,
                               fmt::format("nested too deeply: {} levels are allowed", kDeepest)});
      }
      return;
    }
    for (const auto& [key, value] : from) {
      const Position at = position(key.source());
      node.members.push_back({std::string(key.str()), at, convert(value, at, depth + 1)});
    }
  }

  Document& out_;
  const std::string& file_;
};

Fault as_fault(const toml::parse_error& error, const std::string& file) {
  const auto at = position(error.source());
  std::string_view what = error.description();
  constexpr std::string_view kPreamble = "Error while parsing ";
  if (what.starts_with(kPreamble)) what.remove_prefix(kPreamble.size());
  const auto again = what.find("cannot redefine");
  if (again != std::string_view::npos) what.remove_prefix(again);
  return {file, at.line, at.column,
          fmt::format("{}: {}", again != std::string_view::npos ? "duplicate key" : "not TOML", escape_control(what))};
}

}  // namespace

Document parse_toml(std::string_view text, const std::string& file) {
  Document out;
  try {
    const toml::table parsed = toml::parse(text);
    out.root = Converter(out, file).convert(parsed, {1, 1}, 0);
  } catch (const toml::parse_error& error) {
    // toml++ throws; the error goes no further than this.
    out.faults.push_back(as_fault(error, file));
  }
  return out;
}

}  // namespace conduitd::config
