#include "host/command_pacer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/text.h"

namespace conduitd::host {
namespace {

using channel::FrameType;

constexpr std::size_t kMostKeysWaiting = 64;

std::int64_t wall_ms() { return to_unix_ms(SystemClock().wall_now()); }

}  // namespace

CommandPacer::CommandPacer(channel::CommandSink& sink, std::uint32_t handle) : sink_(sink), handle_(handle) {}

void CommandPacer::progress(double fraction, std::string_view message, SteadyTime now) {
  progress_ = channel::Progress{std::isnan(fraction) ? 0 : std::clamp(fraction, 0.0, 1.0),
                                readable(message, kLongestProgress)};
  tick(now);
}

void CommandPacer::metadata(std::string_view key, std::string_view value, SteadyTime now) {
  if (key.empty() || key.size() > kLongestKey || !is_utf8(key)) {
    return refuse(fmt::format("a metadata key must be 1 to {} bytes of UTF-8: not kept", kLongestKey), now);
  }
  const auto valid = validate_json(value, {.size = kLongestValue});
  if (!valid.has_value()) return refuse(fmt::format("metadata '{}' was not kept: {}", key, valid.error().message()), now);
  const auto found = std::ranges::find(metadata_, key, [](const auto& entry) -> std::string_view { return entry.first; });
  if (found != metadata_.end()) {
    found->second = value;
  } else {
    if (metadata_.size() >= kMostKeysWaiting) send_metadata();
    metadata_.emplace_back(key, value);
  }
  tick(now);
}

void CommandPacer::checkpoint(std::string_view value, SteadyTime now) {
  const auto valid = validate_json(value, {.size = kLongestValue});
  if (!valid.has_value()) return refuse(fmt::format("a checkpoint was not kept: {}", valid.error().message()), now);
  checkpoint_ = value;
  tick(now);
}

void CommandPacer::log(channel::Log line, SteadyTime now) {
  if (now - log_window_ >= std::chrono::seconds(1)) {
    log_window_ = now;
    logs_in_window_ = 0;
    send_dropped();
  }
  if (logs_in_window_ >= kLogsPerSecond || sink_.congested()) {
    ++dropped_logs_;
    return;
  }
  ++logs_in_window_;
  line.message = readable(line.message, kLongestLog);
  if (!line.fields.empty()) {
    const auto valid = validate_json(line.fields, {.size = kLongestLog});
    if (!valid.has_value() || line.fields[line.fields.find_first_not_of(" \t\r\n")] != '{') {
      line.fields = R"({"fields":"not kept: a JSON object of at most 8 KiB is needed"})";
    }
  }
  send_log(line);
}

bool CommandPacer::waiting() const { return progress_ || checkpoint_ || !metadata_.empty(); }

void CommandPacer::tick(SteadyTime now) {
  if (!waiting() || sink_.congested()) return;
  const auto is_due = [now](SteadyTime& due) {
    if (now < due) return false;
    due = now + kInterval;
    return true;
  };
  if (progress_ && is_due(progress_due_)) send_progress();
  if (!metadata_.empty() && is_due(metadata_due_)) send_metadata();
  if (checkpoint_ && is_due(checkpoint_due_)) send_checkpoint();
}

void CommandPacer::finish() {
  if (progress_) send_progress();
  if (!metadata_.empty()) send_metadata();
  if (checkpoint_) send_checkpoint();
  send_dropped();
}

void CommandPacer::send_progress() {
  sink_.push(handle_, FrameType::progress, channel::encode(*progress_));
  progress_.reset();
}

void CommandPacer::send_metadata() {
  for (auto& [key, value] : metadata_) {
    sink_.push(handle_, FrameType::metadata, channel::encode(channel::Metadata{std::move(key), std::move(value)}));
  }
  metadata_.clear();
}

void CommandPacer::send_checkpoint() {
  sink_.push(handle_, FrameType::checkpoint, *checkpoint_);
  checkpoint_.reset();
}

void CommandPacer::send_log(const channel::Log& line) { sink_.push(handle_, FrameType::log, channel::encode(line)); }

void CommandPacer::send_dropped() {
  if (dropped_logs_ == 0) return;
  send_log({job::LogLevel::warning, wall_ms(),
            fmt::format("{} log lines were dropped: more than {} a second", dropped_logs_, kLogsPerSecond), {}});
  dropped_logs_ = 0;
}

void CommandPacer::refuse(std::string what, SteadyTime now) {
  log({job::LogLevel::warning, wall_ms(), std::move(what), {}}, now);
}

}  // namespace conduitd::host
