#pragma once
// A bar that is drawn over itself on standard error while somebody waits at a terminal.

#include <string>
#include <string_view>

#include "ctl/terminal.h"

namespace conduitd::ctl {

/// `width` columns for a fraction of 0 to 1 (others are clamped): "█████▌░░░░", or "#####-----" without UTF-8.
[[nodiscard]] std::string bar_text(double fraction, std::size_t width, bool utf8);

/// "label  bar  42%  note" in at most so many columns: label and bar give way to the percentage. A negative fraction leaves the bar out.
[[nodiscard]] std::string bar_line(std::string_view label, double fraction, std::string_view note, std::size_t columns, bool utf8);

/// One line, rewritten in place. Draws nothing where standard error is no terminal; erased when it goes.
class ProgressBar {
 public:
  explicit ProgressBar(const Terminal& terminal) : terminal_(terminal) {}
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  [[nodiscard]] bool visible() const { return terminal_.tty; }
  /// See bar_line(). Text may come from jobs.
  void draw(std::string_view label, double fraction, std::string_view note);
  void clear();

 private:
  Terminal terminal_;
  std::string drawn_;
};

}  // namespace conduitd::ctl
