#pragma once
// Between the C line and a task's function: reads arguments, calls, writes the result or the
// failure. Every function that the host calls is noexcept; what a task throws ends here.

#include <conduit/abi.h>
#include <cxxabi.h>
#include <conduit/context.hpp>
#include <conduit/detail/arguments.hpp>
#include <conduit/detail/signature.hpp>
#include <conduit/error.hpp>
#include <conduit/middleware.hpp>

#include <boost/system/system_error.hpp>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

namespace conduit::detail {

/// One registered task, as the host's `user` pointer knows it. Lives as long as the process.
class Handler {
 public:
  virtual ~Handler() = default;

  static void run_task(void* user, conduit_attempt* attempt) noexcept {
    static_cast<Handler*>(user)->run(attempt);
  }
  static void start_task(void* user, conduit_attempt* attempt, void* io_context) noexcept {
    static_cast<Handler*>(user)->start(attempt, io_context);
  }

  /// Set once, at registration; only read afterwards.
  const conduit_api* api = nullptr;
  std::vector<std::string> parameters;
  std::size_t parameter_count = 0;
  Layers layers;  ///< of middleware, outermost first
  bool wants_context = false;
  bool is_async = false;

 protected:
  virtual void run(conduit_attempt* attempt) noexcept = 0;
  virtual void start(conduit_attempt*, void*) noexcept {}  // never called unless is_async
};

/// An exception as the C line can carry it.
struct Failure {
  conduit_failure_kind kind = CONDUIT_FAILURE_RETRY;
  std::int64_t after_ms = -1;
  std::string type;
  std::string message;
  std::string detail;

  void send(const conduit_api& api, conduit_attempt* attempt) const {
    const conduit_failure out{sizeof(conduit_failure),
                              static_cast<std::uint32_t>(kind),
                              after_ms,
                              to_c(type),
                              to_c(message),
                              to_c(detail)};
    api.fail(attempt, &out);
  }

