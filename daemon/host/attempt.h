#pragma once
// One running attempt, as the plugin sees it through conduit_api.

#include <conduit/abi.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "channel/command_sink.h"
#include "channel/messages.h"
#include "host/command_pacer.h"
#include "host/hooks.h"
#include "host/layers.h"

namespace conduitd::host {

class Attempt;

/// The runner of an attempt. Called on any thread.
class AttemptOwner {
 public:
  virtual ~AttemptOwner() = default;
  /// The outcome was pushed: nothing more will come of this attempt.
  virtual void ended(Attempt& attempt) = 0;
  /// Called before an outcome is pushed, to add what the runner measured.
  virtual void measure(Attempt& attempt, channel::Outcome& outcome) = 0;
  /// Sends a frame now, past those of the attempt that still wait: it has reached the kernel when this returns.
  virtual void send_now(Attempt& attempt, channel::FrameType type, std::string_view body) = 0;
  /// An attempt waits for other jobs from now on, and takes no slot; and it does so no longer.
  virtual void wait_begins() {}
  virtual void wait_ends() {}
  /// True: it calls Attempt::returned() on the thread that ran user code, and hooks run there. False: an event loop.
  [[nodiscard]] virtual bool calls_returned() const { return true; }
  /// Something was merged and held back: call tick() within CommandPacer::kInterval.
  virtual void held_back() = 0;
};

/// Thread: all functions may be called from any thread. After the outcome they do nothing, whoever calls.
class Attempt {
 public:
  static constexpr std::size_t kLongestResult = 1024 * 1024;
  static constexpr std::size_t kLongestError = 16 * 1024;
  static constexpr std::size_t kMostOpenCalls = 1'000;

  /// `executor` is what the task is told. The sink and the owner must outlive the attempt.
  Attempt(std::uint32_t handle, channel::Start start, channel::Executor executor, channel::CommandSink& sink,
          AttemptOwner& owner);
  ~Attempt();

  [[nodiscard]] std::uint32_t handle() const { return handle_; }
  [[nodiscard]] const std::string& task() const { return start_.task; }
  [[nodiscard]] const conduit_attempt_info& info() const { return info_; }

  /// Hooks to run, before it begins. `token` is what plugins hold of it.
  void watch(const Hooks& hooks, conduit_attempt* token);
  /// Makes it one that runs the hooks of an end and nothing else, before it begins: its own host is gone.
  void only_hooks(channel::Verdict verdict, std::int64_t duration_us);
  /// The hooks of its end are run elsewhere: none here, unless they have begun.
  void forget_hooks();
  /// What it runs, before it begins: its task, and layers around it. `token` as above.
  void surround(const Layers& layers, conduit_attempt* token);
  /// User code starts now: its duration counts from here. Runs the hooks for it.
  void begin();
  /// Runs its task with the layers around it, on this thread, until that has returned.
  void run();
  /// Starts it on a loop, a boost::asio::io_context, whose thread this is.
  void start(void* loop);
  /// User code returned. Without complete or fail before, the attempt fails and says so. Runs the hooks for its end.
  void returned();
  /// Ends what runs: what is inside of a layer that waits for it; else the attempt, which with hooks to run ends when they have.
  void end_with(channel::Outcome outcome);

  /// Ends one that was taken back before it began.
  void never_began(channel::Outcome outcome);

  [[nodiscard]] bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  /// Makes cancelled() true. The callback waits for run_cancel_callback(), on the thread it belongs to.
  void mark_cancelled() { cancelled_ = true; }
  void run_cancel_callback();
  /// Answers a call; an id nobody waits for is ignored.
  void reply(const channel::Reply& reply);
  /// Sends what was merged and is due. True if some still waits.
  bool tick(SteadyTime now);

  // What the plugin calls, as abi.h says.
  void on_cancel(conduit_cancel_fn fn, void* user);
  void set_progress(double fraction, std::string_view message);
  void set_metadata(std::string_view key, std::string_view value);
  void checkpoint(std::string_view value);
  void log(std::uint32_t level, std::string_view message, std::string_view fields);
  void call(std::uint32_t kind, std::string_view payload, conduit_reply_fn fn, void* user);
  void complete(std::string_view result);
  void fail(const conduit_failure& failure);
  const conduit_inner_end* run_next(std::size_t place);
  void start_next(std::size_t place, conduit_inner_end_fn fn, void* user);

 private:
  struct OpenCall {
    conduit_reply_fn fn = nullptr;
    void* user = nullptr;
    bool waits = false;  // for other jobs
  };
  /// A layer that called next, and waits for the end of what is inside.
  struct WaitingLayer {
    std::uint32_t last_call = 0;  // of those that are its own
    conduit_cancel_fn cancel_fn = nullptr;
    void* cancel_user = nullptr;
    conduit_inner_end_fn fn = nullptr;  // null: it waits on its own thread
    void* user = nullptr;
    bool over = false;  // what is inside has ended, as `outcome` says
    channel::Outcome outcome;
  };
  void refuse(const std::map<std::uint32_t, OpenCall>& unanswered);
  [[nodiscard]] bool outcome_known();
  [[nodiscard]] bool enter(std::size_t place, bool async, conduit_inner_end_fn fn, void* user);
  [[nodiscard]] bool end_inside(channel::Outcome& outcome);
  [[nodiscard]] channel::Outcome leave();
  [[nodiscard]] channel::Outcome no_outcome(std::size_t place) const;
  void seal(const channel::Outcome& outcome);
  void run_end_hooks();
  void finish();
  void take_verdict(const channel::Reply& reply);
  template <class Command>
  void command(const Command& push);

  const std::uint32_t handle_;
  const channel::Start start_;
  conduit_attempt_info info_{};
  channel::CommandSink& sink_;
  AttemptOwner& owner_;
  std::atomic<bool> cancelled_{false};

  std::mutex mutex_;  // guards what follows, and keeps the commands in order
  bool outcome_known_ = false;  // user code has ended; only hooks may still speak
  bool ended_ = false;
  SteadyTime began_{};
  CommandPacer pacer_;
  std::uint32_t last_call_ = 0;
  std::map<std::uint32_t, OpenCall> calls_;
  std::vector<WaitingLayer> waiting_;  // outermost first
  std::condition_variable answered_;  // a verdict came, or the last of calls_ was answered
  std::optional<channel::Verdict> verdict_;
  bool answering_ = false;
  bool hooks_done_ = false;
  bool forgotten_ = false;    // no hooks of its end are to run here
  bool hooked_ = false;       // there are hooks to run; with outcome_known_

  // Set before it begins.
  std::optional<Hooks> hooks_;
  std::optional<Layers> layers_;
  conduit_attempt* token_ = nullptr;
  bool only_hooks_ = false;
  void* loop_ = nullptr;
  std::vector<InnerEnd> inner_ends_;  // what run_next told each layer; touched by that layer's thread alone
  channel::Outcome outcome_;  // with hooks: how user code ended, written once, with outcome_known_

  // Held while a callback of the plugin runs, so that taking one back, and the end, wait for it; taken before mutex_. The
  // callback itself may call us.
  std::recursive_mutex callback_mutex_;  // guards what follows
  conduit_cancel_fn cancel_fn_ = nullptr;
  void* cancel_user_ = nullptr;
};

}  // namespace conduitd::host
