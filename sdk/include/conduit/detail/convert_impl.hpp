#pragma once
// The conversions that conduit/convert.hpp lists. Include that, not this file.

#include <conduit/convert.hpp>

namespace conduit {
namespace detail {

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char>;

template <class T>
concept DescribedEnum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

template <class T>
concept DescribedStruct = std::is_class_v<T> && boost::describe::has_describe_members<T>::value;

template <class T>
using MembersOf = boost::describe::describe_members<T, boost::describe::mod_public |
                                                           boost::describe::mod_inherited>;

/// Found when the struct's own namespace has no CONDUIT_REQUIRED for it.
constexpr std::string_view conduit_required_members(const void*) noexcept { return {}; }

/// Takes the next name off a list as the preprocessor wrote it: "path, width".
constexpr std::string_view next_name(std::string_view& list) {
  const std::size_t start = std::min(list.find_first_not_of(", "), list.size());
  const std::size_t end = std::min(list.find_first_of(", ", start), list.size());
  const std::string_view name = list.substr(start, end - start);
  list.remove_prefix(end);
  return name;
}

constexpr bool lists(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    if (next_name(list) == name) return true;
  }
  return false;
}

template <class T>
constexpr bool is_described(std::string_view name) {
  bool found = false;
  boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) { found |= name == member.name; });
  return found;
}

template <class T>
constexpr bool all_described(std::string_view list) {
  while (!list.empty()) {
    const std::string_view name = next_name(list);
    if (!name.empty() && !is_described<T>(name)) return false;
  }
  return true;
}

template <class T>
std::vector<std::string_view> member_names() {
  std::vector<std::string_view> names;
  boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) { names.emplace_back(member.name); });
  return names;
}

template <DescribedStruct T>
bool has_required_member(const T& initial);

/// True if a member with this default must be given: the rule at the top of convert.hpp.
template <class Member>
bool needs_value(const Member& initial) {
  if constexpr (std::is_same_v<Member, std::string> ||
                std::is_same_v<Member, std::filesystem::path>) {
    return initial.empty();
  } else if constexpr (DescribedStruct<Member>) {
    return has_required_member(initial);
  } else {
    return false;
  }
}

template <DescribedStruct T>
bool has_required_member(const T& initial) {
  bool found = false;
  boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
    found |= lists(conduit_required_members(static_cast<const T*>(nullptr)), member.name) ||
             needs_value(initial.*member.pointer);
  });
  return found;
}

/// Refuses what the struct does not have, before anything is called missing: a slip causes both.
template <DescribedStruct T>
void refuse_unknown_members(const Json& value, const JsonPath& at) {
  for (const auto& [key, member] : value.members()) {
    if (!is_described<T>(key)) {
      JsonPath(at, key).fail("there is no such member" + suggestion(key, member_names<T>()));
    }
  }
}

/// Fills the members of a T from what `find` gives for (name, position): a JSON value, or nullptr
/// if it is missing.
template <DescribedStruct T, class Find>
T read_members(const Find& find, const JsonPath& at) {
  static_assert(std::is_default_constructible_v<T>,
                "a struct of arguments needs a default constructor");
  T out{};
  std::size_t position = 0;
  boost::mp11::mp_for_each<MembersOf<T>>([&](auto member) {
    auto& target = out.*member.pointer;
    using Member = std::remove_reference_t<decltype(target)>;
    static_assert(FromJson<Member>,
                  "a member's type cannot be read from JSON: see conduit/convert.hpp");
    const JsonPath here(at, std::string_view(member.name));
    if (const Json* value = find(member.name, position++)) {
      target = Convert<Member>::from_json(*value, here);
    } else if (lists(conduit_required_members(static_cast<const T*>(nullptr)), member.name) ||
               needs_value(target)) {
      here.fail("missing, and it is required");
    }
  });
  return out;
}

template <class Number>
[[noreturn]] void out_of_range(const Json& value, const JsonPath& at) {
  using Limits = std::numeric_limits<Number>;
  at.fail(value.dump() + " is out of range: " + std::to_string(Limits::min()) + " to " +
          std::to_string(Limits::max()) + " is allowed");
}

}  // namespace detail

template <>
struct Convert<Json> {
  static Json from_json(const Json& value, const JsonPath&) { return value; }
  static Json to_json(const Json& value) { return value; }
};

template <>
struct Convert<bool> {
  static bool from_json(const Json& value, const JsonPath& at) {
    return value.visit([&](const auto& held) -> bool {
      if constexpr (std::is_same_v<std::decay_t<decltype(held)>, bool>) return held;
      at.expected("true or false", value);
    });
  }
  static Json to_json(bool value) { return Json(value); }
};

template <detail::Integer T>
struct Convert<T> {
  static T from_json(const Json& value, const JsonPath& at) {
    return value.visit([&](const auto& held) -> T {
      using Held = std::decay_t<decltype(held)>;
      if constexpr (std::is_same_v<Held, double>) {
        // Some producers write every number with a fraction. Up to 2^53 a whole double is exactly
        // the integer meant.
        constexpr double kExact = 9007199254740992.0;
        if (held != std::floor(held) || std::fabs(held) > kExact) at.expected("an integer", value);
        return from_json(Json(static_cast<std::int64_t>(held)), at);
      } else if constexpr (detail::Integer<Held>) {
        if (!std::in_range<T>(held)) detail::out_of_range<T>(value, at);
        return static_cast<T>(held);
      } else {
        at.expected("an integer", value);
      }
    });
  }
  static Json to_json(T value) { return Json(value); }
};

