// The host's side of the ABI for tests: an attempt that records what is said about it.

// Before the guard: that header ends by including this one, whose classes it needs then.
#include <conduit/testing.hpp>

#ifndef CONDUIT_DETAIL_FAKE_ATTEMPT_HPP
#define CONDUIT_DETAIL_FAKE_ATTEMPT_HPP

#include <conduit/abi.h>

#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace conduit::testing::detail {

using conduit::detail::copy;
using conduit::detail::from_c;
using conduit::detail::to_c;

/// True while this thread runs an attempt of the async executor, where nothing may block.
inline constinit thread_local bool on_event_loop = false;

/// A registered hook.
struct HookEntry {
  conduit_hook_event event;
  conduit_hook_fn fn;
  void* user;
};

/// How an attempt ended, or what is inside of a layer of the worker.
struct FakeEnd {
  conduit_failure_kind kind = CONDUIT_FAILURE_RETRY;
  bool complete = false;
  std::int64_t after_ms = -1;
  std::string result = {};
  std::string type = {};
  std::string message = {};
  std::string detail = {};

  static FakeEnd of(const conduit_failure& failure) {
    return {static_cast<conduit_failure_kind>(failure.kind), false, failure.after_ms, {},
            copy(failure.type), copy(failure.message), copy(failure.detail)};
  }
  [[nodiscard]] conduit_failure failure() const {
    return {sizeof(conduit_failure), static_cast<std::uint32_t>(kind), after_ms, to_c(type),
            to_c(message), to_c(detail)};
  }
};

/// What an attempt runs: a task, and the layers of the worker that have the form for it.
struct FakeOnion {
  conduit_task task{};
  std::vector<conduit_middleware> layers = {};  // outermost first
  void* io_context = nullptr;                   // not null: they start on it
};

