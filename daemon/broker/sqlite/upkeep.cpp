// What time does to jobs: due ones move on, late ones expire, lost leases come back, old records go.

#include <fmt/format.h>

#include <algorithm>

#include "base/failpoint.h"
#include "broker/sqlite/operations.h"

namespace conduitd::broker::sqlite {
namespace {

using job::JobStatus;

Result<std::size_t> expire(Store& store, WallTime now, std::size_t most) {
  std::size_t count = 0;
  CONDUIT_TRY(store.db().each(
      "UPDATE jobs SET status = 7, ended = ?1, keep = ?2 WHERE seq IN (SELECT seq FROM jobs INDEXED BY expiring WHERE "
      "expires IS NOT NULL AND attempts = 0 AND status IN (0, 1) AND expires <= ?1 ORDER BY expires LIMIT ?3) RETURNING seq",
      [&](const Row& row) {
        store.effects.ended.push_back(row.integer(0));
        ++count;
      },
      now, now + store.options.result_ttl, most));
  return count;
}

struct Lost {
  std::int64_t seq = 0;
  std::string id;
  job::AttemptRecord attempt;
  std::uint32_t crashes = 0;  // this one included
  bool cancel = false;
};

Result<std::vector<Lost>> find_lost(Store& store, std::size_t most) {
  std::vector<Lost> found;
  const auto now = store.now();
  CONDUIT_TRY(store.db().each(
      "SELECT j.seq, j.stamp, l.queue, j.attempts, j.crashes, j.cancel, j.started, j.worker "
      "FROM jobs j INDEXED BY running JOIN lines l USING(line) WHERE j.status = 2 AND j.lease <= ? ORDER BY j.lease LIMIT ?",
      [&](const Row& row) {
        Lost lost;
        lost.seq = row.integer(0);
        lost.id = make_job_id(row.text(2), {row.integer(0), row.integer(1)});
        const auto started = from_unix_ms(row.integer(6));
        lost.attempt = {static_cast<std::uint32_t>(row.integer(3)), started, std::max(now - started, Millis{0}),
                        row.text(7), kLeaseExpired, std::nullopt};
        lost.crashes = static_cast<std::uint32_t>(row.integer(4)) + 1;
        lost.cancel = row.integer(5) != 0;
        found.push_back(std::move(lost));
      },
      store.monotonic(), most));
  return found;
}

Result<> take_back(Store& store, const Lost& lost, JobStatus status) {
  const auto now = store.now();
  const bool poison = status == JobStatus::failed;
  const bool final = job::is_final(status);
  const auto failure = lease_expired(lost.attempt.worker);
  const auto text = to_json(failure).text();
  CONDUIT_TRY(store.db().run(
      "UPDATE jobs SET status = ?, rank = 0, crashes = ?, duration = ?, reason = ?, ended = ?, keep = ?, failure = ?, "
      "cancel = 0 WHERE seq = ?",
      static_cast<int>(status), lost.crashes, lost.attempt.duration,
      static_cast<int>(poison ? job::FailureReason::poison : job::FailureReason::none),
      final ? std::optional(now) : std::nullopt,
      final ? std::optional(now + (poison ? store.options.failed_ttl : store.options.result_ttl)) : std::nullopt, text,
      lost.seq));
  CONDUIT_TRY(remember_attempt(store, lost.seq, lost.attempt, text));
  if (final) store.effects.ended.push_back(lost.seq);
  if (!final) store.effects.work_added = true;
  store.place_freed();
  return ok();
}

Result<> remove_record(Store& store, std::int64_t seq) {
  CONDUIT_TRY(store.db().run("DELETE FROM jobs WHERE seq = ?", seq));
  return remove_sayings(store, seq);
}

/// The failed jobs that are too many in their queues, those that failed first.
Result<std::vector<std::int64_t>> surplus_failures(Store& store, std::size_t most) {
  std::vector<std::pair<std::string, std::size_t>> queues;
  const auto bound = store.options.failed_max;
  CONDUIT_TRY(store.db().each("SELECT queue, sum(failed) FROM lines GROUP BY queue HAVING sum(failed) > ?",
                              [&](const Row& row) { queues.emplace_back(row.text(0), static_cast<std::size_t>(row.integer(1)) - bound); }, bound));
  std::vector<std::int64_t> out;
  for (const auto& [queue, surplus] : queues) {
    const auto wanted = std::min(surplus, most - out.size());
    CONDUIT_TRY(const auto lines, store.lines_of_queue(queue));
    std::vector<std::pair<std::int64_t, std::int64_t>> oldest;  // when it failed, and its row
    for (const auto line : lines) {
      CONDUIT_TRY(store.db().each("SELECT ended, seq FROM jobs INDEXED BY failed WHERE status = 5 AND line = ? ORDER BY ended LIMIT ?",
                                  [&](const Row& row) { oldest.emplace_back(row.integer(0), row.integer(1)); }, line, wanted));
    }
    std::sort(oldest.begin(), oldest.end());
    oldest.resize(std::min(oldest.size(), wanted));
    for (const auto& [ended, seq] : oldest) out.push_back(seq);
  }
  return out;
}

}  // namespace

Result<Promotion> promote_due(Store& store, std::size_t most) {
  Promotion out;
  auto& db = store.db();
  const auto now = store.now();
  // Expiry first: what is due and too late is too late.
  CONDUIT_TRY(out.expired, expire(store, now, most));
  CONDUIT_TRY(const int promoted,
              db.run("UPDATE jobs SET status = 1, rank = 10 - priority WHERE seq IN (SELECT seq FROM jobs INDEXED BY due "
                     "WHERE status IN (0, 3) AND due <= ? ORDER BY due LIMIT ?)", now, most));
  if (promoted > 0 && failpoint::fails_at("schedule.mid")) return Error(Errc::unavailable, "failpoint schedule.mid");
  out.promoted = static_cast<std::size_t>(promoted);
  if (promoted > 0) store.effects.work_added = true;
  const auto earlier = [&](const Row& row) {
    const auto time = row.maybe_time(0);
    if (time && (!out.next_due || *time < *out.next_due)) out.next_due = time;
  };
  constexpr std::size_t kMostGathered = 100;
  CONDUIT_TRY(const auto gathered, gather(store, std::min(most, kMostGathered)));
  out.promoted += gathered.jobs;
  out.next_due = gathered.next;
  CONDUIT_TRY(db.each("SELECT min(due) FROM jobs INDEXED BY due WHERE status IN (0, 3)", earlier));
  CONDUIT_TRY(db.each("SELECT min(expires) FROM jobs INDEXED BY expiring "
                      "WHERE expires IS NOT NULL AND attempts = 0 AND status IN (0, 1)", earlier));
  return out;
}

Result<std::size_t> remove_old_records(Store& store, std::size_t most) {
  std::vector<std::int64_t> old;
  CONDUIT_TRY(store.db().each("SELECT seq FROM jobs INDEXED BY kept WHERE keep IS NOT NULL AND keep <= ? LIMIT ?",
                              [&](const Row& row) { old.push_back(row.integer(0)); }, store.now(), most));
  for (const auto seq : old) {
    CONDUIT_TRY(remove_record(store, seq));
  }
  if (old.size() == most) return most;
  // An account whose next start lies in the past says no more than none.
  CONDUIT_TRY(store.db().run("DELETE FROM rates WHERE next < ?", to_unix_ms(store.now()) * 1'000));
  CONDUIT_TRY(store.db().run("DELETE FROM triggers WHERE key IN (SELECT key FROM triggers WHERE until < ? LIMIT ?)", store.now(), most));
  CONDUIT_TRY(const auto surplus, surplus_failures(store, most - old.size()));
  for (const auto seq : surplus) {
    CONDUIT_TRY(remove_record(store, seq));
  }
  return old.size() + surplus.size();
}

Result<Reclaimed> reclaim_expired(Store& store, const ReclaimRequest& request) {
  Reclaimed out;
  CONDUIT_TRY(const auto found, find_lost(store, request.most));
  if (!found.empty() && failpoint::fails_at("reclaim.after_scan")) return Error(Errc::unavailable, "failpoint reclaim.after_scan");
  for (const auto& lost : found) {
    const bool poison = !lost.cancel && lost.crashes >= request.quarantine_after;
    const auto status = lost.cancel ? JobStatus::cancelled : poison ? JobStatus::failed : JobStatus::queued;
    CONDUIT_TRY(take_back(store, lost, status));
    out.entries.push_back({lost.id, lost.attempt.attempt, poison});
  }
  return out;
}

}  // namespace conduitd::broker::sqlite