template <std::floating_point T>
struct Convert<T> {
  static T from_json(const Json& value, const JsonPath& at) {
    return value.visit([&](const auto& held) -> T {
      using Held = std::decay_t<decltype(held)>;
      if constexpr (std::is_same_v<Held, double> || detail::Integer<Held>) {
        return static_cast<T>(held);
      } else {
        at.expected("a number", value);
      }
    });
  }
  static Json to_json(T value) { return Json(static_cast<double>(value)); }
};

template <>
struct Convert<std::string> {
  static std::string from_json(const Json& value, const JsonPath& at) {
    if (!value.is_string()) at.expected("a string", value);
    return value.text();
  }
  static Json to_json(const std::string& value) { return Json(value); }
};

/// Results only: arguments must own their text.
template <>
struct Convert<std::string_view> {
  static Json to_json(std::string_view value) { return Json(value); }
};
template <>
struct Convert<const char*> {
  static Json to_json(const char* value) { return Json(value); }
};

template <>
struct Convert<std::filesystem::path> {
  static std::filesystem::path from_json(const Json& value, const JsonPath& at) {
    return Convert<std::string>::from_json(value, at);
  }
  static Json to_json(const std::filesystem::path& value) { return Json(value.string()); }
};

template <class T>
struct Convert<std::vector<T>> {
  static std::vector<T> from_json(const Json& value, const JsonPath& at) requires FromJson<T> {
    if (!value.is_array()) at.expected("an array", value);
    std::vector<T> out;
    out.reserve(value.size());
    for (const Json& element : value.elements()) {
      out.push_back(Convert<T>::from_json(element, JsonPath(at, out.size())));
    }
    return out;
  }
  static Json to_json(const std::vector<T>& values) requires ToJson<T> {
    Json::Array out;
    out.reserve(values.size());
    for (const auto& value : values) out.push_back(Convert<T>::to_json(value));
    return Json(std::move(out));
  }
};

template <class T>
struct Convert<std::map<std::string, T>> {
  static std::map<std::string, T> from_json(const Json& value,
                                            const JsonPath& at) requires FromJson<T> {
    if (!value.is_object()) at.expected("an object", value);
    std::map<std::string, T> out;
    for (const auto& [key, member] : value.members()) {
      out.insert_or_assign(key, Convert<T>::from_json(member, JsonPath(at, std::string_view(key))));
    }
    return out;
  }
  static Json to_json(const std::map<std::string, T>& values) requires ToJson<T> {
    Json::Object out;
    for (const auto& [key, value] : values) out.emplace_back(key, Convert<T>::to_json(value));
    return Json(std::move(out));
  }
};

template <class T>
struct Convert<std::optional<T>> {
  static std::optional<T> from_json(const Json& value, const JsonPath& at) requires FromJson<T> {
    if (value.is_null()) return std::nullopt;
    return Convert<T>::from_json(value, at);
  }
  static Json to_json(const std::optional<T>& value) requires ToJson<T> {
    return value ? Convert<T>::to_json(*value) : Json();
  }
};

template <class Rep, class Period>
struct Convert<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  using Milliseconds = std::chrono::duration<double, std::milli>;

  static Duration from_json(const Json& value, const JsonPath& at) {
    constexpr std::string_view kWanted = "a duration, as in \"30s\", or a number of milliseconds";
    std::optional<double> ms;
    if (value.is_number()) ms = value.get<double>();
    if (value.is_string()) ms = detail::parse_duration_ms(value.text());
    if (!ms) at.expected(kWanted, value);
    if (std::fabs(*ms) > detail::kLongestMs) at.fail("a duration longer than a century");
    const auto out = std::chrono::duration_cast<Duration>(Milliseconds(*ms));
    // Half a second asked of a task that counts in seconds must not silently become none.
    if (Period::num >= Period::den && std::fabs(Milliseconds(out).count() - *ms) >= 1) {
      at.fail(detail::shown(value) + " is finer than the task can count");
    }
    return out;
  }
  static Json to_json(const Duration& value) {
    const double ms = Milliseconds(value).count();
    if (ms < 0 || ms != std::floor(ms)) return Json(ms);
    return Json(detail::format_duration(std::chrono::milliseconds(std::llround(ms))));
  }
};

template <detail::DescribedEnum T>
struct Convert<T> {
  static T from_json(const Json& value, const JsonPath& at) {
    if (!value.is_string()) at.expected("a name", value);
    std::optional<T> out;
    std::vector<std::string_view> names;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
      names.emplace_back(enumerator.name);
      if (value.text() == enumerator.name) out = enumerator.value;
    });
    if (!out) {
      at.fail(detail::shown(value) + " is not allowed here" +
              detail::suggestion(value.text(), names));
    }
    return *out;
  }
  /// A value without a name, which only a cast makes, is written as its number.
  static Json to_json(T value) {
    Json out(static_cast<std::int64_t>(value));
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
      if (value == enumerator.value) out = Json(enumerator.name);
    });
    return out;
  }
};

template <detail::DescribedStruct T>
struct Convert<T> {
  static T from_json(const Json& value, const JsonPath& at) {
    if (!value.is_object()) at.expected("an object", value);
    detail::refuse_unknown_members<T>(value, at);
    return detail::read_members<T>(
        [&](std::string_view name, std::size_t) { return value.find(name); }, at);
  }
  static Json to_json(const T& value) {
    Json::Object out;
    boost::mp11::mp_for_each<detail::MembersOf<T>>([&](auto member) {
      using Member = std::remove_cvref_t<decltype(value.*member.pointer)>;
      out.emplace_back(member.name, Convert<Member>::to_json(value.*member.pointer));
    });
    return Json(std::move(out));
  }
};

}  // namespace conduit
