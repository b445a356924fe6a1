// What operators look at. Nothing here writes.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "broker/sqlite/operations.h"
#include "broker/sqlite/record.h"

namespace conduitd::broker::sqlite {
namespace {

using job::JobStatus;

/// Partial indexes are chosen by literal numbers only, so the status is part of the text.
std::string list_sql(const JobFilter& filter) {
  std::string from = "jobs j ";
  std::string where = "j.seq < ?1 ";
  if (filter.status) {
    where += fmt::format("AND j.status = {} ", static_cast<int>(*filter.status));
    if (filter.reason) where += fmt::format("AND j.reason = {} ", static_cast<int>(*filter.reason));
    switch (*filter.status) {
      case JobStatus::queued: from += "INDEXED BY waiting "; break;
      case JobStatus::running: from += "INDEXED BY running "; break;
      case JobStatus::complete: break;  // nearly every row is one: walking back from the newest finds them at once
      default: from += "INDEXED BY rare "; break;
    }
  }
  if (!filter.queue.empty() || !filter.task.empty()) {
    where += "AND j.line IN (SELECT line FROM lines WHERE (?2 = '' OR queue = ?2) AND (?3 = '' OR task = ?3)) ";
  }
  return "SELECT " + kRecordColumns + " FROM " + from + kRecordJoins + " WHERE " + where +
         "ORDER BY j.seq DESC LIMIT ?4";
}

Result<std::optional<std::int64_t>> find_row(Store& store, const std::string& id, JobKey key) {
  std::optional<std::int64_t> found;
  CONDUIT_TRY(store.db().each(
      "SELECT l.queue FROM jobs j JOIN lines l USING(line) WHERE j.seq = ? AND j.stamp = ?",
      [&](const Row& row) {
        if (id.starts_with(row.text(0) + ':')) found = key.seq;
      },
      key.seq, key.stamp));
  return found;
}

}  // namespace

Result<std::int64_t> parse_cursor(const std::string& cursor, std::int64_t otherwise) {
  if (cursor.empty()) return otherwise;
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), value);
  if (failed != std::errc{} || end != cursor.data() + cursor.size()) {
    return no_such_cursor();
  }
  return value;
}

Result<std::optional<job::JobRecord>> find(Store& store, const std::string& id) {
  std::optional<job::JobRecord> record;
  CONDUIT_TRY(const auto key, parse_job_key(id));
  CONDUIT_TRY(const auto seq, find_row(store, id, key));
  if (!seq) return record;
  CONDUIT_TRY(store.db().each("SELECT " + kRecordColumns + " FROM jobs j " + kRecordJoins + " WHERE j.seq = ?",
                              [&](const Row& row) { record = read_record(row); }, *seq));
  if (!record) return record;
  CONDUIT_TRY(record->metadata, metadata_of(store, *seq));
  if (!record->after.empty() && record->status == JobStatus::scheduled) {
    CONDUIT_TRY(record->held_by, held_by(store, *seq));
  }
  CONDUIT_TRY(record->attempts, history_of(store, *seq, *record));
  return record;
}

Result<JobPage> list(Store& store, JobFilter filter) {
  constexpr std::size_t kMost = 1'000;
  JobPage page;
  if (filter.reason && filter.status.value_or(JobStatus::failed) != JobStatus::failed) return page;
  if (filter.reason) filter.status = JobStatus::failed;
  const auto limit = std::clamp<std::size_t>(filter.limit, 1, kMost);
  CONDUIT_TRY(const auto before, parse_cursor(filter.cursor, std::numeric_limits<std::int64_t>::max()));
  std::vector<std::int64_t> rows;
  CONDUIT_TRY(store.db().each(
      list_sql(filter),
      [&](const Row& row) {
        rows.push_back(row.integer(0));
        page.jobs.push_back(read_record(row));
      },
      before, filter.queue, filter.task, limit + 1));
  if (page.jobs.size() > limit) {
    page.jobs.pop_back();
    page.next = std::to_string(rows[limit - 1]);
  }
  for (std::size_t i = 0; i < page.jobs.size(); ++i) {
    if (page.jobs[i].counters.attempts == 0) continue;
    CONDUIT_TRY(page.jobs[i].metadata, metadata_of(store, rows[i]));
  }
  return page;
}

