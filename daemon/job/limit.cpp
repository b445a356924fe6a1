#include "job/limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <span>

#include "base/text.h"

namespace conduitd::job {
namespace {

constexpr std::uint32_t kMost = 1'000'000;
constexpr std::int64_t kLateness = 20'000;  // microseconds a look may come late without loss
constexpr std::int64_t kLeastParts = 100;    // no more than one of so many is given away for it

Error fault(std::string_view member, std::string_view needed) {
  return {Errc::invalid_argument, fmt::format("option '{}': {} is needed", member, needed)};
}

Error no_rate(std::string_view text) {
  return {Errc::invalid_argument, fmt::format("'{}' is no rate: a number from 1 to {}, a slash and a time of at most 366d, in ms, s, m, h or d, are needed, as in \"10/s\", \"100/m\", "
                                              "\"5/10s\", \"2000/h\" or \"1000/day\"", escape_control(truncate(text, 100)), kMost)};
}

std::optional<Millis> unit(std::string_view word) {
  struct Unit {
    std::string_view letter, name;
    std::int64_t ms;
  };
  constexpr std::array<Unit, 5> kUnits{{{"ms", "millisecond", 1}, {"s", "second", 1'000}, {"m", "minute", 60'000}, {"h", "hour", 3'600'000},
                                        {"d", "day", 86'400'000}}};
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 3> kShort{{{"sec", 1'000}, {"min", 60'000}, {"hr", 3'600'000}}};
  for (const auto& one : kUnits) {
    if (word == one.letter || word == one.name || word == fmt::format("{}s", one.name)) return Millis{one.ms};
  }
  for (const auto& [name, ms] : kShort) {
    if (word == name) return Millis{ms};
  }
  return std::nullopt;
}

template <class Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc{} && end == text.data() + text.size();
}

/// A member that may stand alone or in a list.
Result<std::vector<Limit>> each_of(const Json& json, Result<Limit> (*read)(const Json&)) {
  std::vector<Limit> out;
  if (const auto* list = json.as_array()) {
    for (const auto& element : *list) {
      CONDUIT_TRY(auto limit, read(element));
      out.push_back(std::move(limit));
    }
    return out;
  }
  CONDUIT_TRY(auto limit, read(json));
  out.push_back(std::move(limit));
  return out;
}

Result<> check_members(std::string_view member, const Json::Object& members, std::span<const std::string_view> known) {
  for (const auto& [name, value] : members) {
    if (std::ranges::find(known, name) == known.end()) {
      return Error(Errc::invalid_argument, fmt::format("option '{}': it has no member '{}': {} are known", member, escape_control(truncate(name, 100)),
                                                       fmt::join(known, ", ")));
    }
  }
  return ok();
}

Result<std::uint32_t> to_count(std::string_view member, const Json& value) {
  const auto* number = value.as_int();
  if (number == nullptr || *number < 1 || *number > kMost) return fault(member, fmt::format("a number from 1 to {}", kMost));
  return static_cast<std::uint32_t>(*number);
}

Result<> read_scope_and_key(std::string_view member, const Json& json, Limit& limit) {
  if (const auto* scope = json.find("scope"); scope != nullptr && !scope->is_null()) {
    const auto* word = scope->as_string();
    const auto parsed = word != nullptr ? parse_scope(*word) : std::nullopt;
    if (!parsed) return fault(fmt::format("{}.scope", member), "global or worker");
    limit.scope = *parsed;
  }
  if (const auto* key = json.find("key"); key != nullptr && !key->is_null()) {
    const auto* text = key->as_string();
    if (text == nullptr) return fault(fmt::format("{}.key", member), "the name of a member of the arguments, or a JSON pointer,");
    auto pointer = parse_limit_key(*text);
    if (!pointer.has_value()) return pointer.error().within(fmt::format("option '{}.key'", member));
    limit.key = std::move(pointer.value());
  }
  return ok();
}

Result<Limit> concurrency_limit(const Json& json) {
  constexpr std::array<std::string_view, 3> kKnown{"limit", "scope", "key"};
  Limit limit;
  if (json.as_object() == nullptr) {
    CONDUIT_TRY(limit.most, to_count("concurrency", json));
    return limit;
  }
  CONDUIT_TRY(check_members("concurrency", *json.as_object(), kKnown));
  const auto* most = json.find("limit");
  if (most == nullptr) return fault("concurrency.limit", "a number");
  CONDUIT_TRY(limit.most, to_count("concurrency.limit", *most));
  CONDUIT_TRY(read_scope_and_key("concurrency", json, limit));
  return limit;
}

Result<Limit> rate_limit(const Json& json) {
  constexpr std::array<std::string_view, 4> kKnown{"rate", "scope", "key", "burst"};
  Limit limit;
  limit.kind = Limit::Kind::rate;
  const auto* text = json.as_string();
  if (json.as_object() != nullptr) {
    CONDUIT_TRY(check_members("rate_limit", *json.as_object(), kKnown));
    const auto* rate = json.find("rate");
    text = rate != nullptr ? rate->as_string() : nullptr;
    CONDUIT_TRY(read_scope_and_key("rate_limit", json, limit));
    if (const auto* burst = json.find("burst"); burst != nullptr && !burst->is_null()) {
      CONDUIT_TRY(limit.burst, to_count("rate_limit.burst", *burst));
    }
  }
  if (text == nullptr) return fault("rate_limit", "a rate such as \"100/m\"");
  auto rate = parse_rate(*text);
  if (!rate.has_value()) return rate.error().within("option 'rate_limit'");
  limit.most = rate.value().most;
  limit.period = rate.value().period;
  return limit;
}

Json to_json(const Limit& limit) {
  const bool rate = limit.kind == Limit::Kind::rate;
  const Json plain = rate ? Json(format_rate(limit)) : Json(limit.most);
  if (limit.scope == Limit::Scope::global && limit.key.empty() && !limit.burst) return plain;
  Json out;
  out.set(rate ? "rate" : "limit", plain);
  if (limit.scope != Limit::Scope::global) out.set("scope", to_string(limit.scope));
  if (!limit.key.empty()) out.set("key", limit.key);
  if (limit.burst) out.set("burst", *limit.burst);
  return out;
}

/// Finds the member of an object or the element of an array.
std::optional<std::string_view> step(std::string_view json, std::string_view token) {
  const auto members = split_json(json);
  if (!members.has_value()) return std::nullopt;
  const bool array = json.find_first_of("[{") != std::string_view::npos && json[json.find_first_of("[{")] == '[';
  if (array) {
    std::size_t index = 0;
    if (!read_number(token, index) || (token.size() > 1 && token[0] == '0') || index >= members.value().size()) return std::nullopt;
    return members.value()[index].value;
  }
  std::optional<std::string_view> out;  // of a repeated name the last
  for (const auto& member : members.value()) {
    if (member.key == token) out = member.value;
  }
  return out;
}

std::string unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      out += token[i];
    } else if (++i < token.size()) {
      out += token[i] == '0' ? '~' : '/';
    }
  }
  return out;
}

}  // namespace

