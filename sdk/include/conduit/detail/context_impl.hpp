#pragma once
// The functions of conduit::Context. Include <conduit/context.hpp>, not this file.

#include <conduit/context.hpp>
#include <conduit/detail/flow_steps.hpp>

#include <algorithm>
#include <condition_variable>
#include <functional>

namespace conduit {
namespace detail {

inline conduit_str to_c(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view from_c(conduit_str text) { return {text.data, text.size}; }
inline std::string copy(conduit_str text) { return std::string(from_c(text)); }

/// How long the SDK waits for the answer to a request.
inline constexpr std::chrono::seconds kReplyTimeout{30};

/// Makes a context the current one of this thread for a scope; nests.
class CurrentScope {
 public:
  explicit CurrentScope(Context* context) noexcept : before_(current) { current = context; }
  ~CurrentScope() { current = before_; }
  CurrentScope(const CurrentScope&) = delete;
  CurrentScope& operator=(const CurrentScope&) = delete;

 private:
  Context* before_;
};

/// The answer to a request: JSON, or what went wrong.
struct Reply {
  std::string payload;
  std::string error;
};

inline std::runtime_error refusal(std::string_view doing, const std::string& error) {
  return std::runtime_error(std::string(doing) + ": " + error);
}
/// The one id in the answer to a submit.
inline std::string submitted_id(Reply reply, std::string_view task) {
  const std::string doing = "submitting " + std::string(task);
  if (!reply.error.empty()) throw refusal(doing, reply.error);
  try {
    return Json::parse(reply.payload).at(std::size_t{0}).get<std::string>();
  } catch (const JsonError& fault) {
    throw refusal(doing, std::string("the answer cannot be read: ") + fault.what());
  }
}

inline Triggered triggered(const Reply& reply, std::string_view event) {
  const std::string doing = "triggering " + std::string(event);
  if (!reply.error.empty()) throw refusal(doing, reply.error);
  try {
    return Json::parse(reply.payload).get<Triggered>();
  } catch (const JsonError& fault) {
    throw refusal(doing, std::string("the answer cannot be read: ") + fault.what());
  }
}

/// The requests of an attempt that nobody waits for yet. Owned by its Context and by each open
/// request.
class PendingSubmits {
 public:
  static PendingSubmits& of(Context& context) { return *context.pending_; }

  /// Sends a request; `done` is called once with the answer, on a thread of the host's.
  template <class Done>
  static void send(Context& context, std::uint32_t kind, const std::string& payload, Done done) {
    auto user = std::make_unique<Done>(std::move(done));
    const auto on_reply = [](void* raw, int ok, conduit_str answer) {
      const std::unique_ptr<Done> own(static_cast<Done*>(raw));
      Reply reply;
      (ok != 0 ? reply.payload : reply.error) = copy(answer);
      (*own)(std::move(reply));
    };
    context.api_.call(context.attempt_, kind, to_c(payload), on_reply, user.release());
  }

  static void forget(Context& context, std::string task, const std::string& payload) {
    const std::shared_ptr<PendingSubmits> self = context.pending_;
    {
      const std::lock_guard lock(self->mutex_);
      ++self->open_;
    }
    send(context, CONDUIT_CALL_SUBMIT, payload, [self, task = std::move(task)](const Reply& reply) {
      self->settle(reply.error.empty() ? std::string() : task + ": " + reply.error);
    });
  }
  /// True if no request is open. Otherwise `done` will be called on the thread of the last answer.
  bool when_settled(std::function<void()> done) {
    const std::lock_guard lock(mutex_);
    if (open_ > 0) when_settled_ = std::move(done);
    return open_ == 0;
  }
  /// Waits until no request is open, but not for ever and not once the attempt is cancelled.
  void wait(const Context& context) {
    constexpr std::chrono::milliseconds kLook{100};  // how often to look at cancelled()
    for (auto waited = kLook; waited < kReplyTimeout && !context.cancelled(); waited += kLook) {
      std::unique_lock lock(mutex_);
      if (settled_.wait_for(lock, kLook, [this] { return open_ == 0; })) return;
    }
  }
  /// Logs what was refused. Called by the attempt, at its end.
  void report(Context& context) {
    std::vector<std::string> refused;
    {
      const std::lock_guard lock(mutex_);
      refused.swap(refused_);
    }
    for (const auto& what : refused) {
      context.send_log(LogLevel::error, "a job could not be submitted: " + what);
    }
  }

 private:
  void settle(std::string refusal) {
    std::function<void()> done;
    {
      const std::lock_guard lock(mutex_);
      if (!refusal.empty()) refused_.push_back(std::move(refusal));
      if (--open_ == 0) done.swap(when_settled_);
    }
    settled_.notify_all();
    if (done) done();
  }

  std::mutex mutex_;  // guards all below: replies come on the host's threads
  std::condition_variable settled_;
  std::size_t open_ = 0;
  std::vector<std::string> refused_;
  std::function<void()> when_settled_;
};

/// JSON from the host; it has checked it, so that a fault here is not worth failing the attempt
/// for.
inline Json parse_or_null(conduit_str text) {
  if (text.size == 0) return {};
  try {
    return Json::parse(from_c(text), {.depth = 1'000});
  } catch (const JsonError&) {
    return {};
  }
}

inline ContextData read_info(const conduit_attempt_info& info) {
  ContextData out;
  out.job_id = copy(info.job_id);
  out.parent_id = copy(info.parent_id);
  out.root_id = copy(info.root_id);
  out.task = copy(info.task);
  out.queue = copy(info.queue);
  out.executor = copy(info.executor);
  out.attempt = info.attempt;
  out.max_attempts = info.max_attempts;
  out.deadline_ms = info.deadline_ms;
  out.traceparent = copy(info.traceparent);
  const std::string devices = copy(info.devices);
  for (std::size_t from = 0; from < devices.size();) {
    const std::size_t end = std::min(devices.find(',', from), devices.size());
    out.devices.push_back(devices.substr(from, end - from));
    from = end + 1;
  }
  if (Json metadata = parse_or_null(info.metadata); metadata.is_object()) {
    out.metadata = std::move(metadata);
  }
  out.last_checkpoint = parse_or_null(info.checkpoint);
  return out;
}

}  // namespace detail

inline Context::Context(const conduit_api& api, conduit_attempt* attempt)
    : api_(api),
      attempt_(attempt),
      data_(detail::read_info(*api.info(attempt))),
      pending_(std::make_shared<detail::PendingSubmits>()) {}

inline std::optional<std::chrono::system_clock::time_point> Context::deadline() const {
  if (data_.deadline_ms == 0) return std::nullopt;
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(data_.deadline_ms));
}

inline Json Context::args() const {
  try {
    return Json::parse(detail::from_c(api_.info(attempt_)->args), {.depth = 1'000});
  } catch (const JsonError& error) {
    throw InvalidArguments(error.what(), error.path());
  }
}

inline ContextData Context::data() const {
  const std::lock_guard lock(mutex_);
  return data_;
}

inline void Context::set_progress(double fraction, std::string_view message) {
  api_.set_progress(attempt_, fraction, detail::to_c(message));
}

inline void Context::set_metadata(std::string_view key, const Json& value) {
  const std::string text = value.dump();
  // The command is sent under the lock: two threads must not leave the job with another value than
  // metadata() gives.
  const std::lock_guard lock(mutex_);
  if (value.is_null()) {
    data_.metadata.erase(key);
  } else {
    data_.metadata[key] = value;
  }
  api_.set_metadata(attempt_, detail::to_c(key), detail::to_c(text));
}

inline Json Context::metadata(std::string_view key) const {
  const std::lock_guard lock(mutex_);
  const Json* value = data_.metadata.find(key);
  return value != nullptr ? *value : Json();
}

inline void Context::checkpoint(const Json& state) {
  const std::string text = state.dump();
  const std::lock_guard lock(mutex_);
  data_.last_checkpoint = state;
  api_.checkpoint(attempt_, detail::to_c(text));
}

inline Json Context::last_checkpoint() const {
  const std::lock_guard lock(mutex_);
  return data_.last_checkpoint;
}

inline void Context::send_log(LogLevel level, std::string_view message, const Json& fields) {
  if (!fields.is_null()) static_cast<void>(fields.members());  // throws unless an object
  const std::string text = fields.is_null() ? std::string() : fields.dump();
  api_.log(attempt_, static_cast<std::uint32_t>(level), detail::to_c(message), detail::to_c(text));
}

namespace detail {

/// Sends a request and waits for the answer: a while, or for as long as it takes.
inline Reply ask(Context& context, const Request& request) {
  struct Waiting {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<Reply> reply;
  };
  // Shared with the reply, which may come after this wait was given up.
  const auto waiting = std::make_shared<Waiting>();
  PendingSubmits::send(context, request.kind, request.payload, [waiting](Reply reply) {
    const std::lock_guard lock(waiting->mutex);
    waiting->reply = std::move(reply);
    waiting->answered.notify_all();
  });
  std::unique_lock lock(waiting->mutex);
  const auto answered = [&] { return waiting->reply.has_value(); };
  if (request.patient) {
    waiting->answered.wait(lock, answered);
  } else if (!waiting->answered.wait_for(lock, kReplyTimeout, answered)) {
    return {{}, "no answer in 30 seconds"};
  }
  return std::move(*waiting->reply);
}

/// Throws if an answer is a refusal.
inline void check_answer(const Context& context, const Request& request, const Reply& reply,
                         std::string_view doing) {
  if (reply.error.empty() || request.may_be_refused) return;
  if (request.patient && context.cancelled()) throw Cancelled();
  throw refusal(doing, reply.error);
}

inline void must_not_block(const conduit_api& api, std::string_view called, std::string_view instead) {
  if (api.on_event_loop() == 0) return;
  throw std::logic_error("conduit: " + std::string(called) +
                         "() would block the event loop that all async tasks share; use co_await " +
                         std::string(instead) + "()");
}

}  // namespace detail

inline std::string Context::submit(std::string_view task, const Json& args,
                                   const SubmitOptions& options) {
  detail::must_not_block(api_, "submit", "async_submit");
  const detail::Request request{CONDUIT_CALL_SUBMIT, detail::job_object(task, args, options).dump()};
  return detail::submitted_id(detail::ask(*this, request), task);
}

template <class Steps>
auto Context::run_steps(Steps steps, std::string_view doing) {
  while (const auto request = steps.next()) {
    const auto reply = detail::ask(*this, *request);
    detail::check_answer(*this, *request, reply, doing);
    steps.take(reply.payload);
  }
  return std::move(steps).done();
}

inline std::vector<std::string> Context::after_ids() const {
  std::vector<std::string> out;
  const conduit_attempt_info& info = *api_.info(attempt_);
  if (info.size < sizeof info) return out;
  const Json ids = detail::parse_or_null(info.after);
  for (std::size_t i = 0; ids.is_array() && i < ids.size(); ++i) out.push_back(ids.at(i).template get<std::string>());
  return out;
}

inline std::vector<std::string> Context::submit_all(const std::vector<Job>& jobs) {
  detail::must_not_block(api_, "submit_all", "async_submit_all");
  return run_steps(detail::SubmitSteps(jobs), "submitting jobs");
}

inline Batch Context::submit_batch(const std::vector<Job>& jobs, const BatchOptions& options) {
  detail::must_not_block(api_, "submit_batch", "async_submit_batch");
  return run_steps(detail::BatchSteps(data_.job_id, jobs, options), "submitting a batch");
}

inline JobEnd Context::wait(const std::string& id, std::optional<std::chrono::milliseconds> timeout) {
  detail::must_not_block(api_, "wait", "async_wait");
  return run_steps(detail::AnySteps({id}, timeout), "waiting for a job");
}

inline std::vector<JobEnd> Context::when_all(const std::vector<std::string>& ids, const WaitOptions& options) {
  detail::must_not_block(api_, "when_all", "async_when_all");
  return run_steps(detail::AllSteps(ids, options), "waiting for jobs");
}

inline JobEnd Context::when_any(const std::vector<std::string>& ids, std::optional<std::chrono::milliseconds> timeout) {
  detail::must_not_block(api_, "when_any", "async_when_any");
  return run_steps(detail::AnySteps(ids, timeout), "waiting for jobs");
}

inline std::vector<JobEnd> Context::map(const std::string& task, std::vector<Json> arguments, const MapOptions& options) {
  detail::must_not_block(api_, "map", "async_map");
  const auto ids = run_steps(detail::SubmitSteps(detail::jobs_of_map(data_.job_id, task, std::move(arguments), options)),
                             "submitting jobs");
  return run_steps(detail::AllSteps(ids, {options.on_failure, options.timeout}), "waiting for jobs");
}

inline std::vector<JobEnd> Context::after() {
  detail::must_not_block(api_, "after", "async_after");
  return run_steps(detail::ResultSteps(after_ids()), "asking how jobs ended");
}

inline void Context::cancel(const std::vector<std::string>& ids) {
  detail::must_not_block(api_, "cancel", "async_cancel");
  if (!ids.empty()) run_steps(detail::CancelSteps(ids), "cancelling jobs");
}

inline Triggered Context::trigger(std::string_view event, const Json& payload,
                                  const TriggerOptions& options) {
  detail::must_not_block(api_, "trigger", "async_trigger");
  const detail::Request request{CONDUIT_CALL_TRIGGER,
                                detail::event_object(event, payload, options).dump()};
  return detail::triggered(detail::ask(*this, request), event);
}

template <class Support>
auto Context::async_trigger(std::string event, Json payload, TriggerOptions options) {
  static_assert(
      requires { sizeof(Support); }, "include <conduit/async.hpp> to use async_trigger()");
  return Support::trigger(*this, std::move(event), std::move(payload), std::move(options));
}

template <class Support>
auto Context::async_submit(std::string task, Json args, SubmitOptions options) {
  static_assert(
      requires { sizeof(Support); }, "include <conduit/async.hpp> to use async_submit()");
  return Support::submit(*this, std::move(task), std::move(args), std::move(options));
}

#define CONDUIT_NEEDS_ASYNC(name) \
  static_assert( \
      requires { sizeof(Support); }, "include <conduit/async.hpp> to use " name "()")

template <class Support>
auto Context::async_submit_all(std::vector<Job> jobs) {
  CONDUIT_NEEDS_ASYNC("async_submit_all");
  return Support::run(*this, detail::SubmitSteps(jobs), "submitting jobs");
}

template <class Support>
auto Context::async_submit_batch(std::vector<Job> jobs, BatchOptions options) {
  CONDUIT_NEEDS_ASYNC("async_submit_batch");
  return Support::run(*this, detail::BatchSteps(data_.job_id, std::move(jobs), std::move(options)), "submitting a batch");
}

template <class Support>
auto Context::async_wait(std::string id, std::optional<std::chrono::milliseconds> timeout) {
  CONDUIT_NEEDS_ASYNC("async_wait");
  return Support::run(*this, detail::AnySteps({std::move(id)}, timeout), "waiting for a job");
}

template <class Support>
auto Context::async_when_all(std::vector<std::string> ids, WaitOptions options) {
  CONDUIT_NEEDS_ASYNC("async_when_all");
  return Support::run(*this, detail::AllSteps(std::move(ids), options), "waiting for jobs");
}

template <class Support>
auto Context::async_when_any(std::vector<std::string> ids, std::optional<std::chrono::milliseconds> timeout) {
  CONDUIT_NEEDS_ASYNC("async_when_any");
  return Support::run(*this, detail::AnySteps(ids, timeout), "waiting for jobs");
}

template <class Support>
auto Context::async_map(std::string task, std::vector<Json> arguments, MapOptions options) {
  CONDUIT_NEEDS_ASYNC("async_map");
  return Support::map(*this, detail::SubmitSteps(detail::jobs_of_map(data_.job_id, task, std::move(arguments), options)),
                      WaitOptions{options.on_failure, options.timeout});
}

template <class Support>
auto Context::async_after() {
  CONDUIT_NEEDS_ASYNC("async_after");
  return Support::run(*this, detail::ResultSteps(after_ids()), "asking how jobs ended");
}

template <class Support>
auto Context::async_cancel(std::vector<std::string> ids) {
  CONDUIT_NEEDS_ASYNC("async_cancel");
  return Support::run(*this, detail::CancelSteps(ids), "cancelling jobs");
}

#undef CONDUIT_NEEDS_ASYNC

inline void Context::submit_and_forget(std::string_view task, const Json& args,
                                       const SubmitOptions& options) {
  detail::PendingSubmits::forget(*this, std::string(task),
                                 detail::job_object(task, args, options).dump());
}

}  // namespace conduit
