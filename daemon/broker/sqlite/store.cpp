#include "broker/sqlite/store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace conduitd::broker::sqlite {
namespace {

constexpr unsigned kRandomBits = 16;

std::string line_key(const std::string& queue, const std::string& task) { return queue + ':' + task; }

}  // namespace

void Effects::add(Effects&& other) {
  work_added |= other.work_added;
  others_wrote |= other.others_wrote;
  pauses_changed |= other.pauses_changed;
  ended.insert(ended.end(), other.ended.begin(), other.ended.end());
  cancels.insert(cancels.end(), other.cancels.begin(), other.cancels.end());
}

std::int64_t Store::monotonic() const {
  return std::chrono::duration_cast<Millis>(clock_.now().time_since_epoch()).count();
}

Result<std::optional<std::int64_t>> Store::find_line(const std::string& queue, const std::string& task) {
  auto key = line_key(queue, task);
  if (const auto known = lines_.find(key); known != lines_.end()) return std::optional(known->second);
  std::optional<std::int64_t> line;
  CONDUIT_TRY(db_->each("SELECT line FROM lines WHERE queue = ? AND task = ?",
                        [&](const Row& row) { line = row.integer(0); }, queue, task));
  if (line) lines_.emplace(std::move(key), *line);
  return line;
}

Result<std::int64_t> Store::make_line(const std::string& queue, const std::string& task) {
  CONDUIT_TRY(const auto known, find_line(queue, task));
  if (known) return *known;
  CONDUIT_TRY(db_->run("INSERT INTO lines(queue, task) VALUES(?, ?)", queue, task));
  CONDUIT_TRY(const auto made, find_line(queue, task));
  return made.value_or(0);
}

Result<std::vector<std::int64_t>> Store::lines_of_queue(const std::string& queue) {
  std::vector<std::int64_t> lines;
  CONDUIT_TRY(db_->each("SELECT line FROM lines WHERE queue = ?",
                        [&](const Row& row) { lines.push_back(row.integer(0)); }, queue));
  return lines;
}

std::int64_t Store::make_stamp(WallTime now) {
  last_ms_ = std::max(last_ms_, static_cast<std::uint64_t>(std::max<std::int64_t>(to_unix_ms(now), 0)));
  return static_cast<std::int64_t>((last_ms_ << kRandomBits) | (random_() & 0xFFFFU));
}

void Store::forget() {
  lines_.clear();
  effects = {};
}

std::string make_job_id(std::string_view queue, JobKey key) {
  const auto stamp = static_cast<std::uint64_t>(key.stamp);
  return job::make_id(queue, {stamp >> kRandomBits, static_cast<std::uint16_t>(stamp & 0xFFFFU),
                              static_cast<std::uint64_t>(key.seq)});
}

Result<JobKey> parse_job_key(std::string_view id) {
  CONDUIT_TRY(const auto parsed, job::parse_id(id));
  return JobKey{static_cast<std::int64_t>(parsed.ulid.low),
                static_cast<std::int64_t>((parsed.ulid.ms << kRandomBits) | parsed.ulid.high)};
}

Error no_such_job(std::string_view id) {
  return Error(Errc::not_found, fmt::format("there is no job {}", escape_control(truncate(id, 200))));
}

}  // namespace conduitd::broker::sqlite