/// One attempt. The ABI's conduit_attempt is a pointer to it.
class FakeAttempt {
 public:
  FakeAttempt(std::string task, std::string args, std::string executor, const Options& options)
      : options_(options),
        task_(std::move(task)),
        args_(std::move(args)),
        executor_(std::move(executor)),
        metadata_(options.metadata.dump()),
        checkpoint_(options.checkpoint.is_null() ? std::string() : options.checkpoint.dump()) {
    outcome_.metadata = options.metadata;
    info_.size = sizeof info_;
    info_.attempt = options.attempt;
    info_.max_attempts = options.max_attempts;
    if (options.deadline) {
      info_.deadline_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                              options.deadline->time_since_epoch())
                              .count();
    }
    info_.job_id = to_c(options_.job_id);
    info_.parent_id = to_c(options_.parent_id);
    info_.root_id = to_c(options_.parent_id.empty() ? options_.job_id : options_.parent_id);
    info_.task = to_c(task_);
    info_.queue = to_c(options_.queue);
    info_.args = to_c(args_);
    info_.metadata = to_c(metadata_);
    info_.checkpoint = to_c(checkpoint_);
    info_.executor = to_c(executor_);
    info_.traceparent = to_c(options_.traceparent);
    after_ = conduit::to_json(options_.after).dump();
    if (!options_.after.empty()) info_.after = to_c(after_);
    for (const auto& device : options_.devices) devices_ += (devices_.empty() ? "" : ",") + device;
    info_.devices = to_c(devices_);
    cancelled_ = options_.cancel_after && options_.cancel_after->count() <= 0;
    if (options_.cancel_after && !cancelled_) canceller_ = std::thread([this] { cancel_later(); });
  }
  ~FakeAttempt() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    if (canceller_.joinable()) canceller_.join();
  }
  FakeAttempt(const FakeAttempt&) = delete;
  FakeAttempt& operator=(const FakeAttempt&) = delete;

  [[nodiscard]] conduit_attempt* handle() { return reinterpret_cast<conduit_attempt*>(this); }
  static FakeAttempt& of(conduit_attempt* handle) {
    return *reinterpret_cast<FakeAttempt*>(handle);
  }

  /// Asks the attempt to stop. From any thread.
  void cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (on_cancel_ == nullptr || ended_) return;
    const auto call = std::exchange(on_cancel_, nullptr);
    call(cancel_user_);
  }
  /// The hooks to run from now on; runs those for the start.
  void begin(std::vector<HookEntry> hooks) {
    hooks_ = std::move(hooks);
    run_hooks(CONDUIT_HOOK_START, nullptr);
  }
  /// Runs the task with the layers around it, or starts it on their loop.
  void run(const FakeOnion& onion) {
    onion_ = onion;
    told_.resize(onion.layers.size());
    enter(0);
  }
  /// Waits until complete or fail was called, and says what was recorded; for attempts begun by
  /// start.
  [[nodiscard]] Outcome wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_; });
    return outcome_;
  }
  [[nodiscard]] bool ended() {
    const std::lock_guard lock(mutex_);
    return ended_;
  }
  /// The table whose functions record into the attempt they are given.
  static const conduit_api& api();

 private:
  /// Changes the record; then asks cancel_when about it.
  template <class Change>
  void record(const Change& change) {
    bool stop = false;
    {
      const std::lock_guard lock(mutex_);
      if (ended_) return;
      change(outcome_);
      stop = !cancelled_ && options_.cancel_when && options_.cancel_when(outcome_);
    }
    if (stop) cancel();
  }
  void cancel_later() {
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, *options_.cancel_after, [this] { return ended_; })) return;
    }
    cancel();
  }
  void enter(std::size_t place) {
    auto* const next = reinterpret_cast<conduit_next*>(place + 1);
    if (place == onion_.layers.size()) {
      const conduit_task& task = onion_.task;
      if (onion_.io_context == nullptr) return task.run(task.user, handle());
      return task.start(task.user, handle(), onion_.io_context);
    }
    const conduit_middleware& layer = onion_.layers[place];
    if (onion_.io_context == nullptr) return layer.run(layer.user, handle(), next);
    layer.start(layer.user, handle(), onion_.io_context, next);
  }
  /// The layer before `place` waits for what stands there. False where it is not its turn.
  bool open(std::size_t place, conduit_inner_end_fn fn, void* user) {
    const std::lock_guard lock(mutex_);
    if (place != waiting_.size() + 1 || (!waiting_.empty() && waiting_.back().over)) return false;
    waiting_.push_back({on_cancel_, cancel_user_, fn, user, false, {}});
    on_cancel_ = nullptr;
    return true;
  }
  FakeEnd close() {
    const std::lock_guard lock(mutex_);
    WaitingLayer layer = std::move(waiting_.back());
    waiting_.pop_back();
    set_on_cancel(layer.cancel_fn, layer.cancel_user);
    return std::move(layer.end);
  }
  bool end_inside(const FakeEnd& end) {
    conduit_inner_end_fn fn = nullptr;
    void* user = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.empty()) return false;
      auto& layer = waiting_.back();
      if (layer.over) return true;
      layer.over = true;
      layer.end = end;
      on_cancel_ = nullptr;
      fn = layer.fn;
      user = layer.user;
    }
    if (fn == nullptr) return true;
    ToldLayer told;
    fn(user, told.tell(close()));
    return true;
  }
  const conduit_inner_end* run_next(std::size_t place) {
    if (onion_.io_context != nullptr || !open(place, nullptr, nullptr)) return out_of_turn();
    enter(place);
    FakeEnd unsaid;
    unsaid.type = "no_outcome";
    unsaid.message = "what is inside of a layer returned without complete or fail";
    end_inside(unsaid);
    return told_[place - 1].tell(close());
  }
  void start_next(std::size_t place, conduit_inner_end_fn fn, void* user) {
    if (onion_.io_context == nullptr || !open(place, fn, user)) return fn(user, out_of_turn());
    enter(place);
  }
  static const conduit_inner_end* out_of_turn() {
    static ToldLayer told;
    FakeEnd end;
    end.kind = CONDUIT_FAILURE_FAIL;
    end.type = "abi";
    end.message = "a layer called next where it was not its turn";
    static const conduit_inner_end* const out = told.tell(std::move(end));
    return out;
  }

  void end(const FakeEnd& ended) {
    if (end_inside(ended)) return;
    record([&](Outcome& out) {
      constexpr std::array kKinds{Kind::retry, Kind::fail, Kind::invalid, Kind::cancelled,
                                  Kind::snooze};
      out.kind = ended.complete ? Kind::complete : kKinds.at(ended.kind);
      if (ended.complete) out.result = Json::parse(ended.result);
      out.error_type = ended.type;
      out.error = ended.message;
      if (!ended.detail.empty()) out.error_path = Json::parse(ended.detail).value_or("path", "");
      if (ended.after_ms >= 0) out.after = std::chrono::milliseconds(ended.after_ms);
    });
    run_end_hooks();
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  void run_hooks(conduit_hook_event event, const conduit_end* end) {
    constexpr std::array<const char*, 5> kNames{"on_start", "on_success", "on_retry", "on_failure",
                                                "on_complete"};
    for (const HookEntry& hook : hooks_) {
      if (hook.event != event) continue;
      const std::string name = kNames.at(event);
      record([&](Outcome& out) { out.hooks.push_back(name); });
      std::array<char, 1024> error{};
      if (hook.fn(hook.user, handle(), end, error.data(), error.size()) == 0) continue;
      record([&](Outcome& out) {
        out.logs.push_back({LogLevel::warning, name + " failed: " + error.data(), {}});
      });
    }
  }
  /// What the daemon would make of the attempt, with no rules for its errors.
  [[nodiscard]] conduit_end_kind end_kind() const {
    switch (outcome_.kind) {
      case Kind::complete:
        return CONDUIT_END_COMPLETE;
      case Kind::cancelled:
        return CONDUIT_END_CANCELLED;
      case Kind::snooze:
        return CONDUIT_END_SNOOZED;
      case Kind::retry:
        if (options_.max_attempts == 0 || options_.attempt < options_.max_attempts) {
          return CONDUIT_END_RETRY;
        }
        return CONDUIT_END_FAILED;
      case Kind::fail:
      case Kind::invalid:
        return CONDUIT_END_FAILED;
    }
    return CONDUIT_END_FAILED;
  }
  void run_end_hooks() {
    if (hooks_.empty()) return;
    const std::string result = outcome_.result.dump();
    const std::string type = outcome_.error_type;
    const std::string message = outcome_.error;
    conduit_end end{};
    end.size = sizeof end;
    end.kind = end_kind();
    end.retry_after_ms = outcome_.after ? outcome_.after->count() : -1;
    if (end.kind == CONDUIT_END_COMPLETE) end.result = to_c(result);
    end.type = to_c(type);
    end.message = to_c(message);
    if (end.kind <= CONDUIT_END_FAILED) {
      constexpr std::array kEvents{CONDUIT_HOOK_SUCCESS, CONDUIT_HOOK_RETRY, CONDUIT_HOOK_FAILURE};
      run_hooks(kEvents.at(end.kind), &end);
    }
    run_hooks(CONDUIT_HOOK_COMPLETE, &end);
  }
  void set_on_cancel(conduit_cancel_fn fn, void* user) {
    const std::lock_guard lock(mutex_);
    on_cancel_ = cancelled_ ? nullptr : fn;
    cancel_user_ = user;
    if (cancelled_ && fn != nullptr) fn(user);
  }
  void set_metadata(std::string_view key, Json value) {
    record([&](Outcome& out) {
      if (value.is_null()) {
        out.metadata.erase(key);
      } else {
        out.metadata[key] = std::move(value);
      }
    });
  }
  std::string submit_one(const Json& job) {
    std::size_t count = 0;
    record([&](Outcome& out) {
      out.submits.push_back(job);
      count = out.submits.size();
    });
    return options_.on_submit ? options_.on_submit(job) : "test:submitted-" + std::to_string(count);
  }
  JobEnd end_of(const std::string& id) {
    if (options_.on_wait) return options_.on_wait(id);
    JobEnd end;
    end.id = id;
    end.status = JobStatus::complete;
    return end;
  }
  static Json shown(const JobEnd& end, bool with_result) {
    Json out = {{"id", end.id}, {"status", end.status ? to_string(*end.status) : "unknown"}};
    if (with_result && end.complete()) out["result"] = end.result;
    if (with_result && end.failure) {
      out["failure"] = {{"type", end.failure->type}, {"message", end.failure->message}};
    }
    return out;
  }
  void call(std::uint32_t kind, std::string_view payload, conduit_reply_fn fn, void* user) {
    if (kind == CONDUIT_CALL_SUBMIT) return submit(payload, fn, user);
    if (kind == CONDUIT_CALL_TRIGGER) return trigger(payload, fn, user);
    std::string answer = "null";
    try {
      Json ends = Json::array();
      const Json wish = Json::parse(payload);
      for (const Json& each : wish.at("ids").elements()) {
        const std::string id = each.get<std::string>();
        record([&](Outcome& out) {
          if (kind == CONDUIT_CALL_WAIT) out.waits.push_back(id);
          if (kind == CONDUIT_CALL_CANCEL) out.cancels.push_back(id);
        });
        if (kind != CONDUIT_CALL_CANCEL) ends.push_back(shown(end_of(id), kind == CONDUIT_CALL_RESULTS));
      }
      if (kind == CONDUIT_CALL_WAIT) answer = Json({{"ended", ends}, {"timed_out", false}}).dump();
      if (kind == CONDUIT_CALL_RESULTS) answer = ends.dump();
    } catch (const std::exception& refusal) {
      return fn(user, 0, to_c(std::string_view(refusal.what())));
    }
    fn(user, 1, to_c(answer));
  }
  void trigger(std::string_view payload, conduit_reply_fn fn, void* user) {
    std::string answer;
    bool accepted = true;
    try {
      Json event = Json::parse(payload);
      std::size_t count = 0;
      record([&](Outcome& out) {
        out.triggers.push_back(event);
        count = out.triggers.size();
      });
      const Triggered triggered = options_.on_trigger
                                      ? options_.on_trigger(event)
                                      : Triggered{"test:event-" + std::to_string(count)};
      answer = conduit::to_json(triggered).dump();
    } catch (const std::exception& refusal) {
      accepted = false;
      answer = refusal.what();
    }
    fn(user, accepted ? 1 : 0, to_c(answer));
  }
  /// Puts ids in the place of refs, as the host does.
  static void resolve(Json& job, const std::map<std::string, std::string>& refs) {
    const Json* after = job.find("after");
    if (after == nullptr) return;
    Json ids = Json::array();
    for (const Json& each : after->elements()) {
      const auto known = refs.find(each.get<std::string>());
      ids.push_back(known != refs.end() ? Json(known->second) : each);
    }
    job["after"] = std::move(ids);
  }
  /// Answers at once, on the caller's thread: the SDK must bear that as well as an answer from
  /// another.
  void submit(std::string_view payload, conduit_reply_fn fn, void* user) {
    std::string answer;
    bool accepted = true;
    try {
      const Json parsed = Json::parse(payload);
      Json ids = Json::array();
      std::map<std::string, std::string> refs;
      for (Json job : parsed.is_array() ? parsed.elements() : std::vector<Json>{parsed}) {
        const std::string ref = job.value_or("ref", "");
        job.erase("ref");
        resolve(job, refs);
        const std::string id = submit_one(job);
        if (!ref.empty()) refs.emplace(ref, id);
        ids.push_back(id);
      }
      answer = ids.dump();
    } catch (const std::exception& refusal) {
      accepted = false;
      answer = refusal.what();
    }
    fn(user, accepted ? 1 : 0, to_c(answer));
  }

  /// A layer that waits for what is inside.
  struct WaitingLayer {
    conduit_cancel_fn cancel_fn;
    void* cancel_user;
    conduit_inner_end_fn fn;  // null: it waits on its own thread
    void* user;
    bool over;
    FakeEnd end;
  };
  /// What a layer is told, for as long as it may look at it.
  struct ToldLayer {
    FakeEnd end = {};
    conduit_failure failure{};
    conduit_inner_end out{};

    const conduit_inner_end* tell(FakeEnd how) {
      end = std::move(how);
      failure = end.failure();
      out = {sizeof out, 0, to_c(end.result), end.complete ? nullptr : &failure};
      return &out;
    }
  };

  // Recursive: a callback of the attempt may call the API again.
  std::recursive_mutex mutex_;  // guards all that changes below
  std::condition_variable_any changed_;
  Options options_;
  std::string task_;
  std::string args_;
  std::string executor_;
  std::string metadata_;
  std::string devices_;
  std::string checkpoint_;
  std::string after_;
  conduit_attempt_info info_{};
  std::vector<HookEntry> hooks_;
  FakeOnion onion_;
  std::vector<ToldLayer> told_;  // by place
  std::vector<WaitingLayer> waiting_;
  Outcome outcome_;
  bool cancelled_ = false;
  bool ended_ = false;
  conduit_cancel_fn on_cancel_ = nullptr;
  void* cancel_user_ = nullptr;
  std::thread canceller_;
};

