#pragma once
// conduit::Context: what a running attempt sees of its job, and how it speaks about it.
//
//   conduit::Json resize(const Resize& args, conduit::Context& ctx) {
//     const int first = ctx.last_checkpoint().value_or("stage", 0);   // of an earlier attempt, if
//     there was one ctx.set_progress(0.5, "decoded"); ctx.checkpoint({{"stage", 1}});
//     ctx.throw_if_cancelled();
//
// It is plain data and a sink for commands, the same in every executor. The methods are ordinary
// functions: they put a command on the way and return at once; all commands of an attempt are
// applied in order, before its result. Only submit() and what waits for jobs wait for an answer.
//
// The host owns the attempt; the SDK owns the Context, which lives until the task's function has
// returned (for a coroutine: until it has ended). Keep no reference beyond that. Its methods may be
// called from any thread until then.

#include <conduit/abi.h>
#include <conduit/batch_options.hpp>
#include <conduit/error.hpp>
#include <conduit/flow.hpp>
#include <conduit/json.hpp>
#include <conduit/submit_options.hpp>
#include <conduit/trigger_options.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace conduit {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
BOOST_DESCRIBE_ENUM(LogLevel, debug, info, warning, error)

/// The facts of an attempt: a value that can be copied, sent elsewhere and turned into JSON and
/// back.
struct ContextData {
  std::string job_id;
  std::string parent_id;  ///< empty: submitted by no job
  std::string root_id;    ///< the first of the line of parents; the job itself if it has none
  std::string task;
  std::string queue;
  std::string executor;       ///< "async", "thread" or "process"
  std::uint32_t attempt = 1;  ///< starts so far, this one included
  std::uint32_t max_attempts =
      0;                         ///< the attempt after which there are no retries left; 0: no limit
  std::int64_t deadline_ms = 0;  ///< when the attempt times out, Unix milliseconds; 0: never
  std::string traceparent;       ///< W3C Trace Context; empty: none
  std::vector<std::string> devices;  ///< of the worker, which this attempt alone holds
  Json metadata = Json::object();
  Json last_checkpoint;  ///< null: none

  friend bool operator==(const ContextData&, const ContextData&) = default;
};
BOOST_DESCRIBE_STRUCT(ContextData, (),
                      (job_id, parent_id, root_id, task, queue, executor, attempt, max_attempts,
                       deadline_ms, traceparent, devices, metadata, last_checkpoint))

class Context;

namespace detail {
class PendingSubmits;
struct AsyncSupport;  // completed by conduit/async.hpp
/// The context of the task that this thread is running, if any.
inline constinit thread_local Context* current = nullptr;
}  // namespace detail

