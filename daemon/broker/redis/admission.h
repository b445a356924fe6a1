#pragma once
// What limits admit, for a turn in a cluster (turn.h): as admit.lua has it for a server that stands alone. Pure.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "job/limit.h"

namespace conduitd::broker::redis {

/// A task's limits, and what they count.
struct LimitedTask {
  std::vector<job::Limit> limits;
  std::uint32_t weight = 1;   ///< of its jobs that have none of their own
  std::uint64_t running = 0;  ///< units of all workers
  std::uint64_t own = 0;      ///< of this one
  std::map<std::string, std::uint64_t> of_value;      ///< by the value of the key, of all workers
  std::map<std::string, std::uint64_t> own_of_value;  ///< of this one
  std::map<std::string, std::int64_t> accounts;       ///< of rates, by name, with those that repeat one after a heavy start
};

/// For one look of one worker, at one moment (microseconds of the namespace's clock).
class Admission {
 public:
  Admission(std::string worker, std::int64_t now) : worker_(std::move(worker)), now_(now) {}

  [[nodiscard]] std::int64_t now() const { return now_; }
  /// How many jobs of a weight the limits with a key (or without) admit, up to so many.
  std::size_t room(const LimitedTask& task, bool keyed, const std::string& value, std::size_t wanted, std::uint32_t weight);
  /// The same of a queue in which so many units may run.
  std::size_t places(std::uint64_t running, std::uint32_t most, std::size_t wanted, std::uint32_t weight);
  /// The accounts of such rates, by name.
  [[nodiscard]] std::vector<std::string> accounts_of(const LimitedTask& task, bool keyed, const std::string& value) const;
  /// Takes starts from the accounts; those that change, with what they are then.
  std::map<std::string, std::int64_t> charge(LimitedTask& task, bool keyed, const std::string& value, std::size_t count,
                                             std::uint32_t weight);
  /// They run now.
  static void took(LimitedTask& task, const std::optional<std::string>& value, std::uint64_t units);

  /// When a rate admits more, from now on; nothing if none stood in the way.
  std::optional<std::chrono::microseconds> again;
  /// Something waits for an attempt to end.
  bool starving = false;

 private:
  void wait_until(std::int64_t when);

  std::string worker_;
  std::int64_t now_;
};

/// A job among the parked ones: by value, rank of its lane and entry. See parked_as in common.lua.
[[nodiscard]] std::string parked_as(const std::string& value, const std::string& place);
/// The value and the place of one.
[[nodiscard]] std::optional<std::pair<std::string, std::string>> read_parked(std::string_view member);

/// "queue/lane/entry" of a job that a task with limits has or had waiting.
struct PlaceOfJob {
  std::string queue;
  char lane = '5';
  std::string entry;
};
[[nodiscard]] std::optional<PlaceOfJob> read_place(std::string_view place);

}  // namespace conduitd::broker::redis
