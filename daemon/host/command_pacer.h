#pragma once
// Keeps an attempt's commands within bounds before they leave it: merges floods, caps log lines, cuts what is too long.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "channel/command_sink.h"
#include "channel/messages.h"

namespace conduitd::host {

/// Progress, metadata and checkpoints: the first is sent at once, later ones at most every kInterval; of those between,
/// the latest (of each metadata key) is kept and sent by tick() or finish(). While the sink is congested all wait.
/// Log lines keep their order; beyond kLogsPerSecond, or while the sink is congested, they are counted and dropped,
/// and a line says how many. Order is kept within each of these four kinds.
///
/// Not thread-safe: the attempt's lock guards it.
class CommandPacer {
 public:
  static constexpr Millis kInterval{20};
  static constexpr int kLogsPerSecond = 200;
  static constexpr std::size_t kLongestLog = 8 * 1024;
  static constexpr std::size_t kLongestProgress = 1024;
  static constexpr std::size_t kLongestKey = 256;
  static constexpr std::size_t kLongestValue = 1024 * 1024;  ///< of a checkpoint or a metadata value

  CommandPacer(channel::CommandSink& sink, std::uint32_t handle);

  /// Not a number counts as 0; what is outside 0 to 1 is clamped.
  void progress(double fraction, std::string_view message, SteadyTime now);
  /// A value that is too long or no JSON is not kept; a log line says so.
  void metadata(std::string_view key, std::string_view value, SteadyTime now);
  void checkpoint(std::string_view value, SteadyTime now);
  void log(channel::Log line, SteadyTime now);

  /// True while something waits for tick().
  [[nodiscard]] bool waiting() const;
  /// Sends what is due.
  void tick(SteadyTime now);
  /// Sends everything that waits.
  void finish();

 private:
  void send_progress();
  void send_metadata();
  void send_checkpoint();
  void send_log(const channel::Log& line);
  void send_dropped();
  void refuse(std::string what, SteadyTime now);

  channel::CommandSink& sink_;
  const std::uint32_t handle_;

  std::optional<channel::Progress> progress_;
  std::vector<std::pair<std::string, job::Bytes>> metadata_;
  std::optional<job::Bytes> checkpoint_;
  SteadyTime progress_due_{};
  SteadyTime metadata_due_{};
  SteadyTime checkpoint_due_{};
  SteadyTime log_window_{};
  int logs_in_window_ = 0;
  std::uint64_t dropped_logs_ = 0;
};

}  // namespace conduitd::host