std::string_view to_string(Limit::Scope scope) { return kScopeNames[static_cast<std::size_t>(scope)]; }

std::optional<Limit::Scope> parse_scope(std::string_view text) {
  const auto* const found = std::ranges::find(kScopeNames, text);
  if (found == kScopeNames.end()) return std::nullopt;
  return static_cast<Limit::Scope>(found - kScopeNames.begin());
}

Result<Rate> parse_rate(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return no_rate(text);
  Rate out;
  if (!read_number(text.substr(0, slash), out.most) || out.most < 1 || out.most > kMost) return no_rate(text);
  auto rest = text.substr(slash + 1);
  const auto digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  std::int64_t times = 1;
  if (digits > 0 && (!read_number(rest.substr(0, digits), times) || times < 1 || times > kMost)) return no_rate(text);
  const auto one = unit(rest.substr(digits));
  if (!one) return no_rate(text);
  out.period = *one * times;
  // Microseconds are what a start is counted in.
  if (out.period * 1'000 < Millis{out.most}) return no_rate(text);
  if (out.period > std::chrono::hours(24 * 366)) return no_rate(text);
  return out;
}

std::string format_rate(const Limit& limit) {
  const auto ms = limit.period.count();
  for (const auto& [letter, length] : {std::pair("d", 86'400'000LL), std::pair("h", 3'600'000LL), std::pair("m", 60'000LL), std::pair("s", 1'000LL)}) {
    if (ms % length == 0) return ms == length ? fmt::format("{}/{}", limit.most, letter) : fmt::format("{}/{}{}", limit.most, ms / length, letter);
  }
  return fmt::format("{}/{}ms", limit.most, ms);
}

Result<std::string> parse_limit_key(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  const auto wrong = [&](std::string_view why) {
    return Error(Errc::invalid_argument, fmt::format("'{}' {}: the name of a member of the arguments (\"tenant\") or a JSON pointer (\"/user/id\") is needed",
                                                     escape_control(truncate(text, 100)), why));
  };
  if (text.empty()) return wrong("is no key");
  if (text.size() > kLongest) return wrong("is too long");
  if (text[0] != '/') {
    std::string out("/");
    for (const char c : text) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return out;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '~' && (i + 1 >= text.size() || (text[i + 1] != '0' && text[i + 1] != '1'))) return wrong("has a ~ without 0 or 1 behind it");
  }
  return std::string(text);
}

