#include "config/keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "job/id.h"

namespace conduitd::config {
namespace {

constexpr std::string_view kNameRule = "1 to 100 of A-Z a-z 0-9 _ . - are allowed";

Key make_key(std::string name, std::string type, std::string fallback) {
  Key key;
  key.name = std::move(name);
  key.type = std::move(type);
  key.fallback = std::move(fallback);
  return key;
}

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", text); }

/// The tail of a fault on `text`: how it reads in the file, and no more than that.
std::string not_text(const Text& text) {
  return fmt::format("not '{}'{}", text.shown, text.replaced ? " (as filled in)" : "");
}

/// The keys as the reference shows them: without the ways into a target that may be gone by then.
Keys described(Keys keys) {
  for (auto& key : keys) key.read = nullptr;
  return keys;
}

}  // namespace

Key text_key(std::string name, std::string& target, std::string type, TextCheck check) {
  Key key = make_key(std::move(name), std::move(type), quoted(target));
  key.read = [&target, check = std::move(check)](Reader& reader, const Node& node, const std::string& path) {
    auto text = reader.read_text(node, path);
    if (!text) return false;
    if (const auto what = check ? check(text->value) : std::string{}; !what.empty()) {
      return reader.wrong(node, path, what);
    }
    target = std::move(text->value);
    return true;
  };
  return key;
}

Key secret_key(std::string name, std::string& target) {
  Key key = make_key(std::move(name), "string, a secret", quoted(target));
  key.read = [&target](Reader& reader, const Node& node, const std::string& path) {
    auto text = reader.read_text(node, path);
    if (!text) return false;
    reader.note_secret(node.at, path, *text, text->literal);
    target = std::move(text->value);
    return true;
  };
  return key;
}

Key name_key(std::string name, std::string& target, bool may_be_empty) {
  Key key = make_key(std::move(name), "name", quoted(target));
  key.read = [&target, may_be_empty](Reader& reader, const Node& node, const std::string& path) {
    auto text = reader.read_text(node, path);
    if (!text) return false;
    if (!job::is_valid_name(text->value) && !(may_be_empty && text->value.empty())) {
      return reader.wrong(node, path, fmt::format("a name is needed, {}: {}", not_text(*text), kNameRule));
    }
    target = std::move(text->value);
    return true;
  };
  return key;
}

Key names_key(std::string name, std::vector<std::string>& target) {
  Key key = make_key(std::move(name), "list of names", "[]");
  key.read = [&target](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind != Node::Kind::list) return reader.wrong_type(node, path, "a list of names");
    std::vector<std::string> names;
    bool good = true;
    for (const auto& element : node.list) {
      std::string value;
      if (!name_key({}, value, false).read(reader, element, path)) {
        good = false;
      } else if (std::find(names.begin(), names.end(), value) != names.end()) {
        good = reader.wrong(element, path, "this name is in the list twice");
      } else {
        names.push_back(std::move(value));
      }
    }
    if (good) target = std::move(names);
    return good;
  };
  return key;
}

Key choice_key(std::string name, std::string_view current, std::vector<std::string> choices,
               std::function<void(const std::string& choice)> set) {
  Key key = make_key(std::move(name), fmt::format("one of {}", fmt::join(choices, ", ")), quoted(current));
  key.read = [set = std::move(set), choices = std::move(choices)](Reader& reader, const Node& node,
                                                                  const std::string& path) {
    const auto text = reader.read_text(node, path);
    if (!text) return false;
    if (std::find(choices.begin(), choices.end(), text->value) == choices.end()) {
      const auto meant = text->replaced ? std::nullopt : nearest(text->value, choices);
      return reader.wrong(node, path, fmt::format("one of {} is needed, {}{}", fmt::join(choices, ", "), not_text(*text),
                                                  meant ? fmt::format(": did you mean '{}'?", *meant) : ""));
    }
    set(text->value);
    return true;
  };
  return key;
}

Key choice_key(std::string name, std::string& target, std::vector<std::string> choices) {
  return choice_key(std::move(name), target, std::move(choices), [&target](const std::string& choice) { target = choice; });
}

Key flag_key(std::string name, bool& target) {
  Key key = make_key(std::move(name), "true or false", target ? "true" : "false");
  key.read = [&target](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind != Node::Kind::boolean) return reader.wrong_type(node, path, "true or false");
    target = node.boolean;
    return true;
  };
  return key;
}

