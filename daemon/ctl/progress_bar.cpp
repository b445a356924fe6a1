#include "ctl/progress_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/text.h"

namespace conduitd::ctl {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr std::size_t kLabelWidth = 30;
constexpr std::size_t kUsualWidth = 80;

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

}  // namespace

std::string bar_text(double fraction, std::size_t width, bool utf8) {
  constexpr std::array<std::string_view, 8> kParts{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double share = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0;
  const auto eighths = static_cast<std::size_t>(share * static_cast<double>(width * 8));
  const auto full = eighths / 8;
  if (!utf8) return std::string(full, '#') + std::string(width - full, '-');
  const auto part = kParts[eighths % 8];
  return repeated("█", full) + std::string(part) + repeated("░", width - full - (part.empty() ? 0 : 1));
}

std::string bar_line(std::string_view label, double fraction, std::string_view note, std::size_t columns, bool utf8) {
  constexpr std::size_t kShortestBar = 8;
  constexpr std::size_t kPercent = 6;  // "  100%"
  std::string line;
  if (fraction >= 0) {
    const auto percent = fmt::format("{:3.0f}%", std::floor(std::min(fraction, 1.0) * 100));
    const auto room = columns > kPercent ? columns - kPercent : 0;
    const bool has_bar = room >= 2 * kShortestBar;
    line = clip(escape_control(label), std::min(kLabelWidth, has_bar ? room - kShortestBar - 1 : room), utf8);
    const auto width = has_bar ? std::min(kBarWidth, room - 1 - display_width(line)) : 0;
    line += has_bar ? fmt::format("  {} {}", bar_text(fraction, width, utf8), percent) : "  " + percent;
  } else {
    line = clip(escape_control(label), kLabelWidth, utf8);
  }
  const auto used = display_width(line) + 2;
  if (!note.empty() && used < columns) line += "  " + clip(escape_control(note), columns - used, utf8);
  return clip(line, columns, utf8);
}

void ProgressBar::draw(std::string_view label, double fraction, std::string_view note) {
  if (!terminal_.tty) return;
  const auto columns = (terminal_.width == 0 ? kUsualWidth : terminal_.width) - 1;
  auto line = bar_line(label, fraction, note, columns, terminal_.utf8);
  if (line == drawn_) return;
  fmt::print(stderr, "\r{}\x1b[K", line);
  std::fflush(stderr);
  drawn_ = std::move(line);
}

void ProgressBar::clear() {
  if (drawn_.empty()) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_.clear();
}

}  // namespace conduitd::ctl
