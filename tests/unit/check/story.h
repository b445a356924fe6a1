#pragma once
// A history to tell and to falsify: lines as a run would have written them, found again by what they say.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "check/read.h"
#include "check/rules.h"

namespace conduitd::check::test {

struct Line {
  double time = 0;  // monotonic milliseconds
  std::string ev;
  std::string job;
  std::uint32_t attempt = 0;
  std::string more;  // further members, as JSON text without braces

  [[nodiscard]] std::string text() const;
};

class Story {
 public:
  Line& add(double time, std::string ev, std::string job = "", std::uint32_t attempt = 0, std::string more = "");

  /// The line that says this; throws if there is none.
  Line& line(std::string_view ev, std::string_view job = "", std::uint32_t attempt = 0);
  void drop(std::string_view ev, std::string_view job = "", std::uint32_t attempt = 0);
  /// Says it once more, so much later.
  void repeat(std::string_view ev, std::string_view job, std::uint32_t attempt, double later);
  /// Puts other words into a line's further members.
  void alter(Line& line, std::string_view old_words, std::string_view new_words);

  [[nodiscard]] std::string text() const;
  [[nodiscard]] History read() const;

 private:
  std::vector<Line> lines_;
};

/// A run in which every rule has something to look at, and none is broken.
[[nodiscard]] Story good_story();
/// The rules a story breaks.
[[nodiscard]] std::vector<std::string> broken_rules(const Story& story);

}  // namespace conduitd::check::test
