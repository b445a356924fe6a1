// Jobs that depend on one another.

#include <fmt/format.h>

#include <algorithm>

#include "broker/sqlite/operations.h"
#include "broker/sqlite/record.h"

namespace conduitd::broker::sqlite {
namespace {

using job::JobStatus;

struct Held {
  std::int64_t seq = 0;
  bool whatever = false;  ///< how the other has ended
};

/// How a job ended, as the failure of those that were to run after it says it.
struct Ended {
  std::string id;
  std::optional<JobStatus> status;  ///< nothing: it was deleted
};

Result<Ended> ended_job(Store& store, std::int64_t seq) {
  Ended out;
  CONDUIT_TRY(store.db().each("SELECT l.queue, j.stamp, j.status FROM jobs j JOIN lines l USING(line) WHERE j.seq = ?",
                              [&](const Row& row) {
                                out.id = make_job_id(row.text(0), {seq, row.integer(1)});
                                out.status = static_cast<JobStatus>(row.integer(2));
                              },
                              seq));
  return out;
}

Result<> queue_if_free(Store& store, std::int64_t seq) {
  CONDUIT_TRY(const int queued, store.db().run("UPDATE jobs SET status = 1, rank = 10 - priority WHERE seq = ?1 AND status = 0 AND due IS NULL "
                                               "AND NOT EXISTS (SELECT 1 FROM held WHERE seq = ?1)", seq));
  if (queued > 0) store.effects.work_added = true;
  return ok();
}

Result<> cancel_held(Store& store, std::int64_t seq, const Ended& by) {
  CONDUIT_TRY(cancel_waiting(store, seq));
  const auto failure = to_json(job::not_to_run_after(by.id, by.status)).text();
  CONDUIT_TRY(store.db().run("UPDATE jobs SET failure = ? WHERE seq = ?", failure, seq));
  return ok();
}

/// One job has ended: what was held by it.
Result<> let_go(Store& store, std::int64_t seq) {
  auto& db = store.db();
  // It waits for nothing itself any more.
  CONDUIT_TRY(db.run("DELETE FROM held WHERE seq = ?", seq));
  std::vector<Held> held;
  CONDUIT_TRY(db.each("SELECT h.seq, j.aft_ended FROM held h INDEXED BY holding JOIN jobs j ON j.seq = h.seq WHERE h.by = ?",
                      [&](const Row& row) { held.push_back({row.integer(0), row.integer(1) != 0}); }, seq));
  if (held.empty()) return ok();
  CONDUIT_TRY(const auto by, ended_job(store, seq));
  if (by.status && !job::is_final(*by.status)) return ok();  // it was run again meanwhile
  for (const auto& one : held) {
    CONDUIT_TRY(db.run("DELETE FROM held WHERE seq = ? AND by = ?", one.seq, seq));
    if (one.whatever || by.status == JobStatus::complete) {
      CONDUIT_TRY(queue_if_free(store, one.seq));
    } else {
      CONDUIT_TRY(cancel_held(store, one.seq, by));
    }
  }
  return ok();
}

Result<Glance> glance(Store& store, const std::string& id, bool with_results) {
  Glance out;
  out.id = id;
  CONDUIT_TRY(const auto key, parse_job_key(id));
  CONDUIT_TRY(store.db().each(
      "SELECT j.status, l.task, j.parent, j.bound, iif(j.status = 0, j.aft, iif(j.status = 2 AND s.waiter = j.attempts, s.waits, NULL)), l.queue, "
      "iif(?3, j.result, NULL), iif(?3, j.failure, NULL) FROM jobs j JOIN lines l USING(line) LEFT JOIN said s ON s.seq = j.seq "
      "WHERE j.seq = ?1 AND j.stamp = ?2",
      [&](const Row& row) {
        if (!id.starts_with(row.text(5) + ':')) return;
        out.exists = true;
        out.status = static_cast<JobStatus>(std::clamp<std::int64_t>(row.integer(0), 0, static_cast<int>(JobStatus::expired)));
        out.task = row.text(1);
        out.parent_id = row.text(2);
        out.on_parent_end = row.integer(3) != 0 ? job::OnParentEnd::cancel : job::OnParentEnd::leave;
        out.waits_for = job::ids_from_json(row.text(4));
        out.result = row.text(6);
        out.failure = read_failure(row.text(7));
      },
      key.seq, key.stamp, with_results));
  return out;
}

}  // namespace

Result<std::vector<std::int64_t>> rows_of(Store& store, const std::vector<std::string>& ids) {
  std::vector<std::int64_t> out;
  for (const auto& id : ids) {
    CONDUIT_TRY(const auto found, glance(store, id, false));
    if (!found.exists) return no_such_job(id).within("after");
    CONDUIT_TRY(const auto key, parse_job_key(id));
    out.push_back(key.seq);
  }
  return out;
}

Result<> release_held(Store& store) {
  bool any = false;
  CONDUIT_TRY(store.db().each("SELECT EXISTS (SELECT 1 FROM held)", [&](const Row& row) { any = row.integer(0) != 0; }));
  if (!any) return ok();
  // What is cancelled here has ended too.
  for (std::size_t i = 0; i < store.effects.ended.size(); ++i) {
    CONDUIT_TRY(let_go(store, store.effects.ended[i]));
  }
  return ok();
}

Result<> mend_held(Store& store, std::size_t most, std::vector<Mended>& out) {
  std::vector<std::int64_t> over;
  CONDUIT_TRY(store.db().each("SELECT DISTINCT h.by FROM held h WHERE NOT EXISTS "
                              "(SELECT 1 FROM jobs j WHERE j.seq = h.by AND j.status IN (0, 1, 2, 3)) LIMIT ?",
                              [&](const Row& row) { over.push_back(row.integer(0)); }, most));
  for (const auto seq : over) {
    CONDUIT_TRY(const auto by, ended_job(store, seq));
    out.push_back({by.id.empty() ? fmt::format("(row {})", seq) : by.id, "it had ended, and jobs still waited to run after it: they go on"});
    store.effects.ended.push_back(seq);
  }
  return ok();
}

Result<std::vector<Glance>> look(Store& store, const std::vector<std::string>& ids, bool with_results) {
  std::vector<Glance> out;
  out.reserve(ids.size());
  for (const auto& id : ids) {
    CONDUIT_TRY(auto one, glance(store, id, with_results));
    out.push_back(std::move(one));
  }
  return out;
}

Result<ChildPage> children(Store& store, const std::string& id, const std::string& cursor, std::size_t limit) {
  CONDUIT_TRY(const auto after, parse_cursor(cursor, 0));
  ChildPage out;
  std::int64_t last = 0;
  CONDUIT_TRY(store.db().each("SELECT j.seq, j.stamp, l.queue FROM jobs j INDEXED BY children JOIN lines l USING(line) "
                              "WHERE j.parent = ? AND j.parent IS NOT NULL AND j.seq > ? ORDER BY j.seq LIMIT ?",
                              [&](const Row& row) {
                                last = row.integer(0);
                                out.ids.push_back(make_job_id(row.text(2), {last, row.integer(1)}));
                              },
                              id, after, limit));
  if (out.ids.size() == limit) out.next = std::to_string(last);
  return out;
}

Result<std::vector<std::string>> held_by(Store& store, std::int64_t seq) {
  std::vector<std::string> out;
  CONDUIT_TRY(store.db().each("SELECT j.seq, j.stamp, l.queue FROM held h JOIN jobs j ON j.seq = h.by JOIN lines l USING(line) "
                              "WHERE h.seq = ? ORDER BY j.seq",
                              [&](const Row& row) { out.push_back(make_job_id(row.text(2), {row.integer(0), row.integer(1)})); }, seq));
  return out;
}

}  // namespace conduitd::broker::sqlite
