#pragma once
// The hot path between a worker and the place where queues live. Every verb takes a batch and is one round trip or one
// transaction. What operators look at and change is directory.h.

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "job/job.h"
#include "job/limit.h"
#include "job/needs.h"

namespace conduitd::broker {

/// One line of jobs a worker may take from.
struct Source {
  std::string queue;
  std::string task;
  /// The task's limits as this worker has them. They hold over all queues that the task's jobs are in; those by a key admit the
  /// values of the key in turn, one job of each. Counted are attempts of all workers, whatever limits those have.
  std::vector<job::Limit> limits = {};
  std::uint32_t weight = 1;       ///< of its jobs that have none of their own, see job/limit.h
  std::size_t most = kUnbounded;  ///< jobs wanted of it at the most
  job::Needs needs = {};          ///< what each job of it takes out of ClaimRequest::free
  static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();
};

/// Sources that share the same free slots (an executor's), in the order they should be tried.
struct ClaimGroup {
  std::size_t most = 0;  ///< jobs wanted at the most; 0 leaves the group out
  std::vector<Source> sources;
};

struct ClaimRequest {
  std::vector<ClaimGroup> groups;
  job::Needs free;  ///< what the jobs of this claim may take together; what is not named is not there
  std::map<std::string, std::uint32_t> concurrency;  ///< of queues: attempts at once over all workers and tasks
  Millis wait{0};  ///< how long to wait for a first job if there is none now
};

/// What became of one enqueued job.
struct Enqueued {
  std::string id;         ///< the job's own; if it was not created, that of the job there is instead
  bool created = true;
  bool repeated = false;  ///< not created: this very submit was accepted before, by its idempotency key
  bool rejected = false;  ///< not created: `id` holds its unique key, and OnConflict::reject or replace said so
  std::string replaced;   ///< created: the waiting job that held its unique key, and was cancelled for it
};
/// Errc::conflict, in one sentence for everybody.
[[nodiscard]] Error conflict_of(const Enqueued& rejected);

enum class LeaseState : std::uint8_t {
  held,
  lost,              ///< the fence refused: another attempt or a final state; stop working, report nothing
  cancel_requested,  ///< held, and somebody asked for it to stop
};

enum class Settled : std::uint8_t {
  applied,
  repeated,  ///< this very attempt had settled the job before: nothing changed, all is well
  lost,      ///< the fence refused: nothing changed
};

struct Promotion {
  std::size_t promoted = 0;             ///< jobs moved from scheduled or retrying to queued
  std::size_t expired = 0;              ///< waiting jobs that passed their deadline
  std::optional<WallTime> next_due;     ///< when the next one is due, by the broker's clock
};

struct ReclaimRequest {
  std::size_t most = 100;
  std::uint32_t quarantine_after = 3;  ///< crashes that make a job poison
};

/// Something no lease covers and no rule of time would ever move, and what was done about it.
struct Mended {
  std::string job_id;
  std::string what;  ///< a sentence for the log
};

struct Reclaimed {
  struct Entry {
    std::string job_id;
    std::uint32_t attempt = 0;  ///< the one whose lease ended
    bool poison = false;        ///< failed for good, instead of queued again
  };
  std::vector<Entry> entries;
};

/// Something that happened elsewhere and matters to a worker. Advice only: leases and polls find the same out later.
struct Notice {
  enum class Kind : std::uint8_t {
    cancel,   ///< the running job `subject` should stop
    changed,  ///< a queue was paused or resumed, or new work may be there: look again
  };
  Kind kind = Kind::changed;
  std::string subject;
};

struct Options {
  std::string url;                          ///< as in the config file, secrets included
  std::string name_space = "conduit";
  std::string worker;                       ///< this worker's id; empty for producers and conduitctl
  Millis lease{15'000};
  Millis result_ttl{24 * 3'600'000};        ///< how long complete, cancelled and expired records are kept
  Millis failed_ttl{7LL * 24 * 3'600'000};  ///< how long failed records are kept
  std::size_t failed_max = 10'000;          ///< how many of them in each queue; beyond it the oldest go first
  Millis command_timeout{5'000};            ///< deadline of one round trip
  std::size_t log_lines = 1'000;            ///< kept for each job; older ones go first
  /// Whether a database that is not there is made. False: it is Errc::unavailable, for somebody else makes it. A queue
  /// in a mistyped path is one that no worker reads, and its file would belong to whoever made it.
  bool may_create = true;
};

/// A broker connection. Made by open() (open.h); owned by app, dispatch, ctl or the client library.
///
/// Thread: everything is called, and completes, on the executor given to open(); an implementation may have threads
/// of its own inside. Several calls may be under way at once. A batch is applied in its order.
/// Failure: an error means nothing is known of the batch (it may have been applied): settle may simply be repeated.
/// A lost connection is Errc::unavailable; the broker reconnects by itself, so the caller just tries again.
/// Bounds: a batch holds at most kMaxBatch items.
class Broker {
 public:
  static constexpr std::size_t kMaxBatch = 1'000;

  virtual ~Broker() = default;

  /// Accepts jobs: when this succeeds they are as durable as the broker is. Jobs must have passed job::check.
  /// A job that its unique key or its idempotency key keeps out is no error: see Enqueued.
  virtual boost::asio::awaitable<Result<std::vector<Enqueued>>> enqueue(std::vector<job::NewJob> jobs) = 0;

  /// Takes waiting jobs, at most `most` from each group, and counts an attempt of each. Paused queues and tasks are
  /// passed over, and jobs that a limit does not admit stay where they are. Within a source, higher priority first, then older first; jobs handed back by a release or reclaim, or
  /// retried at once after a crash, come before all. Returns an empty list when `wait` is over or interrupt_claim() was called.
  /// One claim at a time.
  virtual boost::asio::awaitable<Result<std::vector<job::Claim>>> claim(ClaimRequest request) = 0;
  /// Makes a waiting claim return now. Called when there is room for more than it asked for.
  virtual void interrupt_claim() = 0;

  /// Renews leases for Options::lease from now. Result: one state for each, in order.
  virtual boost::asio::awaitable<Result<std::vector<LeaseState>>> extend(std::vector<job::Lease> leases) = 0;

  /// Records what attempts said of themselves, fenced. Result: one state for each, in order.
  virtual boost::asio::awaitable<Result<std::vector<LeaseState>>> report(std::vector<job::Report> reports) = 0;

  /// Ends attempts, fenced: records, wakes waiters and releases unique keys in the same step.
  virtual boost::asio::awaitable<Result<std::vector<Settled>>> settle(std::vector<job::Settlement> settlements) = 0;

  /// Moves due jobs to their queues, ends waiting jobs that have expired, and forgets records that are old or too many. Any worker may call it at any time.
  virtual boost::asio::awaitable<Result<Promotion>> promote_due(std::size_t most) = 0;

  /// Takes jobs from workers whose lease has ended (all tasks, also those this worker does not have), charging a crash.
  virtual boost::asio::awaitable<Result<Reclaimed>> reclaim_expired(ReclaimRequest request) = 0;

  /// Looks for jobs that no lease covers and that nothing else would move, after a hand or a fault has damaged the
  /// store, and mends them. Looks at a bounded part of a large store and goes on from there in the next call.
  /// A job that cannot be run any more ends as failed(invalid): nothing is forgotten.
  virtual boost::asio::awaitable<Result<std::vector<Mended>>> reconcile() = 0;

  /// Who is told of notices; called on the executor. Set before the first claim.
  virtual void on_notice(std::function<void(const Notice&)> handler) = 0;

  /// Ends every wait with Errc::cancelled and closes connections. Called once, before destruction.
  virtual boost::asio::awaitable<void> close() = 0;
};

}  // namespace conduitd::broker
