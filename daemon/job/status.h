#pragma once
// A job's states and the legal moves between them: the one enum from broker to command line.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace conduitd::job {

enum class JobStatus : std::uint8_t {
  scheduled,  ///< waits for its time
  queued,     ///< waits for a worker
  running,    ///< a worker holds its lease
  retrying,   ///< failed, waits for its next attempt
  complete,   ///< final: it returned a result
  failed,     ///< final, the dead letter: see FailureReason
  cancelled,  ///< final: somebody stopped it
  expired,    ///< final: not started before its deadline
};

inline constexpr std::array kAllStatuses{
    JobStatus::scheduled, JobStatus::queued,    JobStatus::running,   JobStatus::retrying,
    JobStatus::complete,  JobStatus::failed,    JobStatus::cancelled, JobStatus::expired};

/// Why a failed job failed for good.
enum class FailureReason : std::uint8_t {
  none,
  exhausted,  ///< no retries left
  poison,     ///< it killed its host quarantine_after times
  invalid,    ///< its arguments or its record cannot be used; never retried
  rejected,   ///< the task said so (conduit::Fail)
};

[[nodiscard]] std::string_view to_string(JobStatus status);
[[nodiscard]] std::optional<JobStatus> parse_status(std::string_view text);
[[nodiscard]] std::string_view to_string(FailureReason reason);
[[nodiscard]] std::optional<FailureReason> parse_reason(std::string_view text);

/// True for complete, failed, cancelled and expired: only an operator's retry leaves these.
[[nodiscard]] bool is_final(JobStatus status);
/// True if a job may go from `from` to `to` in one step.
[[nodiscard]] bool may_move(JobStatus from, JobStatus to);

}  // namespace conduitd::job
