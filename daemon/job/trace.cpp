#include "job/trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace conduitd::job {
namespace {

constexpr std::size_t kSize = 55;
constexpr std::size_t kTraceAt = 3;
constexpr std::size_t kParentAt = 36;
constexpr std::size_t kFlagsAt = 53;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

bool is_traceparent(std::string_view text) {
  if (text.size() != kSize) return false;
  if (text[kTraceAt - 1] != '-' || text[kParentAt - 1] != '-' || text[kFlagsAt - 1] != '-') return false;
  const auto version = text.substr(0, 2);
  const auto trace = text.substr(kTraceAt, 32);
  const auto parent = text.substr(kParentAt, 16);
  return is_hex(version) && version != "ff" && is_hex(trace) && !is_zero(trace) && is_hex(parent) && !is_zero(parent) &&
         is_hex(text.substr(kFlagsAt));
}

}  // namespace

Result<> check_traceparent(std::string_view text) {
  if (is_traceparent(text)) return ok();
  return Error(Errc::invalid_argument,
               fmt::format("traceparent '{}': VERSION-TRACE-PARENT-FLAGS of 2, 32, 16 and 2 lower-case hex digits is needed, "
                           "TRACE and PARENT not all zero, as in 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                           escape_control(truncate(text, 80))));
}

std::string child_traceparent(std::string_view traceparent, std::uint64_t span) {
  return fmt::format("{}{:016x}{}", traceparent.substr(0, kParentAt), std::max<std::uint64_t>(span, 1),
                     traceparent.substr(kFlagsAt - 1));
}

}  // namespace conduitd::job
