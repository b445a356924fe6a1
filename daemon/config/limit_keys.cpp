#include "config/limit_keys.h"

#include <algorithm>

namespace conduitd::config {
namespace {

using job::Limit;

constexpr std::uint32_t kMany = 1'000'000;

Key scope_key(Limit& limit) {
  return choice_key("scope", job::to_string(limit.scope), {job::kScopeNames.begin(), job::kScopeNames.end()},
                    [&limit](const std::string& choice) { limit.scope = job::parse_scope(choice).value_or(limit.scope); });
}

/// Reads a text with a parser of ours; its error says what is allowed.
template <class Parse, class Take>
Key parsed_key(std::string name, std::string type, Parse parse, Take take) {
  Key key;
  key.name = std::move(name);
  key.type = std::move(type);
  key.read = [parse, take](Reader& reader, const Node& node, const std::string& path) {
    const auto text = reader.read_text(node, path);
    if (!text) return false;
    auto value = parse(text->value);
    if (!value.has_value()) return reader.wrong(node, path, value.error().message());
    take(std::move(value).value());
    return true;
  };
  return key;
}

Key key_key(Limit& limit) {
  return parsed_key("key", "member of the arguments or JSON pointer", job::parse_limit_key, [&limit](std::string key) { limit.key = std::move(key); });
}

Key rate_key(Limit& limit) {
  return parsed_key("rate", "rate", job::parse_rate, [&limit](job::Rate rate) {
    limit.most = rate.most;
    limit.period = rate.period;
  });
}

Key burst_key(Limit& limit) {
  return optional_key(limit.burst, "none", [](std::uint32_t& value) { return count_key("burst", value, 1, kMany); });
}

bool read_table(Reader& reader, const Node& node, const std::string& path, const Keys& keys, std::string_view needed) {
  const auto named = std::ranges::find_if(node.members, [needed](const Member& member) { return member.key == needed; });
  if (named == node.members.end()) return reader.wrong(node, path, std::string(needed) + " is needed in such a table");
  reader.read_table(node, path, keys);
  return true;
}

bool read_concurrency(Reader& reader, const Node& node, const std::string& path, Limit& limit) {
  if (node.kind == Node::Kind::table) {
    return read_table(reader, node, path, {count_key("limit", limit.most, 1, kMany), scope_key(limit), key_key(limit)}, "limit");
  }
  return count_key("concurrency", limit.most, 1, kMany).read(reader, node, path);
}

bool read_rate(Reader& reader, const Node& node, const std::string& path, Limit& limit) {
  limit.kind = Limit::Kind::rate;
  if (node.kind == Node::Kind::table) {
    return read_table(reader, node, path, {rate_key(limit), scope_key(limit), key_key(limit), burst_key(limit)}, "rate");
  }
  return rate_key(limit).read(reader, node, path);
}

Key limits_key(std::string name, std::string type, LimitList& limits, bool (*read)(Reader&, const Node&, const std::string&, Limit&)) {
  Key key;
  key.name = std::move(name);
  key.type = std::move(type);
  key.fallback = "as the plugin says";
  key.read = [&limits, read](Reader& reader, const Node& node, const std::string& path) {
    std::vector<Limit> found;
    bool good = true;
    if (node.kind == Node::Kind::list) {
      for (const auto& element : node.list) good = read(reader, element, path, found.emplace_back()) && good;
    } else {
      good = read(reader, node, path, found.emplace_back());
    }
    if (good) limits = std::move(found);
    return good;
  };
  return key;
}

}  // namespace

Key concurrency_key(LimitList& limits) {
  return limits_key("concurrency", "number from 1, table of limit, scope and key, or list of them", limits, read_concurrency);
}

Key rate_limit_key(LimitList& limits) {
  return limits_key("rate_limit", "rate, table of rate, scope, key and burst, or list of them", limits, read_rate);
}

bool check_limits(Reader& reader, const Node& node, const std::string& path, const LimitList& concurrency, const LimitList& rates) {
  std::vector<Limit> all;
  for (const auto* some : {&concurrency, &rates}) {
    if (*some) all.insert(all.end(), (*some)->begin(), (*some)->end());
  }
  const auto good = job::check(all);
  return good.has_value() || reader.wrong(node, path, good.error().message());
}

}  // namespace conduitd::config
