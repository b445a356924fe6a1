#pragma once
// What a Client is inside: its lifecycle, and calls translated for the Core of the present run.

#include <atomic>
#include <conduit/client.hpp>
#include <memory>
#include <mutex>
#include <vector>

#include "core.h"

namespace conduit {

/// Any thread may call anything. `done` functions are called once, on the core's thread, or at once on the caller's
/// when there is nothing to wait for.
class Client::Inside {
 public:
  explicit Inside(ClientOptions options);
  /// Stops.
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  void begin_start(detail::Done<bool> done);
  void begin_stop(detail::Done<bool> done);
  /// Blocks until the core's thread has ended.
  void stop();

  using Jobs = std::vector<conduitd::job::NewJob>;
  /// Who waits for room in front of the queue when there is none.
  enum class Room : std::uint8_t { caller_waits, always_taken, refused };
  /// Checks jobs and takes room for them. Throws ClientError.
  [[nodiscard]] Jobs admit(const std::vector<JobRequest>& requests, Room room);
  /// Hands over jobs that were admitted.
  void send(Jobs jobs, detail::SharedStage stage, detail::Done<std::vector<Submitted>> done);
  /// Jobs, and those that run after all of them, which do not say so yet.
  struct Batch {
    Jobs jobs;
    Jobs callbacks;
    bool counted = false;  ///< the arguments of these are how many jobs there are
  };
  /// Checks all of a batch and takes room for its jobs. Throws ClientError.
  [[nodiscard]] Batch admit_batch(std::vector<JobRequest> requests, const BatchOptions& options, Room room);
  void send_batch(Batch batch, detail::SharedStage stage, detail::Done<SubmittedBatch> done);
  void begin_trigger(const std::string& event, const Json& payload, const TriggerOptions& options, detail::Done<Triggered> done);
  std::uint64_t begin_wait(const std::string& id, std::chrono::milliseconds timeout, detail::Done<JobRecord> done);
  void end_wait(std::uint64_t number);
  void begin_find(const std::string& id, detail::Done<std::optional<JobRecord>> done);
  void begin_cancel(const std::string& id, detail::Done<CancelOutcome> done);

  void begin_add_schedule(const Schedule& schedule, detail::Done<ScheduleRecord> done);
  void begin_schedules(detail::Done<std::vector<ScheduleRecord>> done);
  void begin_find_schedule(std::string name, detail::Done<std::optional<ScheduleRecord>> done);
  void begin_run_schedule(std::string name, detail::Done<std::string> done);
  void begin_pause_schedule(std::string name, bool paused, detail::Done<bool> done);
  void begin_remove_schedule(std::string name, detail::Done<bool> done);

  [[nodiscard]] const ClientOptions& options() const { return options_; }

 private:
  enum class Life : std::uint8_t { idle, running, stopping, stopped };

  /// Calls `use` with the running core, making one if idle; `use` only hands over. Does nothing when stopped: what was to
  /// be handed over is dropped by the caller, and its Reply says so.
  template <class Use>
  void with_core(const Use& use);
  /// A place among the calls under way; none after `done` has been told why.
  template <class T>
  std::shared_ptr<detail::Pass> enter_call(const detail::Done<T>& done);
  /// Jobs cut into what goes out together.
  [[nodiscard]] std::vector<detail::Submit> parts_of(Jobs jobs, const detail::SharedStage& stage, detail::Done<std::vector<Submitted>> done);
  /// The callbacks of a batch whose jobs were accepted; `goes_on` if this is the core's thread, in the reply to these.
  void send_callbacks(Batch batch, const detail::SharedStage& stage, bool goes_on, SubmittedBatch submitted, detail::Done<SubmittedBatch> done);
  /// Asks the core, and gives `done` what `answer` translates to.
  template <class Theirs, class T, class Translate>
  void ask(detail::Core::Begin<Theirs> begin, detail::Done<T> done, Translate translate);
  void finish_stop();
  /// Waits for the thread of a core that has stopped.
  void join();

  ClientOptions options_;
  conduitd::broker::Options broker_;
  std::shared_ptr<detail::Gate> submits_;
  std::shared_ptr<detail::Gate> calls_;  // waits, finds and cancels
  std::atomic<std::uint64_t> last_wait_ = 0;

  std::mutex mutex_;
  Life life_ = Life::idle;                              // under mutex_
  std::unique_ptr<detail::Core> core_;                  // under mutex_
  std::vector<detail::Done<bool>> stop_waiters_;        // under mutex_
  std::mutex joining_;
};

}  // namespace conduit
