// How attempts end.

#include "base/failpoint.h"
#include "broker/sqlite/operations.h"

namespace conduitd::broker::sqlite {
namespace {

using job::JobStatus;
using Kind = job::Settlement::Kind;
using Charge = job::Settlement::Charge;

/// What a settlement makes of the job.
struct Outcome {
  JobStatus status = JobStatus::failed;
  std::string name;     ///< in the history
  bool in_front = false;
};

Outcome outcome_of(const job::Settlement& settlement, bool cancel_requested) {
  const bool crashed = settlement.charge == Charge::crash;
  const bool again = settlement.kind == Kind::retry || settlement.kind == Kind::release;
  // Whoever asked for the job to stop must not see it start again.
  if (again && cancel_requested) return {JobStatus::cancelled, "cancelled", false};
  switch (settlement.kind) {
    case Kind::complete: return {JobStatus::complete, "complete", false};
    case Kind::retry:
      if (settlement.retry_after > Millis{0}) return {JobStatus::retrying, crashed ? "crash" : "retry", false};
      return {JobStatus::queued, crashed ? "crash" : "retry", crashed};
    case Kind::fail: return {JobStatus::failed, crashed ? "crash" : "failed", false};
    case Kind::release: return {JobStatus::queued, "released", true};
    case Kind::cancel: return {JobStatus::cancelled, "cancelled", false};
  }
  return {};
}

std::optional<WallTime> keep_until(const Store& store, JobStatus status, WallTime now) {
  if (!job::is_final(status)) return std::nullopt;
  return now + (status == JobStatus::failed ? store.options.failed_ttl : store.options.result_ttl);
}

std::optional<WallTime> began(const job::Settlement& s) {
  return s.started_at == WallTime{} ? std::nullopt : std::optional(s.started_at);
}

std::optional<std::int64_t> known(std::int64_t measured) {
  return measured >= 0 ? std::optional(measured) : std::nullopt;
}

/// The commonest case in one statement. False if the fence refused.
Result<bool> complete(Store& store, const job::Settlement& s, JobKey key, WallTime now) {
  CONDUIT_TRY(const int changed,
              store.db().run("UPDATE jobs SET status = 4, settled = attempts, started = coalesce(?, started), duration = ?, "
                             "ended = ?, keep = ?, result = ?, failure = NULL, cancel = 0, code = ?, cpu = ?, rss = ? "
                             "WHERE seq = ? AND stamp = ? AND status = 2 AND attempts = ? AND worker = ?",
                             began(s), s.duration, now, keep_until(store, JobStatus::complete, now),
                             or_null(s.result), or_null(to_word(s.code)), known(s.usage.cpu_us), known(s.usage.peak_rss_kib),
                             key.seq, key.stamp, s.lease.attempt, store.options.worker));
  if (changed == 1) store.effects.ended.push_back(key.seq);
  return changed == 1;
}

Result<bool> end_attempt(Store& store, const job::Settlement& s, JobKey key, WallTime now) {
  auto& db = store.db();
  bool held = false;
  bool cancel = false;
  int rank = 0;
  CONDUIT_TRY(db.each("SELECT cancel, priority FROM jobs "
                      "WHERE seq = ? AND stamp = ? AND status = 2 AND attempts = ? AND worker = ?",
                      [&](const Row& row) {
                        held = true;
                        cancel = row.integer(0) != 0;
                        rank = rank_of(row.integer(1));
                      },
                      key.seq, key.stamp, s.lease.attempt, store.options.worker));
  if (!held) return false;
  const auto outcome = outcome_of(s, cancel);
  const auto failure = s.failure ? to_json(*s.failure).text() : std::string();
  const bool final = job::is_final(outcome.status);
  const auto due = outcome.status == JobStatus::retrying ? std::optional(now + s.retry_after) : std::nullopt;
  CONDUIT_TRY(db.run("UPDATE jobs SET status = ?, rank = ?, due = ?, settled = attempts, failures = failures + ?, "
                     "crashes = crashes + ?, interruptions = interruptions + ?, reason = ?, "
                     "started = coalesce(?, started), duration = ?, ended = ?, keep = ?, result = ?, failure = coalesce(?, failure), cancel = 0 WHERE seq = ?",
                     static_cast<int>(outcome.status), outcome.in_front ? 0 : rank, due, s.charge == Charge::failure,
                     s.charge == Charge::crash, s.charge == Charge::interruption,
                     static_cast<int>(outcome.status == JobStatus::failed ? s.reason : job::FailureReason::none),
                     began(s), s.duration, final ? std::optional(now) : std::nullopt,
                     keep_until(store, outcome.status, now), final ? or_null(s.result) : std::nullopt,
                     or_null(failure), key.seq));
  const job::AttemptRecord attempt{s.lease.attempt, s.started_at, s.duration, s.worker, outcome.name, std::nullopt, s.code, s.usage};
  CONDUIT_TRY(remember_attempt(store, key.seq, attempt, failure));
  if (final) store.effects.ended.push_back(key.seq);
  if (outcome.status == JobStatus::queued) store.effects.work_added = true;
  return true;
}

/// The fence refused: did this very attempt end before by a settlement, or was it taken away?
Result<Settled> refused(Store& store, const job::Lease& lease, JobKey key) {
  bool repeated = false;
  CONDUIT_TRY(store.db().each("SELECT settled = ?1 OR EXISTS (SELECT 1 FROM history h WHERE h.seq = jobs.seq AND "
                              "h.attempt = ?1 AND h.outcome <> ?4) FROM jobs WHERE seq = ?2 AND stamp = ?3",
                              [&](const Row& row) { repeated = row.integer(0) != 0; }, lease.attempt, key.seq, key.stamp,
                              kLeaseExpired));
  return repeated ? Settled::repeated : Settled::lost;
}

Result<Settled> settle_one(Store& store, const job::Settlement& settlement, WallTime now) {
  const auto key = parse_job_key(settlement.lease.job_id);
  if (!key.has_value()) return Settled::lost;
  CONDUIT_TRY(const bool applied, settlement.kind == Kind::complete ? complete(store, settlement, key.value(), now)
                                                                    : end_attempt(store, settlement, key.value(), now));
  if (applied) {
    store.place_freed();
    return Settled::applied;
  }
  return refused(store, settlement.lease, key.value());
}

/// The broken build of the checker's tests: whoever settles holds the job, whatever its attempt's number.
Result<Settled> settle_unfenced(Store& store, job::Settlement settlement, WallTime now) {
  CONDUIT_TRY(const auto key, parse_job_key(settlement.lease.job_id));
  CONDUIT_TRY(store.db().run("UPDATE jobs SET status = 2, worker = ? WHERE seq = ? AND stamp = ?", store.options.worker, key.seq,
                             key.stamp));
  CONDUIT_TRY(store.db().each("SELECT attempts FROM jobs WHERE seq = ?",
                              [&](const Row& row) { settlement.lease.attempt = static_cast<std::uint32_t>(row.integer(0)); },
                              key.seq));
  return settle_one(store, settlement, now);
}

}  // namespace

Result<std::vector<Settled>> settle(Store& store, const std::vector<job::Settlement>& settlements) {
  std::vector<Settled> out;
  out.reserve(settlements.size());
  const auto now = store.now();
  for (const auto& settlement : settlements) {
    CONDUIT_TRY(const auto settled, failpoint::broken("unfenced") ? settle_unfenced(store, settlement, now)
                                                                  : settle_one(store, settlement, now));
    out.push_back(settled);
  }
  return out;
}

Result<> remember_attempt(Store& store, std::int64_t seq, const job::AttemptRecord& attempt,
                          const std::string& failure) {
  constexpr std::int64_t kKept = 20;
  CONDUIT_TRY(store.db().run("INSERT OR REPLACE INTO history VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", seq, attempt.attempt,
                             attempt.started_at, attempt.duration, attempt.worker, attempt.outcome, or_null(failure),
                             or_null(to_word(attempt.code)), known(attempt.usage.cpu_us), known(attempt.usage.peak_rss_kib)));
  CONDUIT_TRY(store.db().run("DELETE FROM history WHERE seq = ? AND attempt <= ?", seq,
                             static_cast<std::int64_t>(attempt.attempt) - kKept));
  return ok();
}

}  // namespace conduitd::broker::sqlite