Result<LogPage> logs(Store& store, const std::string& id, const std::string& cursor, std::size_t limit) {
  constexpr std::size_t kMost = 10'000;
  CONDUIT_TRY(const auto key, parse_job_key(id));
  CONDUIT_TRY(const auto seq, find_row(store, id, key));
  if (!seq) return no_such_job(id);
  CONDUIT_TRY(auto last, parse_cursor(cursor, 0));
  LogPage page;
  CONDUIT_TRY(store.db().each(
      "SELECT n, time, attempt, level, message, fields FROM logs WHERE seq = ? AND n > ? ORDER BY n LIMIT ?",
      [&](const Row& row) {
        last = row.integer(0);
        const auto level = std::clamp<std::int64_t>(row.integer(3), 0, static_cast<int>(job::LogLevel::error));
        page.lines.push_back({from_unix_ms(row.integer(1)), static_cast<std::uint32_t>(row.integer(2)),
                              static_cast<job::LogLevel>(level), row.text(4), row.text(5)});
      },
      *seq, last, std::min(limit, kMost)));
  page.next = std::to_string(last);
  return page;
}

Result<std::vector<std::int64_t>> not_live(Store& store, const std::vector<std::int64_t>& jobs) {
  std::vector<std::int64_t> out;
  for (const auto seq : jobs) {
    bool live = false;
    CONDUIT_TRY(store.db().each("SELECT 1 FROM jobs WHERE seq = ? AND status IN (0, 1, 2, 3)",
                                [&](const Row&) { live = true; }, seq));
    if (!live) out.push_back(seq);
  }
  return out;
}

Result<std::vector<QueueInfo>> queues(Store& store) {
  std::map<std::string, QueueInfo> by_name;
  auto& db = store.db();
  CONDUIT_TRY(db.each("SELECT DISTINCT queue FROM lines", [&](const Row& row) { by_name[row.text(0)]; }));
  CONDUIT_TRY(db.each("SELECT name FROM paused WHERE kind = 'queue'",
                      [&](const Row& row) { by_name[row.text(0)].paused = true; }));
  CONDUIT_TRY(const auto live, workers(store));
  for (const auto& worker : live) {
    for (const auto& queue : worker.queues) by_name[queue];
  }
  const auto count = [&](std::uint64_t QueueInfo::*member) {
    return [&by_name, member](const Row& row) {
      by_name[row.text(0)].*member += static_cast<std::uint64_t>(row.integer(1));
    };
  };
  // Each from the index that holds just these jobs.
  CONDUIT_TRY(db.each("SELECT l.queue, c.n FROM (SELECT line, count(*) n FROM jobs INDEXED BY waiting WHERE status = 1 "
                      "GROUP BY line) c JOIN lines l USING(line)", count(&QueueInfo::queued)));
  CONDUIT_TRY(db.each("SELECT l.queue, c.n FROM (SELECT line, count(*) n FROM jobs INDEXED BY running WHERE status = 2 "
                      "GROUP BY line) c JOIN lines l USING(line)", count(&QueueInfo::running)));
  CONDUIT_TRY(db.each("SELECT l.queue, c.n FROM (SELECT line, count(*) n FROM jobs INDEXED BY rare WHERE status = 0 "
                      "GROUP BY line) c JOIN lines l USING(line)", count(&QueueInfo::scheduled)));
  CONDUIT_TRY(db.each("SELECT l.queue, c.n FROM (SELECT line, count(*) n FROM jobs INDEXED BY rare WHERE status = 3 "
                      "GROUP BY line) c JOIN lines l USING(line)", count(&QueueInfo::scheduled)));
  CONDUIT_TRY(db.each("SELECT l.queue, c.n FROM (SELECT line, count(*) n FROM jobs INDEXED BY rare WHERE status = 5 "
                      "GROUP BY line) c JOIN lines l USING(line)", count(&QueueInfo::failed)));
  std::vector<QueueInfo> out;
  for (auto& [name, info] : by_name) {
    info.name = name;
    out.push_back(std::move(info));
  }
  return out;
}

}  // namespace conduitd::broker::sqlite