  /// As a layer of the worker gets it, and gives it back.
  static Failure of(const TaskError& error) {
    const std::int64_t after = error.after() ? error.after()->count() : -1;
    return {static_cast<conduit_failure_kind>(error.kind()), after, error.type(), error.what(),
            error.detail()};
  }
  static TaskError to_error(const conduit_failure& failure) {
    std::optional<std::chrono::milliseconds> after;
    if (failure.after_ms >= 0) after = std::chrono::milliseconds(failure.after_ms);
    return {static_cast<TaskError::Kind>(failure.kind), copy(failure.type), copy(failure.message),
            copy(failure.detail), after};
  }
};

/// Ends the attempt, after all that it said. Nothing of it may be touched afterwards.
inline void finish(const conduit_api& api, conduit_attempt* attempt, Context& context,
                   const std::string& result, const std::optional<Failure>& failure) {
  PendingSubmits::of(context).report(context);
  if (failure) {
    failure->send(api, attempt);
  } else {
    api.complete(attempt, to_c(result));
  }
}

/// "std::runtime_error" for that exception.
inline std::string type_name(const std::type_info& type) {
  int status = 0;
  char* name = abi::__cxa_demangle(type.name(), nullptr, nullptr, &status);
  std::string out = name != nullptr ? name : type.name();
  std::free(name);
  return out;
}

/// The failure that the exception being handled stands for. `cancelled`: the attempt was asked to
/// stop, and Asio's "operation aborted" is how an awaitable obeys.
inline Failure current_failure(bool cancelled) {
  try {
    throw;
  } catch (const TaskError& error) {
    return Failure::of(error);
  } catch (const Retry& retry) {
    const std::int64_t after = retry.after() ? retry.after()->count() : -1;
    return {CONDUIT_FAILURE_RETRY, after, "conduit::Retry", retry.what(), {}};
  } catch (const Fail& fail) {
    return {CONDUIT_FAILURE_FAIL, -1, type_name(typeid(fail)), fail.what(), {}};
  } catch (const InvalidArguments& invalid) {
    const Json detail = {{"path", invalid.path()}};
    return {CONDUIT_FAILURE_INVALID, -1, "conduit::InvalidArguments", invalid.what(),
            detail.dump()};
  } catch (const Snooze& snooze) {
    return {CONDUIT_FAILURE_SNOOZE, snooze.after().count(), "conduit::Snooze", snooze.what(), {}};
  } catch (const Cancelled& stop) {
    return {CONDUIT_FAILURE_CANCELLED, -1, "conduit::Cancelled", stop.what(), {}};
  } catch (const boost::system::system_error& error) {
    if (cancelled && error.code() == boost::system::errc::operation_canceled) {
      return {CONDUIT_FAILURE_CANCELLED, -1, "conduit::Cancelled", "cancelled", {}};
    }
    return {CONDUIT_FAILURE_RETRY, -1, type_name(typeid(error)), error.what(), {}};
  } catch (const std::exception& error) {
    return {CONDUIT_FAILURE_RETRY, -1, type_name(typeid(error)), error.what(), {}};
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return {CONDUIT_FAILURE_RETRY,
            -1,
            type != nullptr ? type_name(*type) : "unknown",
            "the task threw something that is no std::exception",
            {}};
  }
}

/// What the host says of an attempt's end.
inline End read_end(const conduit_end* end) {
  End out;
  if (end == nullptr) return out;
  out.kind = static_cast<EndKind>(end->kind);
  out.result = parse_or_null(end->result);
  out.error_type = copy(end->type);
  out.error = copy(end->message);
  out.error_detail = parse_or_null(end->detail);
  if (end->retry_after_ms >= 0) out.retry_after = std::chrono::milliseconds(end->retry_after_ms);
  out.duration = std::chrono::microseconds(end->duration_us);
  return out;
}

/// conduit_hook_fn over a hook: an exception becomes a number and a sentence.
inline int run_hook(void* user, conduit_attempt* attempt, const conduit_end* end, char* error,
                    std::size_t error_size) noexcept {
  std::string what;
  try {
    const Hook& hook = *static_cast<const Hook*>(user);
    // Shared with the answers to what it submits and forgets.
    const auto context = std::make_shared<Context>(*hook.api, attempt);
    const auto report = [context] { PendingSubmits::of(*context).report(*context); };
    {
      const CurrentScope scope(context.get());
      try {
        hook.function(*context, read_end(end));
      } catch (...) {
        const Failure failure = current_failure(false);
        what = failure.type + ": " + failure.message;
      }
    }
    if (PendingSubmits::of(*context).when_settled(report)) report();
  } catch (const std::exception& fault) {
    what = fault.what();
  }
  if (what.empty()) return 0;
  if (error != nullptr && error_size > 0) error[what.copy(error, error_size - 1)] = '\0';
  return 1;
}

/// What F is called with and how its result is written: the same for plain functions and
/// coroutines.
template <class F>
struct Call {
  using Signature = SignatureOf<F>;
  using Arguments = typename Signature::Arguments;
  using Result = typename Signature::Result;
  static_assert(std::is_void_v<Result> || ToJson<Result>,
                "the task's result cannot be written as JSON: see conduit/convert.hpp");

  static Arguments read(const Handler& handler, conduit_attempt* attempt) {
    try {
      const std::string_view text = from_c(handler.api->info(attempt)->args);
      return ReadArguments<Arguments>::from(text, handler.parameters);
    } catch (const JsonError& error) {
      throw InvalidArguments(error.what(), error.path());
    }
  }
  /// A result that JSON cannot hold would be the same after a retry.
  template <class R>
  static Json value(const R& result) {
    return writing([&] { return Convert<R>::to_json(result); });
  }
  template <class R>
  static std::string write(const R& result) {
    return writing([&] { return Convert<R>::to_json(result).dump(); });
  }

