#pragma once
// The functions of conduit::Json. RapidJSON reads and writes the text; the tree is our own, so that
// no RapidJSON type shows in what authors write. Include <conduit/json.hpp>, not this file.

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <conduit/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace conduit {
namespace detail {

/// `text` in quotes, cut to a length that suits an error message.
inline std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 40;
  if (text.size() <= kShown) return '"' + std::string(text) + '"';
  std::size_t end = kShown;  // never cut inside a UTF-8 sequence
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return '"' + std::string(text.substr(0, end)) + "...\"";
}

/// What a value is, for "expected ..., got ...".
inline std::string shown(const Json& value) {
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  if (value.is_string()) return in_quotes(value.text());
  return value.dump();
}

/// Whether a number that no double holds is too small for one, not too large.
/// RapidJSON has refused those that are far too large.
inline bool is_tiny_number(std::string_view text) {
  const auto mark = text.find_first_of("eE");
  if (mark != std::string_view::npos) return text[mark + 1] == '-';
  return text.starts_with("0.") || text.starts_with("-0.");
}

/// The nearest double to a JSON number; none if it is too large for one.
inline std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto outcome = std::from_chars(text.data(), text.data() + text.size(), value);
  if (outcome.ec == std::errc{} && std::isfinite(value)) return value;
  if (is_tiny_number(text)) return 0.0;
  return std::nullopt;
}

/// Whether an escape stood for half a character (\udc00 alone), which RapidJSON takes.
inline bool has_lone_surrogate(std::string_view text) {
  for (auto at = text.find('\xED'); at != std::string_view::npos; at = text.find('\xED', at + 1)) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0U) return true;
  }
  return false;
}

/// Builds a tree from RapidJSON's events. A level is an array or object that is still open.
class TreeBuilder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, TreeBuilder> {
 public:
  explicit TreeBuilder(std::size_t depth_limit) : depth_limit_(depth_limit) {}

  bool Null() { return add(Json()); }
  bool Bool(bool value) { return add(Json(value)); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    const std::string_view number(text, size);
    if (number.find_first_of(".eE") == std::string_view::npos) {
      std::int64_t whole = 0;
      if (std::from_chars(text, text + size, whole).ec == std::errc{}) return add(Json(whole));
      std::uint64_t large = 0;
      if (std::from_chars(text, text + size, large).ec == std::errc{}) return add(Json(large));
    }
    const auto value = number_of(number);
    return value ? add(Json(*value)) : refuse("Number too big to be stored in double.");
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return accept(text, size) && add(Json(std::string(text, size)));
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    open_.back().key.assign(text, size);
    return accept(text, size);
  }
  bool StartObject() { return enter(true); }
  bool EndObject(rapidjson::SizeType) { return leave(); }
  bool StartArray() { return enter(false); }
  bool EndArray(rapidjson::SizeType) { return leave(); }

  Json take() { return std::move(root_); }
  /// Why it returned false; none: the text is nested too deeply.
  const char* refused() const { return refused_; }

 private:
  struct Level {
    bool is_object = false;
    std::string key;
    Json::Object members;
    Json::Array elements;
  };

  bool refuse(const char* reason) {
    refused_ = reason;
    return false;
  }
  bool accept(const char* text, rapidjson::SizeType size) {
    return !has_lone_surrogate({text, size}) || refuse("The surrogate pair in string is invalid.");
  }
  bool add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().is_object) {
      open_.back().members.emplace_back(std::move(open_.back().key), std::move(value));
    } else {
      open_.back().elements.push_back(std::move(value));
    }
    return true;
  }
  bool enter(bool is_object) {
    if (open_.size() == depth_limit_) return false;
    open_.emplace_back().is_object = is_object;
    return true;
  }
  bool leave() {
    Level level = std::move(open_.back());
    open_.pop_back();
    return add(level.is_object ? Json(std::move(level.members)) : Json(std::move(level.elements)));
  }

  std::size_t depth_limit_;
  std::vector<Level> open_;
  Json root_;
  const char* refused_ = nullptr;
};

using JsonWriter =
    rapidjson::Writer<rapidjson::StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>,
                      rapidjson::CrtAllocator, rapidjson::kWriteValidateEncodingFlag>;

/// Recurses as deep as the value, which is bounded: by parse(), or by the code that built it.
inline void write_json(const Json& value, JsonWriter& writer) {
  const auto write_text = [&writer](const std::string& text) {
    if (!writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()))) {
      throw JsonError("", "text that is not valid UTF-8 cannot be written as JSON");
    }
  };
  value.visit([&](const auto& held) {
    using T = std::decay_t<decltype(held)>;
    if constexpr (std::is_same_v<T, std::monostate>) {
      writer.Null();
    } else if constexpr (std::is_same_v<T, bool>) {
      writer.Bool(held);
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      writer.Int64(held);
    } else if constexpr (std::is_same_v<T, std::uint64_t>) {
      writer.Uint64(held);
    } else if constexpr (std::is_same_v<T, double>) {
      if (!std::isfinite(held)) throw JsonError("", "NaN and infinity cannot be written as JSON");
      writer.Double(held);
    } else if constexpr (std::is_same_v<T, std::string>) {
      write_text(held);
    } else if constexpr (std::is_same_v<T, Json::Array>) {
      writer.StartArray();
      for (const Json& element : held) write_json(element, writer);
      writer.EndArray();
    } else {
      writer.StartObject();
      for (const auto& [key, member] : held) {
        write_text(key);
        write_json(member, writer);
      }
      writer.EndObject();
    }
  });
}

}  // namespace detail

