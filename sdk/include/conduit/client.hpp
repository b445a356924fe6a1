#pragma once
// conduit::Client: submits jobs to a Conduit broker and follows them. For programs that produce
// work; inside a task, use the context instead.
//
//   conduit::Client client({.url = "redis://localhost"});
//   const std::string id = client.submit("images.thumbnail", {{"path", "a.png"}, {"width", 256}});
//   const conduit::JobRecord job = client.wait(id, 30s);
//   if (job.status == conduit::JobStatus::complete) use(job.result);
//
// Lifecycle. A new client is idle. start() connects, or throws; the first call of any other
// function does the same by itself, so start() is there for those who want to know early. stop()
// ends the client: calls under way are finished or ended with ClientErrorKind::stopped, and later
// calls throw the same, until start() begins anew. Both may be called twice, and stop() without
// start(). The destructor stops. If the broker cannot be reached, the call that tried throws and
// the next one tries again; once connected, a lost connection is mended in the background.
//
// Blocking and awaitable. The functions here block. Called on a thread that runs an event loop they
// would stop it, or wait for ever for something that the same loop has to do, so they throw at once
// (ClientErrorKind::blocking_call_on_event_loop) and name the function to use, from
// conduit/client_async.hpp. A loop is any thread inside run() or poll() of a
// boost::asio::io_context, and every thread of a boost::asio::thread_pool, which is a loop to Asio:
// for blocking calls in the background, use a std::thread.
//
// Threads. Any thread may call anything at any time, but for the constructor and destructor. The
// client has one thread of its own, for all calls; jobs submitted at the same time by many threads
// travel together.
//
// At least once. When submit() throws unavailable or timed_out the job may have been accepted all
// the same. Submit it again with the same SubmitOptions::idempotency_key, set the first time too: that
// makes no second job.

#include <boost/asio/detail/thread_context.hpp>
#include <boost/asio/detail/thread_info_base.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <conduit/batch_options.hpp>
#include <conduit/job_record.hpp>
#include <conduit/json.hpp>
#include <conduit/schedule.hpp>
#include <conduit/submit_options.hpp>
#include <conduit/trigger_options.hpp>

namespace conduit {

enum class ClientErrorKind : std::uint8_t {
  invalid_argument,             ///< the call cannot be right; trying again does not help
  not_found,                    ///< no such job, or its record has expired; no such schedule
  unavailable,                  ///< the broker cannot be reached now
  timed_out,                    ///< no answer in time, or the job has not ended in time
  conflict,                     ///< another job holds the unique key, and OnConflict says so; a live worker has the schedule
  refused,                      ///< the broker does not let us: credentials, rights, file modes
  full,                         ///< no room: the client's queue, the broker's disk or memory
  stopped,                      ///< the client was stopped
  blocking_call_on_event_loop,  ///< see the top of this file
  broker,                       ///< the broker's data or answers make no sense; what() says more
};

/// Every error of the client. what() is a sentence for people.
class ClientError : public std::runtime_error {
 public:
  ClientError(ClientErrorKind kind, const std::string& what)
      : std::runtime_error(what), kind_(kind) {}
  [[nodiscard]] ClientErrorKind kind() const noexcept { return kind_; }
  /// True where the same call may succeed later without anybody mending anything.
  [[nodiscard]] bool is_transient() const noexcept {
    return kind_ == ClientErrorKind::unavailable || kind_ == ClientErrorKind::timed_out ||
           kind_ == ClientErrorKind::full;
  }

