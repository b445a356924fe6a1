#pragma once
// From a job's arguments, which are JSON text, to the parameters of a task's function.

#include <conduit/detail/signature.hpp>
#include <conduit/error.hpp>
#include <conduit/json.hpp>

#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace conduit::detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_map = false;
template <class T>
inline constexpr bool is_map<std::map<std::string, T>> = true;

/// True for a type whose JSON may be an object: then a lone object in an array is that value, not a
/// struct around it.
template <class T>
inline constexpr bool may_be_object = is_map<T> || std::is_same_v<T, Json> || DescribedStruct<T>;

template <DescribedStruct T>
constexpr bool first_member_may_be_object() {
  bool first = true;
  bool out = false;
  boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
    using Member = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
    if (first) out = may_be_object<Member>;
    first = false;
  });
  return out;
}

inline void require_count(const Json& args, std::size_t allowed) {
  if (args.size() <= allowed) return;
  JsonPath(JsonPath(), allowed)
      .fail("too many arguments: the task takes " + std::to_string(allowed) + ", got " +
            std::to_string(args.size()));
}

/// A struct from an array: its members in order.
template <DescribedStruct T>
T members_in_order(const Json& args) {
  require_count(args, boost::mp11::mp_size<MembersOf<T>>::value);
  const auto find = [&](std::string_view, std::size_t position) {
    return position < args.size() ? &args.elements()[position] : nullptr;
  };
  return read_members<T>(find, JsonPath());
}

/// The only parameter, a struct or a map: the whole object is its value. An array holds that
/// object, or a struct's members in order.
template <class T>
T whole_object(const Json& args) {
  if (!args.is_array()) return Convert<T>::from_json(args, JsonPath());
  if constexpr (DescribedStruct<T>) {
    const bool holds_it = args.size() == 1 && args.at(std::size_t{0}).is_object();
    if (first_member_may_be_object<T>() || !holds_it) return members_in_order<T>(args);
  }
  require_count(args, 1);
  if (args.empty()) JsonPath(JsonPath(), std::size_t{0}).fail("missing, and it is required");
  return Convert<T>::from_json(args.at(std::size_t{0}), JsonPath(JsonPath(), std::size_t{0}));
}

template <class T>
T plain_argument(const Json* value, const JsonPath& at) {
  static_assert(FromJson<T>,
                "a parameter's type cannot be read from JSON: see conduit/convert.hpp");
  if (value != nullptr) return Convert<T>::from_json(*value, at);
  if constexpr (is_optional<T>) {
    return std::nullopt;
  } else {
    at.fail("missing, and it is required");
  }
}

template <class... Ts, std::size_t... I>
std::tuple<Ts...> plain_arguments(const Json& args, const std::vector<std::string>& names,
                                  std::index_sequence<I...>) {
  if (args.is_array()) {
    require_count(args, sizeof...(Ts));
    // Braces, so that parameters are read, and faults reported, from left to right.
    return std::tuple<Ts...>{plain_argument<Ts>(I < args.size() ? &args.elements()[I] : nullptr,
                                                JsonPath(JsonPath(), I))...};
  }
  if (names.empty() && !args.empty()) {
    throw JsonError(
        "", "this task takes an array of arguments: the names of its parameters are not known");
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (const auto& [key, value] : args.members()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      JsonPath(JsonPath(), std::string_view(key))
          .fail("there is no such parameter" + suggestion(key, known));
    }
  }
  const JsonPath whole;
  const auto path = [&](std::size_t i) {
    return i < known.size() ? JsonPath(whole, known[i]) : JsonPath(whole, i);
  };
  return std::tuple<Ts...>{
      plain_argument<Ts>(I < known.size() ? args.find(known[I]) : nullptr, path(I))...};
}

/// Arguments of the types of the tuple `Arguments`. Throws JsonError.
template <class Arguments>
struct ReadArguments;

template <class... Ts>
struct ReadArguments<std::tuple<Ts...>> {
  static std::tuple<Ts...> from(std::string_view text, const std::vector<std::string>& names) {
    if constexpr (sizeof...(Ts) == 1 && (std::is_same_v<Ts, std::string_view> && ...)) {
      return {text};
    } else {
      static_assert((!std::is_same_v<Ts, std::string_view> && ...),
                    "std::string_view is the JSON text of all arguments and must be the only one; "
                    "take a std::string for a string");
      return from_json(text.empty() ? Json::object() : Json::parse(text), names);
    }
  }

 private:
  static std::tuple<Ts...> from_json(const Json& args, const std::vector<std::string>& names) {
    if (!args.is_object() && !args.is_array()) {
      JsonPath().expected("an object or an array of arguments", args);
    }
    if constexpr (sizeof...(Ts) == 0) {
      if (!args.empty()) throw JsonError("", "this task takes no arguments");
      return {};
    } else if constexpr (sizeof...(Ts) == 1 && (std::is_same_v<Ts, Json> && ...)) {
      return {args};
    } else if constexpr (sizeof...(Ts) == 1 && ((DescribedStruct<Ts> || is_map<Ts>)&&...)) {
      return {whole_object<Ts...>(args)};
    } else {
      return plain_arguments<Ts...>(args, names, std::index_sequence_for<Ts...>());
    }
  }
};

}  // namespace conduit::detail
