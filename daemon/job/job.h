#pragma once
// The values that travel along a job's life. Plain data, no I/O. Payloads are JSON text, kept as the bytes they came as.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "job/status.h"

namespace conduitd::job {

/// A payload: JSON text. Empty means absent.
using Bytes = std::string;

/// Which jobs a unique key keeps a second one out for.
enum class UniqueStates : std::uint8_t {
  live,     ///< until the first has ended: scheduled, queued, running, retrying
  waiting,  ///< until the first has been started
};
[[nodiscard]] std::string_view to_string(UniqueStates states);
[[nodiscard]] std::optional<UniqueStates> parse_unique_states(std::string_view text);
inline constexpr std::array<std::string_view, 2> kUniqueStatesNames{"live", "waiting"};

/// What becomes of a job whose unique key another one holds.
enum class OnConflict : std::uint8_t {
  existing,  ///< nothing is submitted; the answer is the other's id
  reject,    ///< nothing is submitted; the answer is an error that names the other
  replace,   ///< the other is cancelled if it still waits, and this one takes its place; if it runs, as reject
};
[[nodiscard]] std::string_view to_string(OnConflict rule);
[[nodiscard]] std::optional<OnConflict> parse_on_conflict(std::string_view text);
inline constexpr std::array<std::string_view, 3> kOnConflictNames{"existing", "reject", "replace"};

/// When a job that runs after others may run.
enum class AfterRule : std::uint8_t {
  complete,  ///< when all of them are complete; if one ends otherwise, it is cancelled
  ended,     ///< when all of them have ended, in whatever way
};
[[nodiscard]] std::string_view to_string(AfterRule rule);
[[nodiscard]] std::optional<AfterRule> parse_after_rule(std::string_view text);
inline constexpr std::array<std::string_view, 2> kAfterRuleNames{"complete", "ended"};

/// What becomes of a child that has not ended when its parent ends as failed or cancelled.
enum class OnParentEnd : std::uint8_t { leave, cancel };
[[nodiscard]] std::string_view to_string(OnParentEnd rule);
[[nodiscard]] std::optional<OnParentEnd> parse_on_parent_end(std::string_view text);
inline constexpr std::array<std::string_view, 2> kOnParentEndNames{"leave", "cancel"};

/// The jobs that one job may run after, or wait for at once.
inline constexpr std::size_t kMostAwaited = 10'000;

/// What a producer asks for.
struct NewJob {
  std::string task;
  std::string queue = "default";
  Bytes args = "{}";
  int priority = 5;                 ///< 0 to 9; 9 runs first
  std::optional<std::uint32_t> weight;  ///< units of the limits that it takes, see job/limit.h; unset: as its task says
  std::optional<Millis> delay;      ///< not before now + delay, by the broker's clock
  std::optional<WallTime> at;       ///< not before this time; `delay` wins if both are set
  std::optional<Millis> expires;    ///< becomes expired if not started within this of being submitted
  std::optional<Millis> deadline;   ///< must have ended within this of being submitted, retries included
  std::optional<int> retries;       ///< overrides the task's own
  std::optional<Millis> timeout;    ///< overrides the task's own, per attempt
  std::string unique;               ///< keeps other jobs of its queue with the same key out while it has not ended
  std::optional<Millis> unique_window;  ///< the key counts only for this long after this job was submitted
  UniqueStates unique_states = UniqueStates::live;
  OnConflict on_conflict = OnConflict::existing;
  std::string idempotency_key;      ///< of this submit: repeated, in the same queue, it returns the first one's id
  std::string parent_id;
  std::string root_id;
  std::string traceparent;          ///< W3C Trace Context, see job/trace.h; empty: none
  std::vector<std::string> after;   ///< ids of jobs; it is scheduled until they have ended. Without delay and at
  AfterRule after_rule = AfterRule::complete;
  OnParentEnd on_parent_end = OnParentEnd::leave;
};

/// Checks names, bounds and the payload's JSON. The error names the member.
[[nodiscard]] Result<> check(const NewJob& job, JsonLimits limits = {});

/// How often a job was started, and why it had to be started again.
struct Counters {
  std::uint32_t attempts = 0;       ///< starts so far, counted before user code runs; also the fence
  std::uint32_t failures = 0;       ///< attempts that ended in an error: these use up `retries`
  std::uint32_t crashes = 0;        ///< attempts whose host or worker died: three make the job poison
  std::uint32_t interruptions = 0;  ///< attempts handed back by a drain or deploy: these cost nothing
};

/// A worker's time-limited right to one attempt at a job.
struct Lease {
  std::string job_id;
  std::string task;
  std::string queue;
  std::uint32_t attempt = 0;  ///< the fence: every write of the attempt carries it
  std::string entry;          ///< the broker's own handle (a stream entry, a row); nobody else reads it
};

/// A job handed to a worker.
struct Claim {
  Lease lease;
  Bytes args;
  int priority = 5;
  Counters counters;               ///< includes the attempt now beginning
  std::optional<int> retries;
  std::optional<Millis> timeout;
  std::optional<Millis> remaining; ///< until its deadline, by the broker's clock when it was claimed; may be below zero
  WallTime created_at;
  std::string parent_id;
  std::string root_id;
  std::string traceparent;
  Bytes metadata;                  ///< JSON object, as earlier attempts left it; empty if none
  Bytes checkpoint;                ///< the last one of an earlier attempt; empty if none
  Bytes after;                     ///< JSON array of the ids it was to run after; empty if none
  bool invalid = false;            ///< the record could not be read: settle it as failed(invalid), `error` says why
  std::string error;
};

/// The code that ran an attempt.
struct Code {
  std::string plugin;
  std::string version;
  std::string build_id;  ///< its first 16 digits: enough to tell two builds of one version apart
  bool operator==(const Code&) const = default;
};
/// "files/1.2.0/0f3a…": one word of printable characters, without '|'; empty for no code.
[[nodiscard]] std::string to_word(const Code& code);
[[nodiscard]] Code code_from_word(std::string_view word);

/// What an attempt used, measured in the process executor. Below 0: not known.
struct Usage {
  std::int64_t cpu_us = -1;
  std::int64_t peak_rss_kib = -1;
  [[nodiscard]] bool known() const { return cpu_us >= 0 || peak_rss_kib >= 0; }
};

/// What went wrong with an attempt or a job.
struct Failure {
  std::string type;     ///< "std::runtime_error", "signal", "timeout", "exit", "invalid_arguments"
  std::string message;  ///< at most 16 KiB
  Bytes detail;         ///< JSON object: signal, exit code, backtrace, JSON path; empty if none
};

enum class LogLevel : std::uint8_t { debug, info, warning, error };
[[nodiscard]] std::string_view to_string(LogLevel level);

struct LogLine {
  WallTime time;
  std::uint32_t attempt = 0;
  LogLevel level = LogLevel::info;
  std::string message;
  Bytes fields;  ///< JSON object; empty if none
};

struct Progress {
  double fraction = 0;  ///< 0 to 1
  std::string message;
};

/// What an attempt said of itself since the last report, in order of arrival. Only the last progress and checkpoint
/// of a report matter, so that is what it holds.
struct Report {
  Lease lease;
  std::optional<Progress> progress;
  std::vector<std::pair<std::string, Bytes>> metadata;  ///< key, JSON value; null removes the key
  std::optional<Bytes> checkpoint;
  std::vector<LogLine> logs;
  std::optional<std::vector<std::string>> waits_for;  ///< ids of the jobs that it waits for now; none: it goes on
};

/// How an attempt ended. One of these for each lease, ever.
struct Settlement {
  enum class Kind : std::uint8_t {
    complete,  ///< -> complete, `result` kept
    retry,     ///< -> retrying (or queued if `retry_after` is zero)
    fail,      ///< -> failed with `reason`
    release,   ///< -> queued at once, ahead of others; costs nothing
    cancel,    ///< -> cancelled
  };
  enum class Charge : std::uint8_t { nothing, failure, crash, interruption };

