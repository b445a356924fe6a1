#pragma once
// The rules C1 to C15 (docs/check.md). Each is a pure function of a history: what it looked at, and what broke it.

#include <cstdint>
#include <string>
#include <vector>

#include "check/history.h"
#include "check/runs.h"

namespace conduitd::check {

struct Options {
  double liveness_ms = 30'000;     ///< C12: all must have ended this long after the last fault
  double slack_ms = 50;            ///< how far clocks and timers may be off
  std::size_t most_offences = 5;   ///< kept of each rule
};

/// What one rule found.
class Verdict {
 public:
  enum class Finding { good, violated, not_exercised };

  Verdict(std::string rule, std::string title, std::size_t most_offences)
      : rule_(std::move(rule)), title_(std::move(title)), most_(most_offences) {}

  /// One thing the rule speaks of was there to be looked at.
  void look() { ++looked_; }
  /// It was broken: `what` names the job and the lines.
  void offend(std::string what) {
    if (offences_.size() < most_) offences_.push_back(std::move(what));
    ++violations_;
  }

  [[nodiscard]] Finding finding() const {
    if (violations_ > 0) return Finding::violated;
    return looked_ > 0 ? Finding::good : Finding::not_exercised;
  }
  [[nodiscard]] const std::string& rule() const { return rule_; }
  [[nodiscard]] const std::string& title() const { return title_; }
  [[nodiscard]] std::uint64_t looked() const { return looked_; }
  [[nodiscard]] std::uint64_t violations() const { return violations_; }
  [[nodiscard]] const std::vector<std::string>& offences() const { return offences_; }

 private:
  std::string rule_;
  std::string title_;
  std::size_t most_;
  std::uint64_t looked_ = 0;
  std::uint64_t violations_ = 0;
  std::vector<std::string> offences_;
};

/// What every rule is given.
struct Case {
  const History& history;
  const Faults& faults;
  const Options& options;
};

Verdict check_lost(const Case& all);         // C1
Verdict check_phantom(const Case& all);      // C2
Verdict check_twice(const Case& all);        // C3
Verdict check_fence(const Case& all);        // C4
Verdict check_counters(const Case& all);     // C5
Verdict check_overlap(const Case& all);      // C6
Verdict check_time(const Case& all);         // C7
Verdict check_limits(const Case& all);       // C8
Verdict check_children(const Case& all);     // C9
Verdict check_unique(const Case& all);       // C10
Verdict check_cancel(const Case& all);       // C11
Verdict check_liveness(const Case& all);     // C12
Verdict check_metrics(const Case& all);      // C13
Verdict check_leak(const Case& all);         // C14
Verdict check_once(const Case& all);         // C15

/// All of them, in order.
[[nodiscard]] std::vector<Verdict> check_all(const History& history, const Options& options);

}  // namespace conduitd::check
