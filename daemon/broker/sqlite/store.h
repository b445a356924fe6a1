#pragma once
// What an operation of the broker works on, inside its transaction and on its thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "broker/broker.h"
#include "broker/directory.h"
#include "broker/sqlite/database.h"
#include "job/id.h"

namespace conduitd::broker::sqlite {

/// What others should hear once the transaction is committed.
struct Effects {
  bool work_added = false;
  bool others_wrote = false;         ///< another connection committed: anything may have changed
  bool pauses_changed = false;
  std::vector<std::int64_t> ended;   ///< jobs that ended or were removed
  std::vector<std::string> cancels;  ///< running jobs of this worker that should stop

  void add(Effects&& other);
};

/// Where a job stands: its row, and the stamp that its id was made with.
struct JobKey {
  std::int64_t seq = 0;
  std::int64_t stamp = 0;
};

/// One connection and what is remembered between transactions. Thread: the one that owns the connection.
class Store {
 public:
  Store(std::unique_ptr<Database> database, const Clock& time, Options with)
      : options(std::move(with)), db_(std::move(database)), clock_(time) {}

  const Options options;
  Effects effects;  ///< of the operation under way
  /// A claim found jobs that only want for somebody else's end: whatever ends an attempt makes work. Survives transactions.
  bool starved = false;
  void place_freed() {
    if (std::exchange(starved, false)) effects.work_added = true;
  }

  [[nodiscard]] Database& db() { return *db_; }
  [[nodiscard]] WallTime now() const { return clock_.wall_now(); }
  /// Milliseconds of the machine's monotonic clock, the same in every process.
  [[nodiscard]] std::int64_t monotonic() const;

  /// The number of a line, if there ever was a job in it.
  Result<std::optional<std::int64_t>> find_line(const std::string& queue, const std::string& task);
  Result<std::int64_t> make_line(const std::string& queue, const std::string& task);
  Result<std::vector<std::int64_t>> lines_of_queue(const std::string& queue);

  /// A new id's stamp: its milliseconds and 16 random bits. Never falls while the process lives.
  std::int64_t make_stamp(WallTime now);
  /// After a rollback: forgets what the transaction had added.
  void forget();

 private:
  std::unique_ptr<Database> db_;
  const Clock& clock_;
  std::unordered_map<std::string, std::int64_t> lines_;
  std::uint64_t last_ms_ = 0;
  std::mt19937 random_{std::random_device{}()};
};

/// A job id carries its row number and stamp, so that it leads to the row without an index.
[[nodiscard]] std::string make_job_id(std::string_view queue, JobKey key);
[[nodiscard]] Result<JobKey> parse_job_key(std::string_view id);
/// Errc::not_found, in one sentence for everybody.
[[nodiscard]] Error no_such_job(std::string_view id);

/// The place of a job in its line: behind those handed back, by priority.
[[nodiscard]] constexpr int rank_of(std::int64_t priority) { return 10 - static_cast<int>(priority); }

}  // namespace conduitd::broker::sqlite
