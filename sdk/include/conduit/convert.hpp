#pragma once
// Conversions between JSON and C++ values: what a task may take as arguments and give as its
// result.
//
//   bool                        true, false
//   integers                    a number that fits; 3.0 is one too, 3.5 and 300 for a std::uint8_t
//   are errors float, double               a number std::string, path           a string
//   std::vector<T>              an array
//   std::map<std::string, T>    an object
//   std::optional<T>            null, or a T
//   std::chrono durations       a number of milliseconds, or text: "250ms", "1.5s", "10m", "24h",
//   "7d" enums                       the enumerator's name, if described: BOOST_DESCRIBE_ENUM(Fit,
//   cover, contain) structs                     an object, if described:
//   BOOST_DESCRIBE_STRUCT(Resize, (), (path, width)) conduit::Json               anything
//
// Members of a struct. A member that is missing from the object keeps the value it has in a
// default-constructed struct: `int width = 256` is optional. Two things make a member required. A
// std::string or path that is empty in a default-constructed struct is required, because nobody can
// do much with an empty path; give it a default or make it std::optional to leave it out. And so is
// a member named in CONDUIT_REQUIRED:
//
//   struct Resize { std::string path; int width = 0; };
//   BOOST_DESCRIBE_STRUCT(Resize, (), (path, width))
//   CONDUIT_REQUIRED(Resize, width)                    // beside the struct, in its namespace
//
// A nested struct with a required member is required itself. A member of the object that the struct
// does not have is an error, which names the nearest one that it has.
//
// For a type of your own, specialise conduit::Convert with the two functions of ExampleConvert
// below.

#include <conduit/json.hpp>

#include <boost/describe.hpp>
#include <boost/mp11/algorithm.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>

#include <conduit/detail/text.hpp>

/// Names members of a described struct that must be given. A name that is none of its members does
/// not compile.
#define CONDUIT_REQUIRED(Type, ...)                                             \
  constexpr ::std::string_view conduit_required_members(const Type*) noexcept { \
    return #__VA_ARGS__;                                                        \
  }                                                                             \
  static_assert(::conduit::detail::all_described<Type>(#__VA_ARGS__),           \
                "CONDUIT_REQUIRED names something that BOOST_DESCRIBE_STRUCT did not describe")

namespace conduit {

namespace detail {
inline std::string shown(const Json& value);  // "an array", "\"wide\"", "3": for error messages
}

/// Where in a document a conversion stands, kept on the stack and written out only for an error.
class JsonPath {
 public:
  JsonPath() = default;
  JsonPath(const JsonPath& parent, std::string_view key) : parent_(&parent), key_(key) {}
  JsonPath(const JsonPath& parent, std::size_t index) : parent_(&parent), index_(index) {}

  /// A JSON pointer (RFC 6901): "/files/0/name"; empty for the whole document.
  [[nodiscard]] std::string text() const {
    if (parent_ == nullptr) return {};
    std::string out = parent_->text() + '/';
    if (key_.data() == nullptr) return out + std::to_string(index_);
    for (const char c : key_) {
      if (c == '~') {
        out += "~0";
      } else if (c == '/') {
        out += "~1";
      } else {
        out += c;
      }
    }
    return out;
  }
  /// Throws the JsonError `PATH: expected WHAT, got VALUE`.
  [[noreturn]] void expected(std::string_view what, const Json& got) const {
    fail("expected " + std::string(what) + ", got " + detail::shown(got));
  }
  [[noreturn]] void fail(const std::string& message) const { throw JsonError(text(), message); }

 private:
  const JsonPath* parent_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
};

/// How a T is read and written. A specialisation looks like this:
///   struct ExampleConvert {
///     static T from_json(const Json& value, const JsonPath& at);   // at.expected("a colour",
///     value) if it is not one static Json to_json(const T& value);
///   };
template <class T>
struct Convert;

template <class T>
concept FromJson = requires(const Json& value, const JsonPath& at) {
  { Convert<T>::from_json(value, at) } -> std::convertible_to<T>;
};
template <class T>
concept ToJson = requires(const T& value) {
  { Convert<T>::to_json(value) } -> std::convertible_to<Json>;
};

/// `value` as JSON.
template <ToJson T>
[[nodiscard]] Json to_json(const T& value) {
  return Convert<T>::to_json(value);
}

template <class T>
T Json::get() const {
  static_assert(FromJson<T>, "conduit cannot read this type from JSON: see conduit/convert.hpp");
  return Convert<T>::from_json(*this, JsonPath());
}

template <class T>
T Json::value_or(std::string_view key, T fallback) const {
  const Json* member = find(key);
  if (member == nullptr || member->is_null()) return fallback;
  return Convert<T>::from_json(*member, JsonPath(JsonPath(), key));
}

inline std::string Json::value_or(std::string_view key, const char* fallback) const {
  return value_or(key, std::string(fallback));
}

}  // namespace conduit

#include <conduit/detail/convert_impl.hpp>  // the specialisations listed at the top
