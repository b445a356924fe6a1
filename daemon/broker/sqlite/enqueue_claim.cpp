// The two ends of a line: jobs come in, workers take them.

#include <algorithm>
#include <limits>
#include <set>

#include "broker/sqlite/admission.h"
#include "broker/sqlite/operations.h"

namespace conduitd::broker::sqlite {
namespace {

using job::JobStatus;

/// A unique key belongs to its queue. Names hold no colon, so the two cannot run into each other.
std::string unique_key(const job::NewJob& job) { return job.unique.empty() ? "" : job.queue + ':' + job.unique; }

std::string idempotency_key(const job::NewJob& job) {
  return job.idempotency_key.empty() ? "" : job.queue + ':' + job.idempotency_key;
}

/// The answer to a submit that was accepted before.
Result<std::optional<Enqueued>> find_repeated(Store& store, const job::NewJob& job) {
  std::optional<Enqueued> out;
  if (job.idempotency_key.empty()) return out;
  const auto key = idempotency_key(job);
  CONDUIT_TRY(store.db().each("SELECT seq, stamp FROM jobs WHERE idem = ?",
                              [&](const Row& row) {
                                out.emplace();
                                out->id = make_job_id(job.queue, {row.integer(0), row.integer(1)});
                                out->created = false;
                                out->repeated = true;
                              },
                              key));
  return out;
}

/// What its unique key makes of a job: nothing if it may come in, perhaps after `replaced` has gone.
Result<std::optional<Enqueued>> meet_holder(Store& store, const job::NewJob& job, WallTime now, std::string& replaced) {
  std::optional<Enqueued> out;
  if (job.unique.empty()) return out;
  const auto key = unique_key(job);
  CONDUIT_TRY(const auto holder, holder_of(store, key, now));
  if (!holder) return out;
  auto id = make_job_id(job.queue, holder->key);
  if (job.on_conflict == job::OnConflict::replace && holder->status != JobStatus::running) {
    CONDUIT_TRY(cancel_waiting(store, holder->key.seq));
    replaced = std::move(id);
    return out;
  }
  out.emplace();
  out->id = std::move(id);
  out->created = false;
  out->rejected = job.on_conflict != job::OnConflict::existing;
  return out;
}

Result<Enqueued> insert(Store& store, const job::NewJob& job, WallTime now) {
  CONDUIT_TRY(auto repeated, find_repeated(store, job));
  if (repeated) return std::move(*repeated);
  Enqueued out;
  CONDUIT_TRY(auto kept_out, meet_holder(store, job, now, out.replaced));
  if (kept_out) return std::move(*kept_out);
  CONDUIT_TRY(const auto line, store.make_line(job.queue, job.task));
  auto due = job.at;
  if (job.delay) due = now + *job.delay;
  if (due && *due <= now) due.reset();
  CONDUIT_TRY(const auto holders, rows_of(store, job.after));
  const auto status = due || !holders.empty() ? JobStatus::scheduled : JobStatus::queued;
  const auto stamp = store.make_stamp(now);
  const auto after = [now](const std::optional<Millis>& duration) {
    return duration ? std::optional(now + *duration) : std::nullopt;
  };
  // What has not even been started by its deadline has expired.
  const auto first = job.expires && job.deadline ? std::min(*job.expires, *job.deadline) : job.expires ? job.expires : job.deadline;
  const auto unique = unique_key(job);
  const auto idempotent = idempotency_key(job);
  CONDUIT_TRY(store.db().run(
      "INSERT INTO jobs(stamp, line, status, rank, priority, created, due, expires, retries, timeout, deadline, uniq, "
      "uniq_until, uniq_starts, idem, parent, root, args, trace, aft, aft_ended, bound, weight) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      stamp, line, static_cast<int>(status), rank_of(job.priority), job.priority, now, due, after(first), job.retries,
      job.timeout, after(job.deadline), or_null(unique), after(job.unique_window),
      job.unique_states == job::UniqueStates::waiting, or_null(idempotent), or_null(job.parent_id), or_null(job.root_id),
      job.args, or_null(job.traceparent), or_null(job.after.empty() ? std::string() : job::ids_to_json(job.after)),
      job.after_rule == job::AfterRule::ended, job.on_parent_end == job::OnParentEnd::cancel,
      job.weight ? std::optional(static_cast<int>(*job.weight)) : std::nullopt));
  if (status == JobStatus::queued) store.effects.work_added = true;
  const auto seq = store.db().last_row();
  out.id = make_job_id(job.queue, {seq, stamp});
  for (const auto holder : holders) {
    CONDUIT_TRY(store.db().run("INSERT OR IGNORE INTO held VALUES(?, ?)", seq, holder));
  }
  // Some of them may have ended before.
  CONDUIT_TRY(const auto over, not_live(store, holders));
  store.effects.ended.insert(store.effects.ended.end(), over.begin(), over.end());
  return out;
}

struct Taken {
  JobKey key;
  std::optional<int> units;  ///< of limits, if more than one
  job::Claim claim;
};

void check_record(job::Claim& claim) {
  // Whoever writes to the file by hand may leave anything. Bounds of size and depth were the producer's affair.
  constexpr JsonLimits kAny{std::numeric_limits<std::size_t>::max(), std::numeric_limits<std::size_t>::max()};
  const auto fault = [&](std::string what) {
    claim.invalid = true;
    claim.error = std::move(what);
  };
  if (const auto valid = validate_json(claim.args, kAny); !valid.has_value()) {
    fault("the stored arguments are not JSON: " + valid.error().message());
  } else if (claim.priority < 0 || claim.priority > 9) {
    fault("the stored priority is not 0 to 9");
  } else if ((claim.retries && *claim.retries < 0) || (claim.timeout && *claim.timeout <= Millis{0})) {
    fault("the stored retries or timeout is negative");
  }
}

Taken decode(const Row& row, const Source& source, WallTime now) {
  Taken taken;
  taken.key = {row.integer(0), row.integer(1)};
  auto& claim = taken.claim;
  claim.lease.job_id = make_job_id(source.queue, taken.key);
  claim.lease.task = source.task;
  claim.lease.queue = source.queue;
  claim.priority = static_cast<int>(row.integer(2));
  claim.counters = {static_cast<std::uint32_t>(row.integer(3)) + 1, static_cast<std::uint32_t>(row.integer(4)),
                    static_cast<std::uint32_t>(row.integer(5)), static_cast<std::uint32_t>(row.integer(6))};
  claim.lease.attempt = claim.counters.attempts;
  if (const auto retries = row.maybe_integer(7)) claim.retries = static_cast<int>(*retries);
  if (const auto timeout = row.maybe_integer(8)) claim.timeout = Millis{*timeout};
  claim.created_at = from_unix_ms(row.integer(9));
  claim.parent_id = row.text(10);
  claim.root_id = row.text(11);
  claim.args = row.text(12);
  if (const auto deadline = row.maybe_time(13)) claim.remaining = *deadline - now;
  claim.traceparent = row.text(14);
  claim.after = row.text(15);
  if (const auto units = row.maybe_integer(16).value_or(source.weight); units > 1) taken.units = static_cast<int>(units);
  check_record(claim);
  return taken;
}

Result<std::set<std::pair<std::string, std::string>>> paused_names(Store& store) {
  std::set<std::pair<std::string, std::string>> paused;
  CONDUIT_TRY(store.db().each("SELECT kind, name FROM paused",
                              [&](const Row& row) { paused.emplace(row.text(0), row.text(1)); }));
  return paused;
}

/// Takes jobs of a line: of those with one value of the key of the task's limits, or of all of a task that has none.
Result<std::size_t> take(Store& store, const Source& source, std::int64_t line, const std::optional<std::string>& value, std::size_t most,
                         std::vector<job::Claim>& claims) {
  const auto now = store.now();
  std::vector<Taken> taken;
  // Once a job has been started, its deadline for starting no longer matters.
  CONDUIT_TRY(store.db().each(
      "SELECT seq, stamp, priority, attempts, failures, crashes, interruptions, retries, timeout, created, parent, root, "
      "args, deadline, trace, aft, weight FROM jobs INDEXED BY waiting WHERE line = ? AND value IS ? AND status = 1 "
      "AND (expires IS NULL OR attempts > 0 OR expires > ?) ORDER BY rank, seq LIMIT ?",
      [&](const Row& row) { taken.push_back(decode(row, source, now)); }, line,
      value ? std::optional<std::string_view>(*value) : std::nullopt, now, most));
  const auto lease = store.monotonic() + store.options.lease.count();
  for (auto& one : taken) {
    const auto& key = one.key;
    auto& claim = one.claim;
    CONDUIT_TRY(store.db().run("UPDATE jobs SET status = 2, attempts = attempts + 1, lease = ?, worker = ?, started = ?, units = ? "
                               "WHERE seq = ?", lease, store.options.worker, now, one.units, key.seq));
    if (claim.counters.attempts > 1) {
      CONDUIT_TRY(store.db().each("SELECT checkpoint FROM said WHERE seq = ?",
                                  [&](const Row& row) { claim.checkpoint = row.text(0); }, key.seq));
      CONDUIT_TRY(claim.metadata, metadata_of(store, key.seq));
    }
    claims.push_back(std::move(claim));
  }
  return taken.size();
}

}  // namespace

Result<std::optional<Holder>> holder_of(Store& store, const std::string& unique, WallTime now) {
  std::optional<Holder> out;
  CONDUIT_TRY(store.db().each(
      "SELECT seq, stamp, status FROM jobs INDEXED BY uniq WHERE uniq = ?1 AND uniq IS NOT NULL AND status IN (0, 1, 2, 3) "
      "AND (uniq_until IS NULL OR uniq_until > ?2) AND (uniq_starts = 0 OR (attempts = 0 AND status <> 2)) "
      "ORDER BY seq DESC LIMIT 1",
      [&](const Row& row) {
        out = Holder{{row.integer(0), row.integer(1)}, static_cast<JobStatus>(row.integer(2))};
      },
      unique, now));
  return out;
}

Result<std::vector<Enqueued>> enqueue(Store& store, const std::vector<job::NewJob>& jobs) {
  std::vector<Enqueued> out;
  out.reserve(jobs.size());
  const auto now = store.now();
  for (const auto& job : jobs) {
    CONDUIT_TRY(auto enqueued, insert(store, job, now));
    out.push_back(std::move(enqueued));
  }
  return out;
}

Result<Claimed> claim(Store& store, const ClaimRequest& request, Circles& circles) {
  Claimed out;
  auto& claims = out.claims;
  CONDUIT_TRY(const auto paused, paused_names(store));
  Admission admission(store, request, circles);
  auto free = request.free;
  for (const auto& group : request.groups) {
    const auto end = std::min(claims.size() + std::min(group.most, Broker::kMaxBatch), Broker::kMaxBatch);
    for (const auto& source : group.sources) {
      if (claims.size() >= end) break;
      const auto most = std::min({end - claims.size(), source.most, job::times_in(free, source.needs)});
      if (most == 0 || paused.contains({"queue", source.queue}) || paused.contains({"task", source.task})) continue;
      CONDUIT_TRY(const auto line, store.find_line(source.queue, source.task));
      if (!line) continue;
      const auto take_admitted = [&](const std::optional<std::string>& value, std::size_t admitted) {
        return take(store, source, *line, value, admitted, claims);
      };
      const auto before = claims.size();
      CONDUIT_TRY(admission.take(source, *line, most, take_admitted));
      for (const auto& [name, units] : source.needs) free[name] -= units * (claims.size() - before);
    }
  }
  out.again = admission.again();
  return out;
}

Result<std::vector<bool>> would_give(Store& store, const ClaimRequest& request) {
  std::vector<bool> out;
  CONDUIT_TRY(const auto paused, paused_names(store));
  Circles none;
  Admission admission(store, request, none);
  const bool starved = store.starved;
  for (const auto& group : request.groups) {
    for (const auto& source : group.sources) {
      CONDUIT_TRY(const auto line, store.find_line(source.queue, source.task));
      bool waits = line && !paused.contains({"queue", source.queue}) && !paused.contains({"task", source.task});
      if (waits) {
        CONDUIT_TRY(waits, admission.would_give(source, *line));
      }
      out.push_back(waits);
    }
  }
  store.starved = starved;  // nobody waits for the places that were looked for here
  return out;
}

}  // namespace conduitd::broker::sqlite
