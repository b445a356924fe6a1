#include "base/json.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <charconv>
#include <cmath>
#include <optional>

namespace conduitd {
namespace {

// The iterative parser: RapidJSON's recursive one overflows the stack on deep input. Numbers come as text: RapidJSON's own
// exact reading of them counts the leading zero bits of 0E99, which are undefined.
constexpr unsigned kParseFlags =
    rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;

constexpr const char* kTooBig = "Number too big to be stored in double.";
constexpr const char* kLoneSurrogate = "The surrogate pair in string is invalid.";

/// Whether a number that no double holds is too small for one, not too large. RapidJSON has refused those that are far too large.
bool is_tiny(std::string_view text) {
  const auto mark = text.find_first_of("eE");
  if (mark != std::string_view::npos) return text[mark + 1] == '-';
  return text.starts_with("0.") || text.starts_with("-0.");
}

/// The value of a JSON number, the nearest double to it where it has a fraction or an exponent. None: it is too large for one.
std::optional<double> to_double(std::string_view text) {
  double value = 0;
  const auto outcome = std::from_chars(text.data(), text.data() + text.size(), value);
  if (outcome.ec == std::errc{} && std::isfinite(value)) return value;
  if (is_tiny(text)) return 0.0;
  return std::nullopt;
}

/// What RapidJSON lets through: an escape that stands for half a character (\udc00 alone) becomes bytes that are not UTF-8.
bool has_lone_surrogate(std::string_view text) {
  for (auto at = text.find('\xED'); at != std::string_view::npos; at = text.find('\xED', at + 1)) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return true;
  }
  return false;
}

/// What the two handlers refuse alike. A handler that returns false leaves the reason in `refused`.
template <class Handler>
struct Guard : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Handler> {
  bool refuse(const char* reason) {
    refused = reason;
    return false;
  }
  bool accept(const char* text, rapidjson::SizeType size) {
    return !has_lone_surrogate({text, size}) || refuse(kLoneSurrogate);
  }
  const char* refused = nullptr;  ///< none: it is nested too deeply
};

/// Counts depth and drops everything: what validate_json needs.
struct Validator : Guard<Validator> {
  explicit Validator(std::size_t limit) : depth_limit(limit) {}
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    constexpr std::size_t kAlwaysFits = 308;  // digits, without an exponent
    const std::string_view number(text, size);
    if (size <= kAlwaysFits && number.find_first_of("eE") == std::string_view::npos) return true;
    return to_double(number).has_value() || refuse(kTooBig);
  }
  bool String(const char* text, rapidjson::SizeType size, bool) { return accept(text, size); }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return accept(text, size); }
  bool StartObject() { return enter(); }
  bool EndObject(rapidjson::SizeType) { return leave(); }
  bool StartArray() { return enter(); }
  bool EndArray(rapidjson::SizeType) { return leave(); }
  bool enter() { return ++depth <= depth_limit; }
  bool leave() {
    --depth;
    return true;
  }
  std::size_t depth_limit;
  std::size_t depth = 0;
};

/// Builds a Json tree without recursion.
struct Builder : Guard<Builder> {
  explicit Builder(std::size_t limit) : depth_limit(limit) {}
  struct Level {
    Json value;
    std::string key;
  };
  bool add(Json value) {
    if (levels.empty()) {
      root = std::move(value);
    } else if (levels.back().value.as_array() != nullptr) {
      levels.back().value.push(std::move(value));
    } else {
      levels.back().value.append(std::move(levels.back().key), std::move(value));
    }
    return true;
  }
  bool Null() { return add(nullptr); }
  bool Bool(bool value) { return add(value); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    const std::string_view number(text, size);
    if (number.find_first_of(".eE") == std::string_view::npos) {
      std::int64_t whole = 0;
      if (std::from_chars(text, text + size, whole).ec == std::errc{}) return add(whole);
    }
    const auto value = to_double(number);
    return value ? add(*value) : refuse(kTooBig);
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return accept(text, size) && add(std::string(text, size));
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    levels.back().key.assign(text, size);
    return accept(text, size);
  }
  bool enter(Json value) {
    levels.push_back({std::move(value), {}});
    return levels.size() <= depth_limit;
  }
  bool leave() {
    Json value = std::move(levels.back().value);
    levels.pop_back();
    return add(std::move(value));
  }
  bool StartObject() { return enter(Json::Object{}); }
  bool EndObject(rapidjson::SizeType) { return leave(); }
  bool StartArray() { return enter(Json::Array{}); }
  bool EndArray(rapidjson::SizeType) { return leave(); }

  std::size_t depth_limit;
  std::vector<Level> levels;
  Json root;
};

template <class Handler>
Result<> run_parser(std::string_view text, JsonLimits limits, Handler& handler) {
  if (text.size() > limits.size) {
    return Error(Errc::invalid_argument,
                 fmt::format("JSON is too large: {} bytes, at most {} are allowed", text.size(), limits.size));
  }
  // RapidJSON takes a zero byte for the end of the text and would not look at what follows.
  if (const auto zero = text.find('\0'); zero != std::string_view::npos) {
    return Error(Errc::invalid_argument, fmt::format("JSON does not parse at byte {}: a zero byte is not allowed", zero));
  }
  rapidjson::MemoryStream input(text.data(), text.size());
  rapidjson::Reader reader;
  const auto outcome = reader.Parse<kParseFlags>(input, handler);
  if (!outcome.IsError()) return ok();
  const bool refused = outcome.Code() == rapidjson::kParseErrorTermination;
  if (refused && handler.refused == nullptr) {
    return Error(Errc::invalid_argument,
                 fmt::format("JSON is nested too deeply: at most {} levels are allowed", limits.depth));
  }
  if (outcome.Code() == rapidjson::kParseErrorStringInvalidEncoding) {
    return Error(Errc::invalid_argument, fmt::format("JSON is not valid UTF-8 at byte {}", outcome.Offset()));
  }
  return Error(Errc::invalid_argument, fmt::format("JSON does not parse at byte {}: {}", outcome.Offset(),
                                                   refused ? handler.refused : rapidjson::GetParseError_En(outcome.Code())));
}