Key count_key(std::string name, std::uint32_t& target, std::uint32_t low, std::uint32_t high) {
  Key key = make_key(std::move(name), fmt::format("whole number, {} to {}", low, high), fmt::format("{}", target));
  key.read = [&target, low, high](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind == Node::Kind::real) {
      return reader.wrong(node, path, fmt::format("a whole number is needed, not {}", node.real));
    }
    if (node.kind != Node::Kind::integer) return reader.wrong_type(node, path, "a whole number");
    if (node.integer < low || node.integer > high) {
      return reader.wrong(node, path, fmt::format("{} to {} are allowed, not {}", low, high, node.integer));
    }
    target = static_cast<std::uint32_t>(node.integer);
    return true;
  };
  return key;
}

Key share_key(std::string name, double& target) {
  Key key = make_key(std::move(name), "number, 0 to 1", fmt::format("{}", target));
  key.read = [&target](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind != Node::Kind::integer && node.kind != Node::Kind::real) {
      return reader.wrong_type(node, path, "a number");
    }
    const double value = node.kind == Node::Kind::integer ? static_cast<double>(node.integer) : node.real;
    if (!(value >= 0 && value <= 1)) return reader.wrong(node, path, fmt::format("0 to 1 is allowed, not {}", value));
    target = value;
    return true;
  };
  return key;
}

Key duration_key(std::string name, Millis& target, Millis low, Millis high) {
  const auto range = fmt::format("{} to {}", format_duration(low), format_duration(high));
  Key key = make_key(std::move(name), "duration, " + range, quoted(format_duration(target)));
  key.read = [&target, low, high, range](Reader& reader, const Node& node, const std::string& path) {
    constexpr std::string_view kForm = "a duration (a string of a number and ms, s, m, h or d, as in \"30s\")";
    if (node.kind != Node::Kind::text) return reader.wrong_type(node, path, kForm);
    const auto text = reader.read_text(node, path);
    if (!text) return false;
    const auto value = parse_duration(text->value);
    if (!value.has_value()) return reader.wrong(node, path, fmt::format("{} is needed, {}", kForm, not_text(*text)));
    if (value.value() < low || value.value() > high) {
      return reader.wrong(node, path, fmt::format("{} is allowed, {}", range, not_text(*text)));
    }
    target = value.value();
    return true;
  };
  return key;
}

Key durations_key(std::string name, std::vector<Millis>& target, Millis low, Millis high) {
  Key key = make_key(std::move(name), fmt::format("list of durations, {} to {}", format_duration(low), format_duration(high)), "[]");
  key.read = [&target, low, high](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind != Node::Kind::list) return reader.wrong_type(node, path, "a list of durations, as in [\"1s\", \"1m\"]");
    target.clear();
    bool good = true;
    for (const auto& element : node.list) {
      target.emplace_back();
      good &= duration_key({}, target.back(), low, high).read(reader, element, path);
    }
    return good;
  };
  return key;
}

Key size_key(std::string name, std::uint64_t& target, std::uint64_t low, std::uint64_t high, bool zero_means_none) {
  const auto range =
      fmt::format("{}{} to {}", zero_means_none ? "0 (none) or " : "", format_size(low), format_size(high));
  Key key = make_key(std::move(name), "size, " + range, target == 0 ? "0" : quoted(format_size(target)));
  key.read = [=, &target](Reader& reader, const Node& node, const std::string& path) {
    constexpr std::string_view kForm = "a size (a number of bytes, or a string as in \"512MiB\")";
    Text text{.value = {}, .literal = {}, .shown = fmt::format("{}", node.integer), .replaced = false, .variables = {}};
    std::uint64_t value = node.integer < 0 ? high + 1 : static_cast<std::uint64_t>(node.integer);
    if (node.kind == Node::Kind::text) {
      auto read = reader.read_text(node, path);
      if (!read) return false;
      text = std::move(*read);
      const auto parsed = parse_size(text.value);
      if (!parsed.has_value()) return reader.wrong(node, path, fmt::format("{} is needed, {}", kForm, not_text(text)));
      value = parsed.value();
    } else if (node.kind != Node::Kind::integer) {
      return reader.wrong_type(node, path, kForm);
    }
    if ((value < low || value > high) && !(zero_means_none && value == 0)) {
      return reader.wrong(node, path, fmt::format("{} is allowed, {}", range, not_text(text)));
    }
    target = value;
    return true;
  };
  return key;
}

Key table_key(std::string name, Keys keys) {
  Key key = make_key(name, "table", {});
  key.path_of_keys = std::move(name);
  key.keys = described(keys);
  key.read = [keys = std::move(keys)](Reader& reader, const Node& node, const std::string& path) {
    reader.read_table(node, path, keys);
    return node.kind == Node::Kind::table;
  };
  return key;
}

}  // namespace conduitd::config
