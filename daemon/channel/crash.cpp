#include "channel/crash.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <boost/core/demangle.hpp>

namespace conduitd::channel {
namespace {

std::string readable_frame(std::string_view line) {
  line.remove_prefix(kPluginFrame.size());
  const auto plugin_end = line.find(' ');
  const auto offset = line.rfind(" +");
  if (plugin_end == std::string_view::npos || offset == std::string_view::npos || offset <= plugin_end) return std::string(line);
  const std::string function(line.substr(plugin_end + 1, offset - plugin_end - 1));
  return fmt::format("{}{} ({})", function.starts_with("_Z") ? boost::core::demangle(function.c_str()) : function, line.substr(offset), line.substr(0, plugin_end));
}

std::optional<std::uint32_t> number_in(std::string_view line) {
  line.remove_prefix(kCrashedAttempt.size());
  std::uint32_t number = 0;
  const auto [end, fault] = std::from_chars(line.data(), line.data() + line.size(), number);
  return fault == std::errc() && end == line.data() + line.size() ? std::optional(number) : std::nullopt;
}

}  // namespace

CrashReport read_crash(std::span<const std::string> lines) {
  // The last such line is the handler's: a task may have printed one that looks like it.
  const auto from_end = std::find_if(lines.rbegin(), lines.rend(), [](const std::string& line) { return line.starts_with(kCrashLine); });
  const auto crash = from_end == lines.rend() ? lines.end() : std::prev(from_end.base());
  CrashReport report;
  report.output.assign(lines.begin(), crash);
  if (crash == lines.end()) return report;
  report.crash = *crash;
  for (auto line = std::next(crash); line != lines.end(); ++line) {
    if (line->starts_with(kCrashedAttempt)) report.attempt = number_in(*line);
    if (line->starts_with(kPluginFrame)) report.backtrace.push_back(readable_frame(*line));
  }
  return report;
}

}  // namespace conduitd::channel