 private:
  template <class Writer>
  static auto writing(const Writer& writer) {
    try {
      return writer();
    } catch (const JsonError& error) {
      throw Fail(std::string("the task's result cannot be written: ") + error.what());
    }
  }
};

/// Runs `call`, which gives the result as text, as an attempt: to its end, on this thread.
template <class Call>
void run_attempt(const conduit_api& api, conduit_attempt* attempt, const Call& call) noexcept {
  Context context(api, attempt);
  std::string result;
  std::optional<Failure> failure;
  try {
    const CurrentScope scope(&context);
    context.throw_if_cancelled();
    result = call(context);
  } catch (...) {
    failure = current_failure(context.cancelled());
  }
  PendingSubmits::of(context).wait(context);
  finish(api, attempt, context, result, failure);
}

/// The last result that came out of next() in a layer of the worker. One that the layer returns as
/// it got it goes on as the text that it was.
class InnerResult {
 public:
  Json take(std::string text) {
    text_ = std::move(text);
    value_ = parse_or_null(to_c(text_));
    return value_;
  }
  [[nodiscard]] std::string write(const Json& result) const {
    return !text_.empty() && result == value_ ? text_ : result.dump();
  }

 private:
  std::string text_;
  Json value_;
};

/// What is inside of a layer of the worker, at the other side of the C line.
class WorkersInside final : public Inside {
 public:
  WorkersInside(const conduit_api& api, conduit_attempt* attempt, conduit_next* next)
      : api_(api), attempt_(attempt), next_(next) {}

  [[nodiscard]] Json run(std::size_t) const override {
    const conduit_inner_end& end = *api_.run_next(attempt_, next_);
    if (end.failure != nullptr) throw Failure::to_error(*end.failure);
    return last_.take(copy(end.result));
  }
  [[nodiscard]] const InnerResult& last() const { return last_; }

 private:
  const conduit_api& api_;
  conduit_attempt* attempt_;
  conduit_next* next_;
  mutable InnerResult last_;  // next() is const for its copies' sake, and a layer is one flow
};

/// conduit_middleware.run over a layer of the worker.
inline void run_layer(void* user, conduit_attempt* attempt, conduit_next* next) noexcept {
  const Layer& layer = *static_cast<const Layer*>(user);
  run_attempt(*layer.api, attempt, [&](Context& context) {
    const WorkersInside inside(*layer.api, attempt, next);
    const Json result = layer.blocking(context, Next(inside, 0));
    return inside.last().write(result);
  });
}

/// A task that is a plain function.
template <class F>
class BlockingHandler final : public Handler {
 public:
  explicit BlockingHandler(F function) : function_(std::move(function)) {}

 protected:
  void run(conduit_attempt* attempt) noexcept override {
    run_attempt(*api, attempt, [&](Context& context) { return call(attempt, context); });
  }

 private:
  using Signature = typename Call<F>::Signature;

  std::string call(conduit_attempt* attempt, Context& context) {
    if (!layers.empty()) {
      const std::function<Json()> task = [&] { return value(attempt, context); };
      return Call<F>::write(Chain{layers, context, task}.run(0));
    }
    auto arguments = Call<F>::read(*this, attempt);
    if constexpr (std::is_void_v<typename Call<F>::Result>) {
      Signature::call(function_, arguments, context);
      return "null";
    } else {
      return Call<F>::write(Signature::call(function_, arguments, context));
    }
  }
  /// What the innermost layer of middleware gets.
  Json value(conduit_attempt* attempt, Context& context) {
    auto arguments = Call<F>::read(*this, attempt);
    if constexpr (std::is_void_v<typename Call<F>::Result>) {
      Signature::call(function_, arguments, context);
      return {};
    } else {
      return Call<F>::value(Signature::call(function_, arguments, context));
    }
  }

  F function_;
};

}  // namespace conduit::detail
