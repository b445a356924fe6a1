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

void ProgressBar::draw(std::string_view label, double fraction, std::string_view note) {
  if (!terminal_.tty) return;
  const auto columns = (terminal_.width == 0 ? kUsualWidth : terminal_.width) - 1;
  auto line = clip(escape_control(label), kLabelWidth, terminal_.utf8);
  if (fraction >= 0) {
    line += fmt::format("  {} {:3.0f}%", bar_text(fraction, kBarWidth, terminal_.utf8),
                        std::floor(std::min(fraction, 1.0) * 100));
  }
  if (!note.empty()) line += fmt::format("  {}", escape_control(note));
  line = clip(line, columns, terminal_.utf8);
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
