// Why a job still waits.

#include "broker/sqlite/operations.h"

namespace conduitd::broker::sqlite {
namespace {

struct Waiting {
  std::int64_t line = 0;
  std::int64_t rank = 0;
  std::string queue;
  std::string task;
  std::string args;
  std::optional<std::string> value;  ///< as it is sorted by now
};

Result<std::optional<Waiting>> find_waiting(Store& store, const std::string& id, JobKey key) {
  std::optional<Waiting> out;
  CONDUIT_TRY(store.db().each("SELECT j.line, j.rank, l.queue, l.task, j.args, j.value FROM jobs j JOIN lines l USING(line) "
                              "WHERE j.seq = ? AND j.stamp = ? AND j.status = 1",
                              [&](const Row& row) {
                                if (!id.starts_with(row.text(2) + ':')) return;
                                out = Waiting{row.integer(0), row.integer(1), row.text(2), row.text(3), row.text(4), std::nullopt};
                                if (!row.is_null(5)) out->value = row.text(5);
                              },
                              key.seq, key.stamp));
  return out;
}

Result<> count_running(Store& store, const Waiting& job, Standing& out) {
  CONDUIT_TRY(store.db().each("SELECT l.queue, l.task, j.value, coalesce(j.units, 1) FROM jobs j INDEXED BY running JOIN lines l USING(line) WHERE j.status = 2",
                              [&](const Row& row) {
                                const auto units = static_cast<std::uint64_t>(row.integer(3));
                                if (row.text(0) == job.queue) out.running_of_queue += units;
                                if (row.text(1) != job.task) return;
                                out.running_of_task += units;
                                if (row.text(2) == out.value) out.running_of_value += units;
                              }));
  return ok();
}

}  // namespace

Result<std::optional<Standing>> standing(Store& store, const std::string& id, const std::vector<job::Limit>& limits,
                                         const std::vector<std::string>& workers) {
  CONDUIT_TRY(const auto key, parse_job_key(id));
  CONDUIT_TRY(const auto job, find_waiting(store, id, key));
  if (!job) return std::optional<Standing>();
  Standing out;
  const auto pointer = job::key_of(limits);
  if (!pointer.empty()) out.value = job::key_value(job->args, pointer);
  CONDUIT_TRY(store.db().each("SELECT kind, name FROM paused", [&](const Row& row) {
    if (row.text(0) == "queue" && row.text(1) == job->queue) out.queue_paused = true;
    if (row.text(0) == "task" && row.text(1) == job->task) out.task_paused = true;
  }));
  CONDUIT_TRY(store.db().each("SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY waiting WHERE line = ?1 AND status = 1 AND value IS ?2 "
                              "AND (rank < ?3 OR (rank = ?3 AND seq < ?4)) LIMIT ?5)",
                              [&](const Row& row) { out.ahead = static_cast<std::uint64_t>(row.integer(0)); }, job->line,
                              job->value ? std::optional<std::string_view>(*job->value) : std::nullopt, job->rank, key.seq, Standing::kMostAhead));
  CONDUIT_TRY(count_running(store, *job, out));
  const auto now = to_unix_ms(store.now()) * 1'000;
  const std::vector<std::string> all_workers(1);
  for (const auto& limit : limits) {
    auto& next = out.next.emplace_back();
    if (limit.kind != job::Limit::Kind::rate) continue;
    const auto& owners = limit.scope == job::Limit::Scope::worker ? workers : all_workers;
    for (const auto& owner : owners) {
      std::int64_t account = 0;
      const auto name = job::account_name(limit, owner, out.value);
      CONDUIT_TRY(store.db().each("SELECT next FROM rates WHERE task = ? AND account = ?",
                                  [&](const Row& row) { account = row.integer(0); }, job->task, name));
      const auto wait = job::wait_for_rate(limit, account, now);
      next = std::min(next.value_or(wait), wait);
    }
  }
  return std::optional(std::move(out));
}

}  // namespace conduitd::broker::sqlite