inline const conduit_api& FakeAttempt::api() {
  static const conduit_api table = [] {
    conduit_api out{};
    out.size = sizeof out;
    out.abi_major = CONDUIT_ABI_MAJOR;
    out.abi_minor = CONDUIT_ABI_MINOR;
    out.info = [](conduit_attempt* a) -> const conduit_attempt_info* { return &of(a).info_; };
    out.cancelled = [](conduit_attempt* a) {
      const std::lock_guard lock(of(a).mutex_);
      return of(a).cancelled_ ? 1 : 0;
    };
    out.on_cancel = [](conduit_attempt* a, conduit_cancel_fn fn, void* user) {
      of(a).set_on_cancel(fn, user);
    };
    out.set_progress = [](conduit_attempt* a, double fraction, conduit_str message) {
      of(a).record([&](Outcome& o) { o.progress.push_back({fraction, copy(message)}); });
    };
    out.set_metadata = [](conduit_attempt* a, conduit_str key, conduit_str value) {
      of(a).set_metadata(from_c(key), Json::parse(from_c(value)));
    };
    out.checkpoint = [](conduit_attempt* a, conduit_str value) {
      of(a).record([&](Outcome& o) { o.checkpoints.push_back(Json::parse(from_c(value))); });
    };
    out.log = [](conduit_attempt* a, std::uint32_t level, conduit_str message, conduit_str fields) {
      of(a).record([&](Outcome& o) {
        o.logs.push_back({static_cast<LogLevel>(level), copy(message),
                          fields.size > 0 ? Json::parse(from_c(fields)) : Json()});
      });
    };
    out.call = [](conduit_attempt* a, std::uint32_t kind, conduit_str payload, conduit_reply_fn fn,
                  void* user) { of(a).call(kind, from_c(payload), fn, user); };
    out.complete = [](conduit_attempt* a, conduit_str result) {
      FakeEnd ended;
      ended.complete = true;
      ended.result = copy(result);
      of(a).end(ended);
    };
    out.fail = [](conduit_attempt* a, const conduit_failure* failure) {
      of(a).end(FakeEnd::of(*failure));
    };
    out.run_next = [](conduit_attempt* a, conduit_next* next) {
      return of(a).run_next(reinterpret_cast<std::size_t>(next));
    };
    out.start_next = [](conduit_attempt* a, conduit_next* next, conduit_inner_end_fn fn,
                        void* user) {
      of(a).start_next(reinterpret_cast<std::size_t>(next), fn, user);
    };
    out.on_event_loop = [] { return on_event_loop ? 1 : 0; };
    out.loop_thread = []() -> void* { return nullptr; };  // there is one copy of Asio here
    out.running = [](conduit_attempt*) -> conduit_attempt* { return nullptr; };
    return out;
  }();
  return table;
}

}  // namespace conduit::testing::detail

#endif
