#pragma once
// The functions of conduit::Context. Include <conduit/context.hpp>, not this file.

#include <conduit/context.hpp>

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

/// The answer to a submit: the one id, or what went wrong.
struct SubmitReply {
  std::string id;
  std::string error;

  static SubmitReply read(int ok, conduit_str payload) noexcept {
    try {
      if (ok == 0) return {{}, copy(payload)};
      return {Json::parse(from_c(payload)).at(std::size_t{0}).get<std::string>(), {}};
    } catch (const std::exception& fault) {
      return {{}, std::string("the answer to a submit cannot be read: ") + fault.what()};
    }
  }
  /// The id; throws std::runtime_error if there is none.
  std::string take(std::string_view task) && {
    if (error.empty()) return std::move(id);
    throw std::runtime_error("submitting " + std::string(task) + ": " + error);
  }
};

/// The requests of an attempt that nobody waits for yet. Owned by its Context and by each open
/// request.
class PendingSubmits {
 public:
  static PendingSubmits& of(Context& context) { return *context.pending_; }

  /// Sends a job, as JSON; `done` is called once with the answer, on a thread of the host's.
  template <class Done>
  static void send(Context& context, const std::string& payload, Done done) {
    auto user = std::make_unique<Done>(std::move(done));
    const auto on_reply = [](void* raw, int ok, conduit_str answer) {
      const std::unique_ptr<Done> own(static_cast<Done*>(raw));
      (*own)(SubmitReply::read(ok, answer));
    };
    context.api_.call(context.attempt_, CONDUIT_CALL_SUBMIT, to_c(payload), on_reply,
                      user.release());
  }

  static void forget(Context& context, std::string task, const std::string& payload) {
    const std::shared_ptr<PendingSubmits> self = context.pending_;
    {
      const std::lock_guard lock(self->mutex_);
      ++self->open_;
    }
    send(context, payload, [self, task = std::move(task)](SubmitReply reply) {
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

inline std::string Context::submit(std::string_view task, const Json& args,
                                   const SubmitOptions& options) {
  if (api_.on_event_loop() != 0) {
    throw std::logic_error(
        "conduit: submit() would block the event loop that all async tasks share; use co_await "
        "async_submit()");
  }
  struct Waiting {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<detail::SubmitReply> reply;
  };
  // Shared with the reply, which may come after this wait was given up.
  const auto waiting = std::make_shared<Waiting>();
  detail::PendingSubmits::send(*this, detail::job_object(task, args, options).dump(),
                               [waiting](detail::SubmitReply reply) {
                                 const std::lock_guard lock(waiting->mutex);
                                 waiting->reply = std::move(reply);
                                 waiting->answered.notify_all();
                               });
  std::unique_lock lock(waiting->mutex);
  if (!waiting->answered.wait_for(lock, detail::kReplyTimeout,
                                  [&] { return waiting->reply.has_value(); })) {
    throw std::runtime_error("submitting " + std::string(task) + ": no answer in 30 seconds");
  }
  return std::move(*waiting->reply).take(task);
}

template <class Support>
auto Context::async_submit(std::string task, Json args, SubmitOptions options) {
  static_assert(
      requires { sizeof(Support); }, "include <conduit/async.hpp> to use async_submit()");
  return Support::submit(*this, std::move(task), std::move(args), std::move(options));
}

inline void Context::submit_and_forget(std::string_view task, const Json& args,
                                       const SubmitOptions& options) {
  detail::PendingSubmits::forget(*this, std::string(task),
                                 detail::job_object(task, args, options).dump());
}

}  // namespace conduit
