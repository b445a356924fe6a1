#pragma once
// The log of a process: one line for each event, to standard error, as text or JSON.
// Only dispatch/, service/, hosts/, host/, app and main log above debug; the rest returns errors.

#include <fmt/format.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace conduitd::log {

enum class Level : std::uint8_t { trace, debug, info, warning, error, off };
enum class Format : std::uint8_t { text, json };

/// Sets what is written and how. Call once, before other threads log; SIGHUP may call it again.
void configure(Level level, Format format);
[[nodiscard]] bool enabled(Level level) noexcept;
[[nodiscard]] std::string_view to_string(Level level);
[[nodiscard]] bool parse_level(std::string_view text, Level& level);

/// A named value beside the message: "job", "default:01J…".
struct Field {
  std::string_view key;
  std::string value;
  template <class T>
  Field(std::string_view k, const T& v) : key(k), value(fmt::format("{}", v)) {}
};

/// Writes one line. Control bytes are escaped; any thread may call.
void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});

inline void debug(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::debug, m, f); }
inline void info(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::info, m, f); }
inline void warning(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::warning, m, f); }
inline void error(std::string_view m, std::initializer_list<Field> f = {}) { write(Level::error, m, f); }

}  // namespace conduitd::log