 private:
  ClientErrorKind kind_;
};

struct ClientOptions {
  /// The broker, as in the config file: "sqlite:///var/lib/conduit/conduit.db",
  /// "redis://host:6379/0".
  std::string url = {};
  /// Whose jobs they are: the `namespace` of the workers' config.
  std::string name_space = "conduit";
  /// The longest a call may take, connecting included. wait() adds its own.
  std::chrono::milliseconds timeout{10'000};
  /// How long stop() lets submits under way finish.
  std::chrono::milliseconds stop_timeout{5'000};
  /// Jobs between the program and the broker, and waits under way, at the most. submit() and
  /// submit_bulk() block while there is no room; the awaitable ones are suspended anyway, so they
  /// are always taken in; submit_and_forget() throws.
  std::size_t max_waiting = 10'000;
  /// Told of each submit_and_forget() that failed, on the client's thread: be quick, do not throw,
  /// do not call the client.
  std::function<void(const ClientError&)> on_error = {};
};

/// One job to submit.
struct JobRequest {
  std::string task;
  Json args = Json::object();  ///< an object (arguments by name) or an array (in order)
  SubmitOptions options{};
};

struct Submitted {
  std::string id;
  bool created = true;    ///< false: nothing was submitted, `id` is that of the job there is instead:
  bool repeated = false;  ///< it was made by the first submit with this idempotency key;
  bool rejected = false;  ///< or it holds the unique key, and OnConflict says to keep this one out
  std::string replaced;   ///< the job that held the unique key, and was cancelled for this one
};

/// What became of a batch.
struct SubmittedBatch {
  std::vector<Submitted> jobs;  ///< in the order of the requests
  std::string on_success;       ///< the id of that job; empty: none was wanted
  std::string on_complete;
};

enum class CancelOutcome : std::uint8_t {
  cancelled,  ///< it was waiting and is cancelled
  requested,  ///< it is running: its worker was told
  ended,      ///< it had ended before
};

namespace detail {

template <class T>
using Done = std::function<void(std::exception_ptr, T)>;

struct ClientAccess;

/// For submits of a single job: one that is kept out is an error. Of several, each says so itself.
[[nodiscard]] Done<std::vector<Submitted>> rejection_is_error(Done<std::vector<Submitted>> done);

[[noreturn]] void throw_blocking_call(const char* function, const char* awaitable);

/// Compiled into the caller, whose copy of Asio is the one that knows whether this thread runs a
/// loop.
inline void must_not_be_on_event_loop(const char* function, const char* awaitable) {
  if (boost::asio::detail::thread_context::top_of_thread_call_stack() != nullptr)
    throw_blocking_call(function, awaitable);
}

}  // namespace detail

class Client {
 public:
  /// Connects to nothing yet. Throws invalid_argument if no broker is named.
  explicit Client(ClientOptions options);
  /// stop(), wherever it is called. Not to be run on the client's own thread (in on_error).
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start() {
    detail::must_not_be_on_event_loop("start", "async_start");
    start_blocking();
  }
  /// Ends waits at once, lets submits finish for ClientOptions::stop_timeout, then ends them with
  /// `stopped`, those forgotten too: on_error is told of them. When this returns nothing of the
  /// client is running.
  void stop() {
    detail::must_not_be_on_event_loop("stop", "async_stop");
    stop_blocking();
  }

  /// Returns the job's id once the broker has it, as durable as the broker is.
  std::string submit(std::string task, Json args = Json::object(), SubmitOptions options = {}) {
    detail::must_not_be_on_event_loop("submit", "async_submit");
    return submit_blocking({std::move(task), std::move(args), std::move(options)});
  }
  /// Many jobs in few round trips; the answers are in order. Nothing is sent if one of them is
  /// invalid. If the broker fails half-way, the first ones have been accepted and the error says
  /// how many.
  std::vector<Submitted> submit_bulk(std::vector<JobRequest> jobs) {
    detail::must_not_be_on_event_loop("submit_bulk", "async_submit_bulk");
    return submit_bulk_blocking(std::move(jobs));
  }
  /// Many jobs, and what runs after all of them: after those, that is, that a unique key did not keep
  /// out. Nothing is sent if a job or a callback is invalid. The callbacks go out when all jobs are
  /// accepted: if the program dies between, or the call throws, jobs may be there without them, and the
  /// same call with the same BatchOptions::once, set the first time too, makes up for it.
  SubmittedBatch submit_batch(std::vector<JobRequest> jobs, BatchOptions options) {
    detail::must_not_be_on_event_loop("submit_batch", "async_submit_batch");
    return submit_batch_blocking(std::move(jobs), std::move(options));
  }
  /// Hands a job to the client and returns; may be called on an event loop. The client owns it from
  /// here on: it is sent, or on_error is told why not, at the latest at stop(). Throws at once what
  /// can be known at once: invalid_argument, full, stopped.
  void submit_and_forget(std::string task, Json args = Json::object(), SubmitOptions options = {});

  /// Tells that `event` has happened: a job for each subscription to it, or the event among what that
  /// one collects; all of it, as durable as the broker is, or nothing. Whether a worker is there now
  /// does not matter. Without TriggerOptions::idempotency_key an event that is triggered again, after
  /// an error, may be two.
  Triggered trigger(std::string event, Json payload = Json::object(), TriggerOptions options = {}) {
    detail::must_not_be_on_event_loop("trigger", "async_trigger");
    return trigger_blocking(std::move(event), std::move(payload), std::move(options));
  }

  /// The record of the job once it has ended, however it ended. Throws timed_out if it has not
  /// ended in time, not_found.
  JobRecord wait(const std::string& id, std::chrono::milliseconds timeout) {
    detail::must_not_be_on_event_loop("wait", "async_wait");
    return wait_blocking(id, timeout);
  }
  /// The record as it is now; nothing if there is no such job or its record has expired.
  std::optional<JobRecord> find(const std::string& id) {
    detail::must_not_be_on_event_loop("find", "async_find");
    return find_blocking(id);
  }
  /// Asks for the job to be stopped. Throws not_found.
  CancelOutcome cancel(const std::string& id) {
    detail::must_not_be_on_event_loop("cancel", "async_cancel");
    return cancel_blocking(id);
  }

  // Schedules, as conduitctl cron has them. They need the rights of an operator: those of
  // `conduitctl redis-acl`, not of `--submit-only`. A name that is nobody's is not_found.

  /// Keeps a schedule that is in no configuration, until it is removed: any worker fires it. One that
  /// was added before is replaced; conflict if a live worker announces the name. Gives it as it is kept.
  ScheduleRecord add_schedule(const Schedule& schedule) {
    detail::must_not_be_on_event_loop("add_schedule", "async_add_schedule");
    return add_schedule_blocking(schedule);
  }
  /// All of them, announced or added, by name.
  std::vector<ScheduleRecord> schedules() {
    detail::must_not_be_on_event_loop("schedules", "async_schedules");
    return schedules_blocking();
  }
  /// One of them; nothing if there is none of that name.
  std::optional<ScheduleRecord> find_schedule(const std::string& name) {
    detail::must_not_be_on_event_loop("find_schedule", "async_find_schedule");
    return find_schedule_blocking(name);
  }
  /// Submits a job of it now, beside its own times and in a pause too. Gives the job's id.
  std::string run_schedule(const std::string& name) {
    detail::must_not_be_on_event_loop("run_schedule", "async_run_schedule");
    return run_schedule_blocking(name);
  }
  /// Stops it on all workers until it is resumed.
  void pause_schedule(const std::string& name) {
    detail::must_not_be_on_event_loop("pause_schedule", "async_pause_schedule");
    pause_schedule_blocking(name, true);
  }
  /// It goes on with its next time; nothing is made up for.
  void resume_schedule(const std::string& name) {
    detail::must_not_be_on_event_loop("resume_schedule", "async_resume_schedule");
    pause_schedule_blocking(name, false);
  }
  /// Forgets it and its history; conflict if a live worker announces it.
  void remove_schedule(const std::string& name) {
    detail::must_not_be_on_event_loop("remove_schedule", "async_remove_schedule");
    remove_schedule_blocking(name);
  }

 private:
  friend struct detail::ClientAccess;

  void start_blocking();
  void stop_blocking();
  std::string submit_blocking(JobRequest job);
  std::vector<Submitted> submit_bulk_blocking(std::vector<JobRequest> jobs);
  SubmittedBatch submit_batch_blocking(std::vector<JobRequest> jobs, BatchOptions options);
  Triggered trigger_blocking(std::string event, Json payload, TriggerOptions options);
  JobRecord wait_blocking(const std::string& id, std::chrono::milliseconds timeout);
  std::optional<JobRecord> find_blocking(const std::string& id);
  CancelOutcome cancel_blocking(const std::string& id);
  ScheduleRecord add_schedule_blocking(const Schedule& schedule);
  std::vector<ScheduleRecord> schedules_blocking();
  std::optional<ScheduleRecord> find_schedule_blocking(const std::string& name);
  std::string run_schedule_blocking(const std::string& name);
  void pause_schedule_blocking(const std::string& name, bool paused);
  void remove_schedule_blocking(const std::string& name);

  // What conduit/client_async.hpp is made of. `done` is called once, on a thread of the client's.
  void begin_start(detail::Done<bool> done);
  void begin_stop(detail::Done<bool> done);
  void begin_submit(std::vector<JobRequest> jobs, detail::Done<std::vector<Submitted>> done);
  void begin_batch(std::vector<JobRequest> jobs, BatchOptions options,
                   detail::Done<SubmittedBatch> done);
  void begin_trigger(std::string event, Json payload, TriggerOptions options,
                     detail::Done<Triggered> done);
  std::uint64_t begin_wait(const std::string& id, std::chrono::milliseconds timeout,
                           detail::Done<JobRecord> done);
  void end_wait(std::uint64_t number);
  void begin_find(const std::string& id, detail::Done<std::optional<JobRecord>> done);
  void begin_cancel(const std::string& id, detail::Done<CancelOutcome> done);
  void begin_add_schedule(const Schedule& schedule, detail::Done<ScheduleRecord> done);
  void begin_schedules(detail::Done<std::vector<ScheduleRecord>> done);
  void begin_find_schedule(std::string name, detail::Done<std::optional<ScheduleRecord>> done);
  void begin_run_schedule(std::string name, detail::Done<std::string> done);
  void begin_pause_schedule(std::string name, bool paused, detail::Done<bool> done);
  void begin_remove_schedule(std::string name, detail::Done<bool> done);

  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace conduit