Result<> check(const std::vector<Limit>& limits) {
  std::string key;
  for (const auto& limit : limits) {
    if (limit.key.empty() || limit.key == key) continue;
    if (!key.empty()) {
      return Error(Errc::invalid_argument,
                   fmt::format("limits by '{}' and by '{}': the limits of a task may have one key between them", key, limit.key));
    }
    key = limit.key;
  }
  return ok();
}

std::string key_of(const std::vector<Limit>& limits) {
  for (const auto& limit : limits) {
    if (!limit.key.empty()) return limit.key;
  }
  return {};
}

std::string account_name(const Limit& rate, std::string_view worker, std::string_view value) {
  auto out = format_rate(rate);
  if (rate.burst) out += fmt::format("+{}", *rate.burst);
  if (rate.scope == Limit::Scope::worker) out += fmt::format("@{}", worker);
  if (!rate.key.empty()) out += fmt::format(" {}={}", rate.key, value);
  return out;
}

std::string heavy_account_name(std::string_view account) { return fmt::format("{} heavy", account); }

std::string describe(const Limit& limit) {
  auto out = limit.kind == Limit::Kind::rate ? format_rate(limit) : fmt::format("at most {} at once", limit.most);
  if (limit.burst) out += fmt::format(" with bursts of {}", *limit.burst);
  if (!limit.key.empty()) out += fmt::format(" for each {}", limit.key);
  if (limit.scope == Limit::Scope::worker) out += " on each worker";
  return out;
}

std::string key_value(std::string_view args, std::string_view pointer) {
  // What was submitted has been checked; what somebody wrote into the store has not.
  if (!validate_json(args, {args.size(), 1'000}).has_value()) return {};
  while (!pointer.empty()) {
    const auto end = std::min(pointer.find('/', 1), pointer.size());
    const auto next = step(args, unescaped(pointer.substr(1, end - 1)));
    if (!next) return {};
    args = *next;
    pointer.remove_prefix(end);
  }
  const auto value = parse_json(args, {args.size(), 1'000});
  if (!value.has_value()) return {};
  if (const auto* text = value.value().as_string()) return *text;
  if (const auto* truth = value.value().as_bool()) return *truth ? "true" : "false";
  if (const auto* whole = value.value().as_int()) return fmt::format("{}", *whole);
  if (const auto number = value.value().as_number()) return fmt::format("{:.17g}", *number);
  return {};
}

Result<std::vector<Limit>> concurrency_from(const Json& json) { return each_of(json, concurrency_limit); }
Result<std::vector<Limit>> rates_from(const Json& json) { return each_of(json, rate_limit); }

void add_to(Json& options, const std::vector<Limit>& limits) {
  for (const auto kind : {Limit::Kind::concurrency, Limit::Kind::rate}) {
    std::vector<Json> some;
    for (const auto& limit : limits) {
      if (limit.kind == kind) some.push_back(to_json(limit));
    }
    if (some.empty()) continue;
    options.set(kind == Limit::Kind::rate ? "rate_limit" : "concurrency", some.size() == 1 ? some.front() : Json(Json::Array(some)));
  }
}

Pacing pacing_of(const Limit& rate) {
  const auto period = std::chrono::microseconds(rate.period).count();
  const auto most = static_cast<std::int64_t>(rate.most);
  if (rate.burst) {
    const auto interval = (period + most - 1) / most;
    return {interval, (static_cast<std::int64_t>(*rate.burst) - 1) * interval};
  }
  const auto tolerance = std::min(period / kLeastParts, kLateness);
  return {(period + tolerance + most - 1) / most, tolerance};
}

Admitted admit(const Pacing& pacing, std::int64_t account, std::int64_t now, std::uint64_t wanted, Load load) {
  // It is never further ahead than this, unless the clock was set back.
  if (!load.after_heavy) account = std::min(account, now + pacing.tolerance + pacing.interval);
  Admitted out;
  const auto step = pacing.interval * load.weight;
  const auto from = std::max(account, now);
  if (from - now <= pacing.tolerance) {
    out.count = std::min(wanted, static_cast<std::uint64_t>((now + pacing.tolerance - from) / step) + 1);
  }
  out.account = out.count > 0 ? from + static_cast<std::int64_t>(out.count) * step : account;
  out.next = std::max(out.account, now) - pacing.tolerance;
  return out;
}

Millis wait_for_rate(const Limit& rate, std::int64_t account, std::int64_t now) {
  const auto pacing = pacing_of(rate);
  const Load any{.weight = 1, .after_heavy = true};
  if (admit(pacing, account, now, 1, any).count > 0) return Millis{0};
  return std::chrono::ceil<Millis>(std::chrono::microseconds(admit(pacing, account, now, 0, any).next - now));
}

}  // namespace conduitd::job
