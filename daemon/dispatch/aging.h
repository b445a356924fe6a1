#pragma once
// Large jobs get their turn: a task whose jobs wait and do not fit for longer than a bound has smaller ones held back for it.
//
// Without this, small jobs take each unit as it becomes free, and what needs many at once never finds them free together.

#include <map>
#include <set>
#include <string>

#include "base/clock.h"
#include "job/needs.h"

namespace conduitd::dispatch {

/// Pure; not thread-safe.
class Aging {
 public:
  /// A job that does not fit is overtaken for so long.
  static constexpr Millis kPatience{2'000};

  /// Whether jobs of a task, which do not fit or did not, could be had. Told about each second.
  void heard(const std::string& task, bool waits, SteadyTime now);
  /// One was taken, or none came when it fitted: its time begins anew, so that others have theirs.
  void forget(const std::string& task) { waiting_since_.erase(task); }
  /// Tasks that are not there any more, or fit by themselves.
  void keep_only(const std::set<std::string>& tasks);
  [[nodiscard]] bool knows(const std::string& task) const { return waiting_since_.contains(task); }

  /// The one for which smaller jobs are held back: that which has waited longest. Empty: none.
  [[nodiscard]] std::string turn(SteadyTime now) const;

 private:
  std::map<std::string, SteadyTime> waiting_since_;
};

/// What others may take while `needs` is saved up: what is left when all of it is set aside.
[[nodiscard]] job::Needs set_aside(job::Needs free, const job::Needs& needs);
/// Whether they need some resource both.
[[nodiscard]] bool compete(const job::Needs& some, const job::Needs& others);

}  // namespace conduitd::dispatch
