#pragma once
// What operators, producers and dashboards look at and change. Not on the hot path; paged, never scanning foreign keys.

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "job/job.h"
#include "job/limit.h"

namespace conduitd::broker {

struct JobFilter {
  std::optional<job::JobStatus> status;
  std::optional<job::FailureReason> reason;  ///< only failed jobs, and of these the ones with this reason
  std::string queue;                    ///< empty: all
  std::string task;                     ///< empty: all
  std::size_t limit = 50;               ///< at most 1,000
  std::string cursor;                   ///< where the last page ended; empty: from the newest
};

struct JobPage {
  /// Newest first, by the millisecond they were submitted in; without attempts' history and logs.
  ///
  /// Within a page; on Redis not always across pages. There a job that was handed back, retried or promoted stands at the end
  /// of a stream, and comes on the page of those that were submitted when it was put there: streams can be read from a place on
  /// by one bounded range, and no index has the ids of such jobs in their order. To find the few old ones among the entries behind
  /// a page, all entries put anywhere since would have to be read for each page: without bound, where many jobs are retried.
  /// Every job is on one page, whichever.
  std::vector<job::JobRecord> jobs;
  std::string next;                  ///< cursor of the next page; empty: this was the last
};

struct LogPage {
  std::vector<job::LogLine> lines;  ///< oldest first
  std::string next;                 ///< cursor to go on from, also when there are no more lines yet
};

struct QueueInfo {
  std::string name;
  bool paused = false;
  std::uint64_t queued = 0;
  std::uint64_t running = 0;
  std::uint64_t scheduled = 0;  ///< scheduled and retrying
  std::uint64_t failed = 0;
};

struct TaskInfo {
  std::string name;
  std::string queue;     ///< where jobs go that name no queue
  std::string executor;  ///< "async", "thread", "process"
  std::string plugin;
  std::string plugin_version;
  job::Bytes options;    ///< JSON object: retries, timeout, ... as in force
  bool paused = false;
  std::size_t workers = 0;  ///< live workers that have it
};

struct WorkerInfo {
  std::string id;
  std::string host;
  std::int64_t pid = 0;
  std::string version;
  WallTime started_at;
  WallTime seen_at;                 ///< last heartbeat, by the broker's clock
  std::string state;                ///< "running", "draining"
  std::vector<std::string> queues;
  std::vector<std::string> tasks;
  std::uint64_t running = 0;        ///< attempts under way
  std::uint64_t slots = 0;
  std::uint64_t done = 0;           ///< attempts settled since start
  job::Bytes detail;                ///< JSON object: slots for each executor, hosts, stuck attempts
};

enum class CancelOutcome : std::uint8_t {
  cancelled,  ///< it was waiting and is cancelled
  requested,  ///< it is running: its worker was told
  ended,      ///< it had ended before
};

/// What stands between a waiting job and its start, as the broker sees it at one moment.
struct Standing {
  static constexpr std::uint64_t kMostAhead = 10'000;  ///< no more are counted

  bool queue_paused = false;
  bool task_paused = false;
  std::uint64_t ahead = 0;             ///< waiting jobs of its task and queue that go first; if it is limited by a key: of its value
  std::uint64_t running_of_task = 0;   ///< in all queues; this and the next two in units, as jobs weigh
  std::uint64_t running_of_queue = 0;  ///< of all tasks
  std::uint64_t running_of_value = 0;  ///< of its task, with its value of the key
  std::string value;                   ///< of the key that the limits have
  std::vector<std::optional<Millis>> next;  ///< for each limit that was asked about: when a rate admits one more; zero: now; if it is each worker's own: the first of them
};

/// Thread, failure and ownership as for Broker, which the same object implements.
/// Errc::not_found where the job, queue or task named does not exist.
class Directory {
 public:
  virtual ~Directory() = default;

  /// The whole record; nothing if there is no such job or its record has expired.
  virtual boost::asio::awaitable<Result<std::optional<job::JobRecord>>> find(std::string id) = 0;
  virtual boost::asio::awaitable<Result<JobPage>> list(JobFilter filter) = 0;
  /// Log lines after `cursor` (empty: the first kept).
  virtual boost::asio::awaitable<Result<LogPage>> logs(std::string id, std::string cursor, std::size_t limit) = 0;
  /// Completes when the job ends, or with its present record when `wait` is over. No polling.
  virtual boost::asio::awaitable<Result<std::optional<job::JobRecord>>> wait(std::string id, Millis wait) = 0;

  /// Of a job that waits in its queue; nothing if it does not (any more). `limits` are its task's; of rates that each
  /// worker has alone those of `workers` are looked at.
  virtual boost::asio::awaitable<Result<std::optional<Standing>>> standing(std::string id, std::vector<job::Limit> limits,
                                                                           std::vector<std::string> workers) = 0;

  virtual boost::asio::awaitable<Result<CancelOutcome>> cancel(std::string id) = 0;
  /// Puts an ended job back into its queue with its history kept, a new budget (failures, crashes and interruptions
  /// count from zero) and no deadline. Errc::conflict if it has not ended, or if another job holds its unique key.
  virtual boost::asio::awaitable<Result<>> retry(std::string id) = 0;
  /// Forgets an ended or waiting job. Errc::conflict while it runs.
  virtual boost::asio::awaitable<Result<>> remove(std::string id) = 0;

  virtual boost::asio::awaitable<Result<std::vector<QueueInfo>>> queues() = 0;
  virtual boost::asio::awaitable<Result<>> set_queue_paused(std::string queue, bool paused) = 0;
  virtual boost::asio::awaitable<Result<>> set_task_paused(std::string task, bool paused) = 0;
  /// Cancels every waiting job of a queue, of a task in all queues, or of a task in a queue (the other is empty); the number of them.
  virtual boost::asio::awaitable<Result<std::uint64_t>> purge(std::string queue, std::string task) = 0;

  /// Tasks that workers have announced, also when no such worker is alive now.
  virtual boost::asio::awaitable<Result<std::vector<TaskInfo>>> tasks() = 0;
  /// Workers whose heartbeat is younger than three times its interval.
  virtual boost::asio::awaitable<Result<std::vector<WorkerInfo>>> workers() = 0;

  /// A worker's announcement, each `interval`: it is alive, has these tasks and reads these queues.
  virtual boost::asio::awaitable<Result<>> heartbeat(WorkerInfo worker, std::vector<TaskInfo> tasks, Millis interval) = 0;
  /// A worker that ends takes its announcement back.
  virtual boost::asio::awaitable<Result<>> farewell(std::string worker) = 0;

  /// What an operator must know of this broker's durability and limits, a sentence each ("appendonly is off: ...").
  virtual boost::asio::awaitable<Result<std::vector<std::string>>> warnings() = 0;
};

// What brokers say alike.
/// Of a cursor that came from nowhere.
[[nodiscard]] Error no_such_cursor();
/// Of a job that retry() finds alive.
[[nodiscard]] Error not_ended(std::string_view id, job::JobStatus status);

}  // namespace conduitd::broker
