#pragma once
// conduit::Json: a JSON value as plain C++ data, for arguments, results, checkpoints, metadata and
// log fields.
//
//   conduit::Json state = {{"stage", 1}, {"files", {"a.txt", "b.txt"}}};   // an object with an
//   array in it int stage = state.at("stage").get<int>();                              // typed, or
//   JsonError with a sentence int width = state.value_or("width", 256); // missing or null: 256
//   std::string text = state.dump();
//   conduit::Json back = conduit::Json::parse(text);
//
// A braced list is an object if each of its elements is a list of two whose first is a string;
// otherwise it is an array. Say Json::array({...}) or Json::object({...}) where that guess is
// wrong, and write Json(value), not Json{value}, to copy: the braces make a list of one.
//
// Values own everything they hold and may be copied between threads; one value is not safe for use
// by two threads at once while one of them changes it.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace conduit {

/// JSON that does not parse, or a value that is not what was asked for. what() is a whole sentence
/// for people:
/// `/width: expected an integer, got "wide"`.
class JsonError : public std::runtime_error {
 public:
  /// `path` is a JSON pointer to the value at fault; empty for the whole document.
  JsonError(std::string path, const std::string& message)
      : std::runtime_error(path.empty() ? message : path + ": " + message),
        path_(std::move(path)) {}
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

class Json {
 public:
  using Array = std::vector<Json>;
  /// Members keep their order. Of a repeated key the last one counts.
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;  ///< null
  Json(std::nullptr_t) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  /// See the top of this file for how a list becomes an object or an array.
  Json(std::initializer_list<Json> list);

  /// bool exactly: a pointer must not turn into true.
  template <std::same_as<bool> T>
  Json(T value) : value_(value) {}
  /// Integers keep their value in full, up to 64 bits, signed or not.
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) Json(T value) {
    if constexpr (std::is_unsigned_v<T>) {
      set_unsigned(value);
    } else {
      value_ = static_cast<std::int64_t>(value);
    }
  }
  template <class T>
  requires(!std::same_as<T, Json>) Json(const std::vector<T>& values)
      : value_(Array(values.begin(), values.end())) {}
  template <class T>
  Json(const std::map<std::string, T>& values) : value_(Object(values.begin(), values.end())) {}
  template <class T>
  Json(const std::optional<T>& value) {
    if (value) *this = Json(*value);
  }

  /// An array or an object whatever the elements look like. object() throws JsonError unless all
  /// are [key, value].
  static Json array(std::initializer_list<Json> elements = {});
  static Json object(std::initializer_list<Json> members = {});

  /// Bounds of what parse() accepts. The parser does not recurse, so hostile depth is refused, not
  /// a crash.
  struct Limits {
    std::size_t depth = 64;
  };
  /// Reads strict UTF-8 JSON. Throws JsonError, which names the byte offset.
  static Json parse(std::string_view text, Limits limits);
  static Json parse(std::string_view text) { return parse(text, Limits{}); }
  /// Writes compact JSON. Throws JsonError for what JSON cannot hold: text that is not UTF-8, NaN,
  /// infinity.
  [[nodiscard]] std::string dump() const;

  [[nodiscard]] bool is_null() const noexcept { return holds<std::monostate>(); }
  [[nodiscard]] bool is_bool() const noexcept { return holds<bool>(); }
  /// A number without a fraction part in its text: 1 is, 1.0 is not.
  [[nodiscard]] bool is_integer() const noexcept {
    return holds<std::int64_t>() || holds<std::uint64_t>();
  }
  [[nodiscard]] bool is_number() const noexcept { return is_integer() || holds<double>(); }
  [[nodiscard]] bool is_string() const noexcept { return holds<std::string>(); }
  [[nodiscard]] bool is_array() const noexcept { return holds<Array>(); }
  [[nodiscard]] bool is_object() const noexcept { return holds<Object>(); }

  /// The value as a T: bool, a number, text, vector, map, optional, an enum or struct described
  /// with Boost.Describe... (convert.hpp lists them). Throws JsonError if it is not one, or does
  /// not fit (300 as a std::uint8_t).
  template <class T>
  [[nodiscard]] T get() const;
  /// The member `key` as a T, or `fallback` if there is none or it is null. A member of the wrong
  /// type is an error.
  template <class T>
  [[nodiscard]] T value_or(std::string_view key, T fallback) const;
  [[nodiscard]] std::string value_or(std::string_view key, const char* fallback) const;

  /// The parts, without a copy; of a temporary, moved out of it, so that `for (auto& e :
  /// make().elements())` is right. Throw JsonError if this is not one.
  [[nodiscard]] const Array& elements() const&;
  [[nodiscard]] const Object& members() const&;
  [[nodiscard]] const std::string& text() const&;
  [[nodiscard]] Array elements() &&;
  [[nodiscard]] Object members() &&;
  [[nodiscard]] std::string text() &&;

  /// The member `key`, or nullptr if there is none or this is no object.
  [[nodiscard]] const Json* find(std::string_view key) const& noexcept;
  const Json* find(std::string_view key) && = delete;  // it would point into a value that is gone
  [[nodiscard]] bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }
  /// The member or element. Throws JsonError if there is none.
  [[nodiscard]] const Json& at(std::string_view key) const&;
  [[nodiscard]] const Json& at(std::size_t index) const&;
  [[nodiscard]] Json at(std::string_view key) && { return std::as_const(*this).at(key); }
  [[nodiscard]] Json at(std::size_t index) && { return std::as_const(*this).at(index); }
  /// The member, made if there is none. Null becomes an object first; anything else throws
  /// JsonError.
  Json& operator[](std::string_view key);
  /// Adds an element. Null becomes an array first; anything else throws JsonError.
  void push_back(Json value);
  /// Removes the member `key`; true if there was one.
  bool erase(std::string_view key);
  /// Elements or members; 0 for anything else.
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  /// Calls `visitor` with what is held: std::monostate (null), bool, std::int64_t, std::uint64_t
  /// (only above INT64_MAX), double, std::string, Array or Object.
  template <class Visitor>
  decltype(auto) visit(Visitor&& visitor) const {
    return std::visit(std::forward<Visitor>(visitor), value_);
  }

  /// Equal kind and value; 1 and 1.0 differ, as do objects whose members come in another order.
  friend bool operator==(const Json& a, const Json& b) { return a.value_ == b.value_; }

 private:
  template <class T>
  [[nodiscard]] bool holds() const noexcept {
    return std::holds_alternative<T>(value_);
  }
  void set_unsigned(std::uint64_t value);
  /// Fills an object from [key, value] pairs; false if they are not.
  bool assign_members(std::initializer_list<Json> members);

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array,
               Object>
      value_;
};

}  // namespace conduit

#include <conduit/detail/json_impl.hpp>  // the functions declared above, over RapidJSON
// get<T>() needs the conversions; they come with the value.
#include <conduit/convert.hpp>
