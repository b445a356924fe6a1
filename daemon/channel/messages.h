#pragma once
// What the frames say, as plain structs with encode and decode. Strings on the wire are u32 length and bytes;
// decode fails with Errc::protocol on anything short or left over, and never reads beyond the body.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "job/job.h"

namespace conduitd::channel {

/// One executor of design.md: where a task runs.
enum class Executor : std::uint8_t { async, thread, process };
[[nodiscard]] std::string_view to_string(Executor executor);
[[nodiscard]] std::optional<Executor> parse_executor(std::string_view text);

struct Start {
  std::string task;
  std::string job_id;
  std::string parent_id;
  std::string root_id;
  std::string queue;
  job::Bytes args;
  job::Bytes metadata;            ///< JSON object or empty
  job::Bytes checkpoint;          ///< JSON or empty
  std::uint32_t attempt = 0;      ///< starts so far, this one included: the fence
  std::uint32_t max_attempts = 0; ///< attempt at which there are no retries left, as seen now
  std::int64_t deadline_ms = 0;   ///< Unix milliseconds; 0: none
  std::string traceparent;        ///< as the job was submitted with; empty: none
  job::Bytes after;               ///< JSON array of the ids it ran after; empty: none
  std::string devices;            ///< names of those it holds, with commas; empty: none
};

struct Cancel {
  enum class Reason : std::uint8_t { requested, timeout, shutdown, lease_lost };
  Reason reason = Reason::requested;
};

struct Ready {
  std::int64_t pid = 0;
  std::string fault;  ///< not empty: on_host_start failed and the host will end with exit code 2
};

struct Progress {
  double fraction = 0;
  std::string message;
};

struct Metadata {
  std::string key;
  job::Bytes value;
};

struct Log {
  job::LogLevel level = job::LogLevel::info;
  std::int64_t time_ms = 0;
  std::string message;
  job::Bytes fields;
};

/// How user code ended.
struct Outcome {
  enum class Kind : std::uint8_t {
    complete,  ///< `payload` is the result
    retry,     ///< an error; the task's retry policy decides
    fail,      ///< an error that must not be retried (conduit::Fail)
    invalid,   ///< the arguments do not fit the task; not retried
    cancelled, ///< it stopped because it was asked to
    snooze,    ///< come back after `after_ms`, at no cost
  };
  Kind kind = Kind::complete;
  job::Bytes payload;           ///< complete: the result. Otherwise the failure's detail as a JSON object, or empty
  std::string error_type;
  std::string error_message;
  std::int64_t after_ms = -1;   ///< retry, snooze: delay asked for; -1: the policy's
  std::int64_t duration_us = 0;
  std::int64_t cpu_us = -1;     ///< process executor: CPU time used; -1: not measured
  std::int64_t peak_rss_kib = -1;
  bool worn = false;            ///< the host asks to be replaced: it holds more memory than it should between attempts
};

/// A request from a running attempt.
struct Call {
  enum class Kind : std::uint8_t {
    submit,    ///< `payload` is JSON: what `conduitctl submit --jsonl` takes, or an array
    conclude,  ///< user code has ended as the Outcome in `payload` says, and hooks wait to run; answered with a Verdict
    wait,      ///< `payload` is what CONDUIT_CALL_WAIT takes, and so on
    results,
    cancel,
    trigger,   ///< `payload` is JSON: an event as job::read_event takes it
  };
  std::uint32_t id = 0;  ///< unique among the calls of its attempt; 0 is conclude's
  Kind kind = Kind::submit;
  job::Bytes payload;
};

struct Reply {
  std::uint32_t id = 0;
  bool ok = true;
  job::Bytes payload;  ///< ok: JSON; otherwise a sentence
};

/// An event loop that does not turn: told once when that is noticed, and once when it is over.
struct Blocked {
  std::int64_t for_ms = 0;  ///< so far, at least
  bool over = false;        ///< it turns again
};

/// What an attempt's outcome means for its job: the answer to `conclude`. It stands, whatever the hooks do.
struct Verdict {
  enum class Kind : std::uint8_t { complete, retry, failed, cancelled, snoozed, returned };
  Kind kind = Kind::complete;
  std::int64_t retry_after_ms = -1;  ///< retry, snoozed
  std::string error_type;            ///< of all but complete; may be empty
  std::string error_message;
  job::Bytes detail;
};

/// The hooks of an attempt's end, for another host than its own. What they are told stands.
struct LateHooks {
  Start start;     ///< as the attempt was given
  Verdict verdict;
  std::int64_t duration_us = 0;
};

/// Tells a new zygote what to load.
struct Load {
  std::string directory;              ///< absolute; every *.so in it, in order of name
  std::int64_t timeout_ms = 5'000;    ///< a plugin that takes longer to load is left out
};

/// What a zygote needs to know to fork a host.
struct Spawn {
  std::uint32_t host = 0;  ///< the supervisor's number for it
  Executor executor = Executor::thread;
  std::uint32_t width = 1;          ///< threads of the pool or of event loops; 1 for process
  std::uint64_t memory_bytes = 0;   ///< RLIMIT_AS of a process child; 0: none
  std::uint64_t open_files = 0;     ///< RLIMIT_NOFILE; 0: as inherited
  std::uint64_t cpu_seconds = 0;    ///< CPU time one attempt of a process child may use; 0: no limit
  std::string devices;              ///< the only ones a process child shall see, with commas; empty: as the daemon sees them
  std::uint64_t recycle_bytes = 0;  ///< a process child that holds more between attempts asks to be replaced; 0: never
};

struct Spawned {
  std::uint32_t host = 0;
  std::int64_t pid = 0;  ///< below 0: fork failed with this errno, negated
};

struct Exited {
  std::int64_t pid = 0;
  std::int32_t wait_status = 0;  ///< as waitpid(2) gives it
  bool oom = false;              ///< the kernel killed it because memory had run out
  std::int64_t cpu_us = -1;      ///< of its whole life
  std::int64_t peak_rss_kib = -1;
};

std::string encode(const Start&);
std::string encode(const Cancel&);
std::string encode(const Ready&);
std::string encode(const Progress&);
std::string encode(const Metadata&);
std::string encode(const Log&);
std::string encode(const Outcome&);
std::string encode(const Call&);
std::string encode(const Reply&);
std::string encode(const Blocked&);
std::string encode(const Verdict&);
std::string encode(const LateHooks&);
std::string encode(const Load&);
std::string encode(const Spawn&);
std::string encode(const Spawned&);
std::string encode(const Exited&);

/// decode<Start>(body) and so on.
template <class Message>
[[nodiscard]] Result<Message> decode(std::string_view body);

}  // namespace conduitd::channel
