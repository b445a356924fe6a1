#include "broker/sqlite/record.h"

#include <fmt/format.h>

#include <algorithm>

#include "broker/sqlite/operations.h"

namespace conduitd::broker::sqlite {

using job::FailureReason;
using job::JobStatus;

const std::string kRecordColumns =
    "j.seq, j.stamp, l.queue, l.task, j.status, j.reason, j.args, j.priority, j.attempts, j.failures, j.crashes, "
    "j.interruptions, j.retries, j.timeout, j.expires, j.uniq, j.parent, j.root, j.created, j.due, j.started, j.ended, "
    "j.worker, j.cancel, j.result, j.failure, s.fraction, s.message, s.checkpoint, j.deadline, j.trace, "
    "j.aft, j.aft_ended, j.bound, s.waits, s.waiter, j.weight";
const std::string kRecordJoins = "JOIN lines l ON l.line = j.line LEFT JOIN said s ON s.seq = j.seq";

namespace {

job::Usage read_usage(const Row& row, int first) {
  return {row.maybe_integer(first).value_or(-1), row.maybe_integer(first + 1).value_or(-1)};
}

}  // namespace

std::optional<job::Failure> read_failure(const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto parsed = parse_json(text, {64 * 1024 * 1024, 128});
  if (!parsed.has_value()) return job::Failure{"unknown", text, {}};
  return job::failure_from_json(parsed.value());
}

job::JobRecord read_record(const Row& row) {
  job::JobRecord record;
  record.queue = row.text(2);
  record.task = row.text(3);
  record.id = make_job_id(record.queue, {row.integer(0), row.integer(1)});
  const auto status = row.integer(4);
  const auto reason = row.integer(5);
  const bool known = status >= 0 && status < static_cast<std::int64_t>(job::kAllStatuses.size());
  record.status = known ? static_cast<JobStatus>(status) : JobStatus::failed;
  record.reason = known && reason >= 0 && reason <= static_cast<int>(FailureReason::rejected)
                      ? static_cast<FailureReason>(reason)
                      : FailureReason::invalid;
  record.args = row.text(6);
  record.priority = static_cast<int>(row.integer(7));
  record.counters = {static_cast<std::uint32_t>(row.integer(8)), static_cast<std::uint32_t>(row.integer(9)),
                     static_cast<std::uint32_t>(row.integer(10)), static_cast<std::uint32_t>(row.integer(11))};
  if (const auto retries = row.maybe_integer(12)) record.retries = static_cast<int>(*retries);
  if (const auto timeout = row.maybe_integer(13)) record.timeout = Millis{*timeout};
  record.expires_at = row.maybe_time(14);
  record.unique = row.text(15).substr(row.is_null(15) ? 0 : std::min(record.queue.size() + 1, row.text(15).size()));
  record.parent_id = row.text(16);
  record.root_id = row.text(17);
  record.created_at = from_unix_ms(row.integer(18));
  record.due_at = row.maybe_time(19);
  record.started_at = row.maybe_time(20);
  record.ended_at = row.maybe_time(21);
  record.worker = row.text(22);
  record.cancel_requested = row.integer(23) != 0;
  record.result = row.text(24);
  record.failure = read_failure(row.text(25));
  if (!row.is_null(26)) record.progress = job::Progress{row.real(26), row.text(27)};
  record.checkpoint = row.text(28);
  record.deadline_at = row.maybe_time(29);
  record.traceparent = row.text(30);
  if (const auto weight = row.maybe_integer(36)) record.weight = static_cast<std::uint32_t>(*weight);
  record.after = job::ids_from_json(row.text(31));
  record.after_rule = row.integer(32) != 0 ? job::AfterRule::ended : job::AfterRule::complete;
  record.on_parent_end = row.integer(33) != 0 ? job::OnParentEnd::cancel : job::OnParentEnd::leave;
  const bool waits = record.status == JobStatus::running && row.integer(35) == row.integer(8);
  if (waits) record.waits_for = job::ids_from_json(row.text(34));
  if (!known) {
    // When it became so nobody knows.
    if (!record.ended_at) record.ended_at = record.started_at.value_or(record.created_at);
    if (!record.failure) {
      record.failure = job::Failure{"invalid_record", fmt::format("the job's status in the database is {}, which is none", status), {}};
    }
  }
  return record;
}

Result<std::vector<job::AttemptRecord>> history_of(Store& store, std::int64_t seq, const job::JobRecord& record) {
  std::vector<job::AttemptRecord> attempts;
  CONDUIT_TRY(store.db().each(
      "SELECT attempt, started, duration, worker, outcome, failure, code, cpu, rss FROM history WHERE seq = ? ORDER BY attempt",
      [&](const Row& row) {
        attempts.push_back({static_cast<std::uint32_t>(row.integer(0)), from_unix_ms(row.integer(1)),
                            Millis{row.integer(2)}, row.text(3), row.text(4), read_failure(row.text(5)),
                            job::code_from_word(row.text(6)), read_usage(row, 7)});
      },
      seq));
  // An attempt that completed its job is not written twice: it stands in the job's own row.
  if (record.status == JobStatus::complete) {
    job::AttemptRecord last{record.counters.attempts, record.started_at.value_or(WallTime{}), Millis{0}, record.worker,
                            "complete", std::nullopt};
    CONDUIT_TRY(store.db().each("SELECT duration, code, cpu, rss FROM jobs WHERE seq = ?",
                                [&](const Row& row) {
                                  last.duration = Millis{row.integer(0)};
                                  last.code = job::code_from_word(row.text(1));
                                  last.usage = read_usage(row, 2);
                                },
                                seq));
    attempts.push_back(std::move(last));
  }
  return attempts;
}

}  // namespace conduitd::broker::sqlite