class Context {
 public:
  /// Made by the SDK for each attempt. `api` and `attempt` are the host's and outlive it.
  Context(const conduit_api& api, conduit_attempt* attempt);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] const std::string& job_id() const noexcept { return data_.job_id; }
  [[nodiscard]] const std::string& parent_id() const noexcept { return data_.parent_id; }
  [[nodiscard]] const std::string& root_id() const noexcept { return data_.root_id; }
  [[nodiscard]] const std::string& task() const noexcept { return data_.task; }
  [[nodiscard]] const std::string& queue() const noexcept { return data_.queue; }
  [[nodiscard]] const std::string& executor() const noexcept { return data_.executor; }
  [[nodiscard]] std::uint32_t attempt() const noexcept { return data_.attempt; }
  [[nodiscard]] std::uint32_t max_attempts() const noexcept { return data_.max_attempts; }
  /// The job's arguments, read anew at each call; throws InvalidArguments if they are no JSON.
  [[nodiscard]] Json args() const;
  /// W3C Trace Context, as the job was submitted with; empty: none. What this job submits belongs to
  /// the same trace by itself, with a parent that stands for this attempt.
  [[nodiscard]] const std::string& traceparent() const noexcept { return data_.traceparent; }
  /// Names of the devices that this attempt holds until it has ended, of a task that needs some
  /// (.needs("gpu", 1)). In a process of its own it sees no others: CUDA_VISIBLE_DEVICES is set.
  [[nodiscard]] const std::vector<std::string>& devices() const noexcept { return data_.devices; }
  /// When the attempt times out; nothing: never.
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> deadline() const;
  /// Everything above, with metadata and checkpoint as they are now.
  [[nodiscard]] ContextData data() const;
  [[nodiscard]] Json to_json() const { return conduit::to_json(data()); }

  /// True once the attempt has been asked to stop: cancelled, timed out, or the host is shutting
  /// down. A task that runs for long looks at it now and then; one that does not is stopped by
  /// force after a grace time.
  [[nodiscard]] bool cancelled() const noexcept { return api_.cancelled(attempt_) != 0; }
  /// Throws Cancelled if cancelled().
  void throw_if_cancelled() const {
    if (cancelled()) throw Cancelled();
  }

  /// `fraction` is 0 to 1. Cheap: frequent calls are merged, the last one is always kept.
  void set_progress(double fraction, std::string_view message = {});
  /// Adds to the job what people and later attempts can read; a null value removes the key.
  void set_metadata(std::string_view key, const Json& value);
  /// What was set under `key`, by this attempt or an earlier one; null if nothing was.
  [[nodiscard]] Json metadata(std::string_view key) const;
  /// Remembers how far the work has come, for the next attempt if there has to be one. The last
  /// call counts.
  void checkpoint(const Json& state);
  /// The newest checkpoint, of an earlier attempt or of this one; null if there is none.
  [[nodiscard]] Json last_checkpoint() const;
  /// A line in the job's log. `fields` is an object, or null.
  void send_log(LogLevel level, std::string_view message, const Json& fields = {});

  /// Submits a job, a child of this one, and returns its id. Waits for the broker's answer. On an
  /// event loop, where nothing may wait, it throws std::logic_error at once: co_await
  /// async_submit() there. Throws std::runtime_error if the broker refuses, or gives no answer in
  /// 30 seconds (the job may then have been submitted or not).
  std::string submit(std::string_view task, const Json& args = {},
                     const SubmitOptions& options = {});
  /// The same as a boost::asio::awaitable<std::string>. Include <conduit/async.hpp>. Name braced
  /// arguments before the co_await: see "The compiler trap" in the SDK's README.
  template <class Support = detail::AsyncSupport>
  auto async_submit(std::string task, Json args = {}, SubmitOptions options = {});
  /// Submits without waiting, from anywhere. The attempt owns the request: it does not end before
  /// the broker has answered, unless it was cancelled. A refusal becomes a line in the job's log.
  void submit_and_forget(std::string_view task, const Json& args = {},
                         const SubmitOptions& options = {});
  /// Submits many, in few steps; the ids are in the same order. Otherwise as submit().
  std::vector<std::string> submit_all(const std::vector<Job>& jobs);
  /// The same, and what runs after all of them. Up to 500 jobs and 1 MiB are one request with their
  /// callbacks: all of it is checked first, and the callbacks are missing only if the worker dies in the
  /// middle, or the broker refuses a job: one with OnConflict::reject whose key another holds makes this
  /// throw, and what was accepted before stays. Of a larger batch the last part goes so; see
  /// BatchOptions::once. Throws std::invalid_argument for a batch that cannot be.
  Batch submit_batch(const std::vector<Job>& jobs, const BatchOptions& options);

  // Waiting for jobs, of whoever's. The attempt takes no slot meanwhile; its timeout goes on. Each
  // throws Cancelled when the attempt is asked to stop; std::logic_error on an event loop, where the
  // awaitable one of the same name is to be used; std::runtime_error if there is no such job, if it
  // is this one, one that this descends from or one that waits for it, or if too many attempts of
  // the worker wait already.

  // One that makes a circle is named, and those it waits for on the way to this one.

  /// Waits until a job has ended, in whatever way.
  JobEnd wait(const std::string& id, std::optional<std::chrono::milliseconds> timeout = {});
  /// Waits for all of them; in the order of `ids`. See OnChildFailure for those that fail.
  std::vector<JobEnd> when_all(const std::vector<std::string>& ids, const WaitOptions& options = {});
  /// Waits for the first of them.
  JobEnd when_any(const std::vector<std::string>& ids,
                  std::optional<std::chrono::milliseconds> timeout = {});
  /// Submits a job for each of the arguments, and waits for all of them.
  std::vector<JobEnd> map(const std::string& task, std::vector<Json> arguments,
                          const MapOptions& options = {});
  /// How those jobs ended that this one was to run after, in the order they were given.
  std::vector<JobEnd> after();
  /// Cancels jobs that this one has submitted; those that have ended are left as they are.
  void cancel(const std::vector<std::string>& ids);

  /// The same as boost::asio::awaitable. Include <conduit/async.hpp>. Name the arguments first.
  template <class Support = detail::AsyncSupport>
  auto async_submit_all(std::vector<Job> jobs);
  template <class Support = detail::AsyncSupport>
  auto async_submit_batch(std::vector<Job> jobs, BatchOptions options);
  template <class Support = detail::AsyncSupport>
  auto async_wait(std::string id, std::optional<std::chrono::milliseconds> timeout = {});
  template <class Support = detail::AsyncSupport>
  auto async_when_all(std::vector<std::string> ids, WaitOptions options = {});
  template <class Support = detail::AsyncSupport>
  auto async_when_any(std::vector<std::string> ids,
                      std::optional<std::chrono::milliseconds> timeout = {});
  template <class Support = detail::AsyncSupport>
  auto async_map(std::string task, std::vector<Json> arguments, MapOptions options = {});
  template <class Support = detail::AsyncSupport>
  auto async_after();
  template <class Support = detail::AsyncSupport>
  auto async_cancel(std::vector<std::string> ids);

  /// Tells that `event` has happened: a job, a child of this one, for each subscription to it, or the
  /// event among what that one collects. All of it or nothing. Waits for the broker's answer, as
  /// submit() does, and fails as that does.
  Triggered trigger(std::string_view event, const Json& payload = Json::object(),
                    const TriggerOptions& options = {});
  /// The same as a boost::asio::awaitable<Triggered>.
  template <class Support = detail::AsyncSupport>
  auto async_trigger(std::string event, Json payload = Json::object(), TriggerOptions options = {});

 private:
  template <class Steps>
  auto run_steps(Steps steps, std::string_view doing);
  [[nodiscard]] std::vector<std::string> after_ids() const;

  friend class detail::PendingSubmits;
  friend struct detail::AsyncSupport;

  const conduit_api& api_;
  conduit_attempt* attempt_;
  ContextData data_;
  mutable std::mutex
      mutex_;  // guards data_.metadata and data_.last_checkpoint, the only members that change
  std::shared_ptr<detail::PendingSubmits> pending_;  // shared with the replies that are under way
};

/// The context of the task that is running here: in its own thread, or in its coroutine, after any
/// co_await too. Throws std::logic_error outside a task, and in threads that a task has started
/// itself: hand them the Context.
[[nodiscard]] inline Context& current_context() {
  if (detail::current != nullptr) return *detail::current;
  throw std::logic_error(
      "conduit::current_context() was called where no task is running; a thread that a task starts "
      "itself must be "
      "handed the context");
}

}  // namespace conduit

#include <conduit/detail/context_impl.hpp>  // the functions declared above
