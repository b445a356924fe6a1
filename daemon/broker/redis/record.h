#pragma once
// The strings in which ended attempts, final records, log lines and progress are kept. Pure.

#include <optional>
#include <string>
#include <string_view>

#include "broker/redis/entry.h"
#include "broker/redis/resp.h"
#include "job/job.h"

namespace conduitd::broker::redis {

/// An ended attempt and the result it gave.
struct Tail {
  job::AttemptRecord attempt;
  job::Bytes result;
};
[[nodiscard]] std::string encode(const Tail& tail);
/// `attempt` is not part of the text.
[[nodiscard]] std::optional<Tail> decode_tail(std::string_view text, std::uint32_t attempt);

/// A final record as settle.lua and end.lua write it.
struct FinalRecord {
  std::string seen;          ///< its beginning, which no other record of this job shares
  std::uint32_t attempt = 0; ///< the one that ended it; 0 if none did
  job::JobStatus status = job::JobStatus::complete;
  job::FailureReason reason = job::FailureReason::none;
  WallTime ended_at;
  std::string task;
  Lane lane = 5;
  Header header;
  std::string args;
  std::string tail;
};
[[nodiscard]] std::optional<FinalRecord> decode_record(std::string_view text);
/// The same from the beginning of a record, without the arguments and the tail.
inline constexpr std::size_t kRecordHead = 4'096;
[[nodiscard]] std::optional<FinalRecord> decode_record_head(std::string_view text);
/// What stands for a final record that somebody wrote over: it failed as invalid, its arguments are the bytes that are there,
/// and it can be deleted. Its task is not known, so it cannot be run again.
[[nodiscard]] FinalRecord unreadable_record(std::string_view text);

/// What a job's id and header tell of it.
void describe(job::JobRecord& out, const job::JobId& id, const Header& header, std::optional<Place> standing);
/// The whole record of an ended job. `said` is its hash (may be empty).
[[nodiscard]] job::JobRecord to_job_record(const job::JobId& id, const FinalRecord& final, ReplyView said);
/// Adds what a job's hash holds: progress, metadata, checkpoint, earlier attempts, the wish to cancel it.
void add_said(job::JobRecord& out, ReplyView said);
/// The JSON object of the metadata in a job's hash; empty if there is none.
[[nodiscard]] job::Bytes metadata_of(ReplyView said);

[[nodiscard]] std::string encode(const job::LogLine& line);
[[nodiscard]] std::optional<job::LogLine> decode_log(std::string_view text);
[[nodiscard]] std::string encode(const job::Progress& progress);
/// Arguments that are no JSON (a garbage record) as a JSON string of what is there.
[[nodiscard]] job::Bytes shown_args(std::string_view args, bool garbage);

}  // namespace conduitd::broker::redis
