#pragma once
// A bar that is drawn over itself on standard error while somebody waits at a terminal.

#include <string>
#include <string_view>

#include "ctl/terminal.h"

namespace conduitd::ctl {

/// `width` columns for a fraction of 0 to 1 (others are clamped): "█████▌░░░░", or "#####-----" without UTF-8.
[[nodiscard]] std::string bar_text(double fraction, std::size_t width, bool utf8);

/// One line, rewritten in place. Draws nothing where standard error is no terminal; erased when it goes.
class ProgressBar {
 public:
  explicit ProgressBar(const Terminal& terminal) : terminal_(terminal) {}
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  [[nodiscard]] bool visible() const { return terminal_.tty; }
  /// "label  bar  42%  note"; a negative fraction leaves the bar out. Text may come from jobs.
  void draw(std::string_view label, double fraction, std::string_view note);
  void clear();

 private:
  Terminal terminal_;
  std::string drawn_;
};

}  // namespace conduitd::ctl