  Lease lease;
  Kind kind = Kind::complete;
  Charge charge = Charge::nothing;  ///< the counter that goes up by one
  FailureReason reason = FailureReason::none;
  Bytes result;
  std::optional<Failure> failure;   ///< with retry, fail, cancel; also with complete never
  Millis retry_after{0};
  WallTime started_at;              ///< by the worker's clock
  Millis duration{0};
  std::string worker;               ///< who ran it
  Code code;
  Usage usage;
};

/// How the attempt ended, as people read it in a job's history and in the log.
[[nodiscard]] std::string_view outcome_word(const Settlement& settlement);

/// One ended attempt, kept on the job's record (the last 20).
struct AttemptRecord {
  std::uint32_t attempt = 0;
  WallTime started_at;
  Millis duration{0};
  std::string worker;
  std::string outcome;  ///< "complete", "retry", "failed", "crash", "released", "cancelled", "lease expired"
  std::optional<Failure> failure;
  Code code = {};       ///< empty: it never began, or its worker died
  Usage usage = {};
};

/// Everything known of a job: what `conduitctl job show` prints.
struct JobRecord {
  std::string id;
  std::string task;
  std::string queue;
  JobStatus status = JobStatus::queued;
  FailureReason reason = FailureReason::none;
  Bytes args;
  int priority = 5;
  std::optional<std::uint32_t> weight;  ///< its own, if it was submitted with one
  Counters counters;
  std::optional<int> retries;
  std::optional<Millis> timeout;
  std::optional<WallTime> expires_at;
  std::optional<WallTime> deadline_at;
  std::string unique;
  std::string parent_id;
  std::string root_id;
  std::string traceparent;
  std::vector<std::string> after;       ///< ids it runs after, all that were given
  std::vector<std::string> held_by;     ///< those of them that it still waits for
  AfterRule after_rule = AfterRule::complete;
  OnParentEnd on_parent_end = OnParentEnd::leave;
  std::vector<std::string> waits_for;   ///< ids that its running attempt waits for
  WallTime created_at;
  std::optional<WallTime> due_at;
  std::optional<WallTime> started_at;
  std::optional<WallTime> ended_at;
  std::string worker;
  bool cancel_requested = false;
  std::optional<Progress> progress;
  Bytes metadata;
  Bytes checkpoint;
  Bytes result;
  std::optional<Failure> failure;     ///< the last one
  std::vector<AttemptRecord> attempts;  ///< ended ones, oldest first
};

/// Why a job is cancelled that was to run after another: that one ended as `status`, or was deleted.
[[nodiscard]] Failure not_to_run_after(std::string_view id, std::optional<JobStatus> status);

/// Job ids as a JSON array, and back; what is none is left out.
[[nodiscard]] Bytes ids_to_json(const std::vector<std::string>& ids);
[[nodiscard]] std::vector<std::string> ids_from_json(std::string_view json);

/// The record as stable JSON, for `-o json` and HTTP.
[[nodiscard]] Json to_json(const JobRecord& record);
[[nodiscard]] Json to_json(const LogLine& line);
[[nodiscard]] Json to_json(const Failure& failure);
[[nodiscard]] Failure failure_from_json(const Json& json);
[[nodiscard]] Json to_json(const AttemptRecord& attempt);
[[nodiscard]] AttemptRecord attempt_from_json(const Json& json);

}  // namespace conduitd::job
