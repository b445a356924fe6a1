// What operators change.

#include <fmt/format.h>

#include <algorithm>

#include "broker/sqlite/operations.h"
#include "broker/sqlite/record.h"

namespace conduitd::broker::sqlite {
namespace {

using job::JobStatus;

/// The row of an existing job; Errc::not_found otherwise.
Result<job::JobRecord> existing(Store& store, const std::string& id) {
  CONDUIT_TRY(auto record, find(store, id));
  if (!record) return no_such_job(id);
  return std::move(*record);
}

Result<bool> known(Store& store, const std::string& kind, const std::string& name) {
  bool found = false;
  const auto yes = [&](const Row&) { found = true; };
  if (kind == "queue") {
    CONDUIT_TRY(const auto all, queues(store));
    return std::any_of(all.begin(), all.end(), [&](const QueueInfo& queue) { return queue.name == name; });
  }
  CONDUIT_TRY(store.db().each("SELECT 1 FROM lines WHERE task = ? LIMIT 1", yes, name));
  CONDUIT_TRY(store.db().each("SELECT 1 FROM tasks WHERE name = ?", yes, name));
  return found;
}

/// Errc::conflict if the job would hold its unique key again and another one does.
Result<> check_unique(Store& store, const job::JobRecord& record, std::int64_t seq) {
  std::string wanted;
  CONDUIT_TRY(store.db().each("SELECT uniq FROM jobs WHERE seq = ? AND uniq IS NOT NULL AND (uniq_starts = 0 OR attempts = 0) "
                              "AND (uniq_until IS NULL OR uniq_until > ?)",
                              [&](const Row& row) { wanted = row.text(0); }, seq, store.now()));
  if (wanted.empty()) return ok();
  CONDUIT_TRY(const auto holder, holder_of(store, wanted, store.now()));
  if (!holder) return ok();
  return Error(Errc::conflict, fmt::format("job {}: job {} holds its unique key '{}'", record.id,
                                           make_job_id(record.queue, holder->key), record.unique));
}

}  // namespace

Result<CancelOutcome> cancel(Store& store, const std::string& id) {
  CONDUIT_TRY(const auto record, existing(store, id));
  CONDUIT_TRY(const auto key, parse_job_key(id));
  if (job::is_final(record.status)) return CancelOutcome::ended;
  if (record.status == JobStatus::running) {
    CONDUIT_TRY(store.db().run("UPDATE jobs SET cancel = 1 WHERE seq = ?", key.seq));
    if (record.worker == store.options.worker) store.effects.cancels.push_back(record.id);
    return CancelOutcome::requested;
  }
  CONDUIT_TRY(cancel_waiting(store, key.seq));
  return CancelOutcome::cancelled;
}

Result<> cancel_waiting(Store& store, std::int64_t seq) {
  const auto now = store.now();
  CONDUIT_TRY(store.db().run("UPDATE jobs SET status = 6, ended = ?, keep = ? WHERE seq = ?", now,
                             now + store.options.result_ttl, seq));
  store.effects.ended.push_back(seq);
  return ok();
}

Result<> retry(Store& store, const std::string& id) {
  CONDUIT_TRY(const auto record, existing(store, id));
  CONDUIT_TRY(const auto key, parse_job_key(id));
  if (!job::may_move(record.status, JobStatus::queued) || !job::is_final(record.status)) {
    return not_ended(id, record.status);
  }
  CONDUIT_TRY(check_unique(store, record, key.seq));
  if (record.status == JobStatus::complete) {
    // Its row is about to be the next attempt's.
    CONDUIT_TRY(remember_attempt(store, key.seq, record.attempts.back(), {}));
  }
  CONDUIT_TRY(store.db().run(
      "UPDATE jobs SET status = 1, rank = ?, failures = 0, crashes = 0, interruptions = 0, reason = 0, cancel = 0, "
      "due = NULL, expires = NULL, deadline = NULL, ended = NULL, keep = NULL, result = NULL, failure = NULL WHERE seq = ?",
      rank_of(record.priority), key.seq));
  CONDUIT_TRY(store.db().run("UPDATE said SET fraction = NULL, message = NULL WHERE seq = ?", key.seq));
  store.effects.work_added = true;
  return ok();
}

Result<> remove(Store& store, const std::string& id) {
  CONDUIT_TRY(const auto record, existing(store, id));
  CONDUIT_TRY(const auto key, parse_job_key(id));
  if (record.status == JobStatus::running) {
    return Error(Errc::conflict, fmt::format("job {} is running: cancel it first", id));
  }
  CONDUIT_TRY(store.db().run("DELETE FROM jobs WHERE seq = ?", key.seq));
  CONDUIT_TRY(remove_sayings(store, key.seq));
  store.effects.ended.push_back(key.seq);
  return ok();
}

Result<> set_paused(Store& store, const std::string& kind, const std::string& name, bool paused) {
  CONDUIT_TRY(const bool exists, known(store, kind, name));
  if (!exists) return Error(Errc::not_found, fmt::format("there is no {} '{}'", kind, name));
  if (paused) {
    CONDUIT_TRY(store.db().run("INSERT OR IGNORE INTO paused VALUES(?, ?)", kind, name));
  } else {
    CONDUIT_TRY(store.db().run("DELETE FROM paused WHERE kind = ? AND name = ?", kind, name));
  }
  store.effects.pauses_changed = true;
  return ok();
}

Result<std::uint64_t> purge(Store& store, const std::string& queue, const std::string& task, std::size_t most) {
  for (const auto& [kind, name] : {std::pair("queue", &queue), std::pair("task", &task)}) {
    if (name->empty()) continue;
    CONDUIT_TRY(const bool exists, known(store, kind, *name));
    if (!exists) return Error(Errc::not_found, fmt::format("there is no {} '{}'", kind, *name));
  }
  std::vector<std::int64_t> lines;
  CONDUIT_TRY(store.db().each("SELECT line FROM lines WHERE (?1 = '' OR queue = ?1) AND (?2 = '' OR task = ?2)",
                              [&](const Row& row) { lines.push_back(row.integer(0)); }, queue, task));
  const auto now = store.now();
  std::uint64_t count = 0;
  const auto cancelled = [&](const Row& row) {
    store.effects.ended.push_back(row.integer(0));
    ++count;
  };
  for (const auto line : lines) {
    CONDUIT_TRY(store.db().each(
        "UPDATE jobs SET status = 6, ended = ?1, keep = ?2 WHERE seq IN (SELECT seq FROM jobs INDEXED BY waiting "
        "WHERE line = ?3 AND status = 1 LIMIT ?4) RETURNING seq",
        cancelled, now, now + store.options.result_ttl, line, most - count));
    for (const char* sql :
         {"UPDATE jobs SET status = 6, ended = ?1, keep = ?2 WHERE seq IN (SELECT seq FROM jobs INDEXED BY rare "
          "WHERE status = 0 AND line = ?3 LIMIT ?4) RETURNING seq",
          "UPDATE jobs SET status = 6, ended = ?1, keep = ?2 WHERE seq IN (SELECT seq FROM jobs INDEXED BY rare "
          "WHERE status = 3 AND line = ?3 LIMIT ?4) RETURNING seq"}) {
      CONDUIT_TRY(store.db().each(sql, cancelled, now, now + store.options.result_ttl, line, most - count));
    }
  }
  return count;
}

}  // namespace conduitd::broker::sqlite
