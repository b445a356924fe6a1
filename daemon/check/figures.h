#pragma once
// What a history measures, beside whether it is good.

#include <array>
#include <map>
#include <string>
#include <vector>

#include "check/rules.h"

namespace conduitd::check {

/// Times in milliseconds, in order.
struct Times {
  std::vector<double> sorted;
  /// The value that `share` (0 to 1) of all do not exceed; 0 if there are none.
  [[nodiscard]] double quantile(double share) const;
};

struct Figures {
  std::uint64_t jobs = 0;                                 ///< accepted
  job::Counters charged;                                  ///< the sum over all records
  std::map<std::string, std::uint64_t> states;            ///< of the records that were read
  std::array<std::uint64_t, kKindNames.size()> lines{};   ///< by kind
  std::map<std::string, std::uint64_t> faults;            ///< "kill supervisor"
  std::uint64_t lost = 0;
  std::uint64_t twice = 0;
  std::uint64_t stale = 0;
  std::uint64_t overlaps = 0;                             ///< pairs of runs of a job at the same time
  double overlap_ms = 0;
  Times taken_back;    ///< from the kill of a worker until what it had was reclaimed
  Times after_worker;  ///< from the kill of a worker to the next start of what it had
  Times after_host;    ///< the same for a host or zygote, the supervisor being alive
};

[[nodiscard]] Figures measure(const History& history, const std::vector<Verdict>& verdicts);

}  // namespace conduitd::check
