// What a hand or a fault has left behind that no lease covers and nothing else would move.

#include <fmt/format.h>

#include "broker/sqlite/operations.h"

namespace conduitd::broker::sqlite {
namespace {

/// A running job needs a lease, and a worker that could lose it.
Result<> mend_running(Store& store, std::size_t most, std::vector<Mended>& out) {
  std::vector<std::int64_t> rows;
  // The index has absent leases first; a lease further off than any could be was written by no worker.
  constexpr std::int64_t kLongestLease = 24LL * 3'600'000;
  const auto found = [&](const Row& row) {
    rows.push_back(row.integer(0));
    out.push_back({make_job_id(row.text(2), {row.integer(0), row.integer(1)}),
                   "it was marked as running without a lease or a worker: its lease ends now"});
  };
  CONDUIT_TRY(store.db().each("SELECT j.seq, j.stamp, l.queue FROM jobs j INDEXED BY running JOIN lines l USING(line) "
                              "WHERE j.status = 2 AND (j.lease IS NULL OR j.lease > ? OR j.worker IS NULL OR j.attempts < 1) LIMIT ?",
                              found, store.monotonic() + kLongestLease, most));
  for (const auto seq : rows) {
    // From here on it is a job of a dead worker, and ends as one.
    CONDUIT_TRY(store.db().run("UPDATE jobs SET lease = 0, worker = coalesce(worker, 'nobody'), attempts = max(attempts, 1), "
                               "started = coalesce(started, created) WHERE seq = ?", seq));
  }
  return ok();
}

/// A job that waits for a time needs one.
Result<> mend_timeless(Store& store, std::size_t most, std::vector<Mended>& out) {
  const auto now = store.now();
  std::vector<std::int64_t> rows;
  CONDUIT_TRY(store.db().each("SELECT j.seq, j.stamp, l.queue FROM jobs j INDEXED BY due JOIN lines l USING(line) "
                              "WHERE j.status IN (0, 3) AND j.due IS NULL AND NOT EXISTS (SELECT 1 FROM held h WHERE h.seq = j.seq) LIMIT ?",
                              [&](const Row& row) {
                                rows.push_back(row.integer(0));
                                out.push_back({make_job_id(row.text(2), {row.integer(0), row.integer(1)}),
                                               "it waited for a time that was not written down: it is due now"});
                              },
                              most));
  for (const auto seq : rows) {
    CONDUIT_TRY(store.db().run("UPDATE jobs SET due = ? WHERE seq = ?", now, seq));
  }
  return ok();
}

}  // namespace

Result<std::vector<Mended>> reconcile(Store& store, std::size_t most) {
  std::vector<Mended> out;
  CONDUIT_TRY(mend_running(store, most, out));
  CONDUIT_TRY(mend_timeless(store, most, out));
  CONDUIT_TRY(mend_held(store, most, out));
  return out;
}

}  // namespace conduitd::broker::sqlite
