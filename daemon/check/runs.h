#pragma once
// When tasks really ran, as they wrote it themselves, and which faults met them.

#include <unordered_map>
#include <vector>

#include "check/history.h"

namespace conduitd::check {

/// One run of a task's function.
struct Run {
  const Event* start = nullptr;
  const Event* end = nullptr;  ///< nothing: it was killed, or its end was not written
  double until = 0;            ///< its end; without one, the first kill that met it; without that, its start
};

/// Where each fault struck. Built once for a History, which must outlive it.
class Faults {
 public:
  explicit Faults(const History& history);

  /// When the host `pid`, or the worker, was first killed after `from`; nothing if it was not.
  [[nodiscard]] std::optional<double> killed(std::int32_t pid, Name worker, double from) const;
  /// True if anything was done to the worker, the process or the broker between two times.
  [[nodiscard]] bool met(std::int32_t pid, Name worker, double from, double until) const;

 private:
  struct Strike {
    double time = 0;
    bool kill = false;
  };
  using Strikes = std::vector<Strike>;
  static const Strike* first(const Strikes* strikes, double from, bool kills_only);

  std::unordered_map<std::int64_t, Strikes> by_process_;
  std::unordered_map<Name, Strikes> by_worker_;
  Strikes broker_;
};

/// The runs of a job in order of their starts.
[[nodiscard]] std::vector<Run> runs_of(const History& history, const Faults& faults, Name job);
/// A time before which the broker cannot have accepted this: when it was sent; for what was sent again, because the first
/// answer was lost, when its attempt had begun.
[[nodiscard]] double accepted_after(const History& history, const Event& event);
/// Who began an attempt; nothing if its line is missing.
[[nodiscard]] const Event* begin_of(const History& history, Name job, std::uint32_t attempt);

}  // namespace conduitd::check