// Our own trees are shallow or were bounded by parse_json, so writing may recurse.
template <class Writer>
struct Emit {
  Writer& writer;
  void operator()(std::monostate) const { writer.Null(); }
  void operator()(bool value) const { writer.Bool(value); }
  void operator()(std::int64_t value) const { writer.Int64(value); }
  void operator()(double value) const {
    if (std::isfinite(value)) {
      writer.Double(value);
    } else {
      writer.Null();  // JSON has no way to write it
    }
  }
  void operator()(const std::string& value) const {
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }
  void operator()(const Json::Raw& raw) const {
    if (raw.text.empty()) {
      writer.Null();
    } else {
      writer.RawValue(raw.text.data(), raw.text.size(), rapidjson::kObjectType);
    }
  }
  void operator()(const Json::Array& array) const {
    writer.StartArray();
    for (const auto& element : array) element.visit(*this);
    writer.EndArray();
  }
  void operator()(const Json::Object& object) const {
    writer.StartObject();
    for (const auto& [key, value] : object) {
      writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
      value.visit(*this);
    }
    writer.EndObject();
  }
};

}  // namespace

std::optional<double> Json::as_number() const {
  if (const auto* whole = as_int()) return static_cast<double>(*whole);
  if (const auto* number = std::get_if<double>(&value_)) return *number;
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  if (const auto* object = as_object()) {
    for (auto member = object->rbegin(); member != object->rend(); ++member) {
      if (member->first == key) return &member->second;
    }
  }
  return nullptr;
}

std::string Json::string_or(std::string_view key, std::string_view fallback) const {
  const Json* member = find(key);
  const auto* text = member != nullptr ? member->as_string() : nullptr;
  return text != nullptr ? *text : std::string(fallback);
}

std::int64_t Json::int_or(std::string_view key, std::int64_t fallback) const {
  const Json* member = find(key);
  const auto* number = member != nullptr ? member->as_int() : nullptr;
  return number != nullptr ? *number : fallback;
}

bool Json::bool_or(std::string_view key, bool fallback) const {
  const Json* member = find(key);
  const auto* flag = member != nullptr ? member->as_bool() : nullptr;
  return flag != nullptr ? *flag : fallback;
}

Json& Json::set(std::string key, Json value) {
  if (is_null()) value_ = Object{};
  auto& object = std::get<Object>(value_);
  for (auto& [name, old] : object) {
    if (name == key) {
      old = std::move(value);
      return *this;
    }
  }
  object.emplace_back(std::move(key), std::move(value));
  return *this;
}

Json& Json::append(std::string key, Json value) {
  if (is_null()) value_ = Object{};
  std::get<Object>(value_).emplace_back(std::move(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array{};
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

std::string Json::text(bool indented) const {
  rapidjson::StringBuffer buffer;
  if (indented) {
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
    writer.SetIndent(' ', 2);
    visit(Emit<decltype(writer)>{writer});
  } else {
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    visit(Emit<decltype(writer)>{writer});
  }
  return {buffer.GetString(), buffer.GetSize()};
}

Result<Json> parse_json(std::string_view text, JsonLimits limits) {
  Builder builder(limits.depth);
  CONDUIT_TRY(run_parser(text, limits, builder));
  return std::move(builder.root);
}

Result<> validate_json(std::string_view text, JsonLimits limits) {
  Validator validator(limits.depth);
  return run_parser(text, limits, validator);
}

namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// The end of the value that begins at `begin` in well-formed JSON.
std::size_t value_end(std::string_view text, std::size_t begin) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t at = begin; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (depth > 0 && (c == '}' || c == ']')) {
      --depth;
    } else if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
      return at;
    }
  }
  return text.size();
}

}  // namespace

Result<std::vector<RawMember>> split_json(std::string_view text) {
  std::vector<RawMember> members;
  auto at = text.find_first_not_of(kSpace);
  if (at == std::string_view::npos || (text[at] != '{' && text[at] != '[')) {
    return Error(Errc::invalid_argument, "a JSON object or array is needed");
  }
  const bool keyed = text[at] == '{';
  for (;;) {
    at = text.find_first_not_of(kSpace, at + 1);
    if (at == std::string_view::npos || text[at] == '}' || text[at] == ']') return members;
    RawMember member;
    if (keyed) {
      auto close = at + 1;
      while (text[close] != '"') close += text[close] == '\\' ? 2 : 1;
      CONDUIT_TRY(const auto key, parse_json(text.substr(at, close + 1 - at)));
      member.key = *key.as_string();
      at = text.find_first_not_of(kSpace, text.find(':', close) + 1);
    }
    const auto end = value_end(text, at);
    const auto value = text.substr(at, end - at);
    member.value = value.substr(0, value.find_last_not_of(kSpace) + 1);
    members.push_back(std::move(member));
    at = end;
    if (at >= text.size() || text[at] != ',') return members;
  }
}

}  // namespace conduitd