inline Json::Json(std::initializer_list<Json> list) {
  if (!assign_members(list)) value_ = Array(list);
}

inline Json Json::array(std::initializer_list<Json> elements) { return Json(Array(elements)); }

inline Json Json::object(std::initializer_list<Json> members) {
  Json out;
  if (members.size() == 0) {
    out.value_ = Object();
  } else if (!out.assign_members(members)) {
    throw JsonError("", "an object is made of [key, value] pairs whose keys are strings");
  }
  return out;
}

inline bool Json::assign_members(std::initializer_list<Json> members) {
  const auto is_pair = [](const Json& item) {
    return item.is_array() && item.size() == 2 && item.at(std::size_t{0}).is_string();
  };
  if (members.size() == 0 || !std::all_of(members.begin(), members.end(), is_pair)) return false;
  Object object;
  object.reserve(members.size());
  for (const Json& item : members) {
    const Array& pair = item.elements();
    object.emplace_back(pair[0].text(), pair[1]);
  }
  value_ = std::move(object);
  return true;
}

inline void Json::set_unsigned(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    value_ = static_cast<std::int64_t>(value);
  } else {
    value_ = value;
  }
}

inline Json Json::parse(std::string_view text, Limits limits) {
  // The iterative parser: RapidJSON's recursive one overflows the stack on deep input. Numbers come
  // as text: RapidJSON's own exact reading counts the leading zero bits of 0E99, which are undefined.
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag |
                              rapidjson::kParseValidateEncodingFlag |
                              rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::MemoryStream bytes(text.data(), text.size());
  rapidjson::EncodedInputStream<rapidjson::UTF8<>, rapidjson::MemoryStream> input(bytes);
  rapidjson::Reader reader;
  detail::TreeBuilder builder(limits.depth);
  const auto outcome = reader.Parse<kFlags>(input, builder);
  if (!outcome.IsError()) return builder.take();
  const bool stopped = outcome.Code() == rapidjson::kParseErrorTermination;
  if (stopped && builder.refused() == nullptr) {
    throw JsonError("", "JSON is nested too deeply: at most " + std::to_string(limits.depth) +
                            " levels are allowed");
  }
  throw JsonError("", "JSON does not parse at byte " + std::to_string(outcome.Offset()) + ": " +
                          (stopped ? builder.refused() : rapidjson::GetParseError_En(outcome.Code())));
}

inline std::string Json::dump() const {
  rapidjson::StringBuffer buffer;
  detail::JsonWriter writer(buffer);
  detail::write_json(*this, writer);
  return {buffer.GetString(), buffer.GetSize()};
}

inline const Json::Array& Json::elements() const& {
  if (const auto* array = std::get_if<Array>(&value_)) return *array;
  throw JsonError("", "expected an array, got " + detail::shown(*this));
}

inline const Json::Object& Json::members() const& {
  if (const auto* object = std::get_if<Object>(&value_)) return *object;
  throw JsonError("", "expected an object, got " + detail::shown(*this));
}

inline const std::string& Json::text() const& {
  if (const auto* string = std::get_if<std::string>(&value_)) return *string;
  throw JsonError("", "expected a string, got " + detail::shown(*this));
}

inline Json::Array Json::elements() && {
  static_cast<void>(std::as_const(*this).elements());
  return std::get<Array>(std::move(value_));
}

inline Json::Object Json::members() && {
  static_cast<void>(std::as_const(*this).members());
  return std::get<Object>(std::move(value_));
}

inline std::string Json::text() && {
  static_cast<void>(std::as_const(*this).text());
  return std::get<std::string>(std::move(value_));
}

inline const Json* Json::find(std::string_view key) const& noexcept {
  const auto* object = std::get_if<Object>(&value_);
  if (object == nullptr) return nullptr;
  const auto found = std::find_if(object->rbegin(), object->rend(),
                                  [key](const auto& member) { return member.first == key; });
  return found == object->rend() ? nullptr : &found->second;
}

inline const Json& Json::at(std::string_view key) const& {
  if (const Json* member = find(key)) return *member;
  throw JsonError("", is_object() ? "there is no member " + detail::in_quotes(key)
                                  : "expected an object, got " + detail::shown(*this));
}

inline const Json& Json::at(std::size_t index) const& {
  const Array& array = elements();
  if (index < array.size()) return array[index];
  throw JsonError("", "there is no element " + std::to_string(index) + " in an array of " +
                          std::to_string(array.size()));
}

inline Json& Json::operator[](std::string_view key) {
  if (is_null()) value_ = Object();
  static_cast<void>(members());
  if (const Json* member = find(key)) return const_cast<Json&>(*member);
  return std::get<Object>(value_).emplace_back(std::string(key), Json()).second;
}

inline void Json::push_back(Json value) {
  if (is_null()) value_ = Array();
  static_cast<void>(elements());
  std::get<Array>(value_).push_back(std::move(value));
}

inline bool Json::erase(std::string_view key) {
  auto* object = std::get_if<Object>(&value_);
  return object != nullptr &&
         std::erase_if(*object, [key](const auto& member) { return member.first == key; }) > 0;
}

inline std::size_t Json::size() const noexcept {
  if (const auto* array = std::get_if<Array>(&value_)) return array->size();
  if (const auto* object = std::get_if<Object>(&value_)) return object->size();
  return 0;
}

}  // namespace conduit
