#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

namespace conduitd::log {
namespace {

constexpr std::array<std::string_view, 6> kNames{"trace", "debug", "info", "warning", "error", "off"};

std::atomic<Level> g_level{Level::info};
std::atomic<Format> g_format{Format::text};

spdlog::logger& sink() {
  static spdlog::logger logger = [] {
    spdlog::logger made("conduit", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made.set_pattern("%v");
    made.set_level(spdlog::level::trace);
    made.flush_on(spdlog::level::trace);
    return made;
  }();
  return logger;
}

std::string as_text(Level level, std::string_view message, std::initializer_list<Field> fields) {
  std::string line = fmt::format("{} {:<7} {}", format_time(SystemClock().wall_now()),
                                 to_string(level), escape_control(message));
  for (const auto& field : fields) line += fmt::format(" {}={}", field.key, escape_control(field.value));
  return line;
}

std::string as_json(Level level, std::string_view message, std::initializer_list<Field> fields) {
  Json line;
  line.set("time", format_time(SystemClock().wall_now()));
  line.set("level", to_string(level));
  line.set("message", is_utf8(message) ? std::string(message) : escape_control(message));
  for (const auto& field : fields) {
    line.set(std::string(field.key), is_utf8(field.value) ? field.value : escape_control(field.value));
  }
  return line.text();
}

}  // namespace

void configure(Level level, Format format) {
  g_level = level;
  g_format = format;
}

bool enabled(Level level) noexcept { return level >= g_level.load(std::memory_order_relaxed); }

std::string_view to_string(Level level) { return kNames[static_cast<std::size_t>(level)]; }

bool parse_level(std::string_view text, Level& level) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == text) {
      level = static_cast<Level>(i);
      return true;
    }
  }
  return false;
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (!enabled(level)) return;
  sink().log(spdlog::level::info, "{}",
             g_format == Format::json ? as_json(level, message, fields) : as_text(level, message, fields));
}

}  // namespace conduitd::log
