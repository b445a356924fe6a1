// What an attempt says of itself while it runs, and that it is alive.

#include "broker/sqlite/operations.h"

namespace conduitd::broker::sqlite {
namespace {

Result<> add_logs(Store& store, std::int64_t seq, const std::vector<job::LogLine>& lines) {
  if (lines.empty()) return ok();
  auto& db = store.db();
  std::int64_t n = 0;
  CONDUIT_TRY(db.each("SELECT max(n) FROM logs WHERE seq = ?", [&](const Row& row) { n = row.integer(0); }, seq));
  for (const auto& line : lines) {
    CONDUIT_TRY(db.run("INSERT INTO logs VALUES(?, ?, ?, ?, ?, ?, ?)", seq, ++n, line.time, line.attempt,
                       static_cast<int>(line.level), line.message, or_null(line.fields)));
  }
  CONDUIT_TRY(db.run("DELETE FROM logs WHERE seq = ? AND n <= ?", seq,
                     n - static_cast<std::int64_t>(store.options.log_lines)));
  return ok();
}

Result<> keep(Store& store, std::int64_t seq, const job::Report& report) {
  auto& db = store.db();
  if (report.progress) {
    CONDUIT_TRY(db.run("INSERT INTO said(seq, fraction, message) VALUES(?, ?, ?) ON CONFLICT(seq) DO UPDATE SET "
                       "fraction = excluded.fraction, message = excluded.message",
                       seq, report.progress->fraction, report.progress->message));
  }
  if (report.checkpoint) {
    CONDUIT_TRY(db.run("INSERT INTO said(seq, checkpoint) VALUES(?, ?) ON CONFLICT(seq) DO UPDATE SET "
                       "checkpoint = excluded.checkpoint", seq, *report.checkpoint));
  }
  if (report.waits_for) {
    const auto waits = report.waits_for->empty() ? std::string() : job::ids_to_json(*report.waits_for);
    CONDUIT_TRY(db.run("INSERT INTO said(seq, waits, waiter) VALUES(?, ?, ?) ON CONFLICT(seq) DO UPDATE SET "
                       "waits = excluded.waits, waiter = excluded.waiter", seq, or_null(waits), report.lease.attempt));
  }
  for (const auto& [key, value] : report.metadata) {
    if (value.empty() || value == "null") {
      CONDUIT_TRY(db.run("DELETE FROM metadata WHERE seq = ? AND key = ?", seq, key));
    } else {
      CONDUIT_TRY(db.run("INSERT OR REPLACE INTO metadata VALUES(?, ?, ?)", seq, key, value));
    }
  }
  return add_logs(store, seq, report.logs);
}

Result<LeaseState> state_of(Store& store, const job::Lease& lease, JobKey key) {
  auto state = LeaseState::lost;
  CONDUIT_TRY(store.db().each(
      "SELECT cancel FROM jobs WHERE seq = ? AND stamp = ? AND status = 2 AND attempts = ? AND worker = ?",
      [&](const Row& row) { state = row.integer(0) != 0 ? LeaseState::cancel_requested : LeaseState::held; }, key.seq,
      key.stamp, lease.attempt, store.options.worker));
  return state;
}

}  // namespace

Result<std::vector<LeaseState>> extend(Store& store, const std::vector<job::Lease>& leases) {
  std::vector<LeaseState> states;
  const auto until = store.monotonic() + store.options.lease.count();
  for (const auto& lease : leases) {
    auto state = LeaseState::lost;
    if (const auto key = parse_job_key(lease.job_id); key.has_value()) {
      CONDUIT_TRY(state, state_of(store, lease, key.value()));
      if (state != LeaseState::lost) {
        CONDUIT_TRY(store.db().run("UPDATE jobs SET lease = ? WHERE seq = ?", until, key.value().seq));
      }
    }
    states.push_back(state);
  }
  return states;
}

Result<std::vector<LeaseState>> report(Store& store, const std::vector<job::Report>& reports) {
  std::vector<LeaseState> states;
  for (const auto& one : reports) {
    auto state = LeaseState::lost;
    if (const auto key = parse_job_key(one.lease.job_id); key.has_value()) {
      CONDUIT_TRY(state, state_of(store, one.lease, key.value()));
      if (state != LeaseState::lost) {
        CONDUIT_TRY(keep(store, key.value().seq, one));
      }
    }
    states.push_back(state);
  }
  return states;
}

Result<std::string> metadata_of(Store& store, std::int64_t seq) {
  Json object;
  CONDUIT_TRY(store.db().each(
      "SELECT key, value FROM metadata WHERE seq = ? ORDER BY key",
      [&](const Row& row) { object.append(row.text(0), Json::Raw{row.text(1)}); }, seq));
  return object.is_null() ? std::string() : object.text();
}

Result<> remove_sayings(Store& store, std::int64_t seq) {
  CONDUIT_TRY(store.db().run("DELETE FROM said WHERE seq = ?", seq));
  CONDUIT_TRY(store.db().run("DELETE FROM metadata WHERE seq = ?", seq));
  CONDUIT_TRY(store.db().run("DELETE FROM logs WHERE seq = ?", seq));
  CONDUIT_TRY(store.db().run("DELETE FROM history WHERE seq = ?", seq));
  return ok();
}

}  // namespace conduitd::broker::sqlite
