#pragma once
// The header of a plugin with coroutines. A task whose function returns boost::asio::awaitable<T>
// is an async task:
//
//   #include <conduit/async.hpp>
//
//   boost::asio::awaitable<std::string> fetch(std::string url, conduit::Context& ctx) {
//     boost::asio::ip::tcp::resolver resolver(co_await boost::asio::this_coro::executor);
//     ...
//   }
//
//   CONDUIT_PLUGIN("web", "1.0.0", plugin) { plugin.task("web.fetch", fetch).parameters("url"); }
//
// In the async executor it runs on the host's io_context, with thousands of others: it must never
// block. In the thread and process executors the same function runs on an io_context of its own. In
// both, one attempt's code never runs on two threads at once (it has a strand), what the coroutine
// makes from this_coro::executor stays on it, and conduit::current_context() finds the attempt's
// context after every co_await.
//
// When the attempt is cancelled or times out, the coroutine's cancellation slot fires (terminal):
// the operation it waits for ends with operation_aborted, which may simply be let through.
//
// Coroutines that a task spawns should end before it does. One that lives longer goes on on the
// host's loop, and finds no current_context() any more.
//
// The compiler trap. g++ 12 frees the argument twice in `co_await f(Aggregate{...})`, `co_await
// f({...})` and `co_await f([captured] {...})`. Name the argument first: see the SDK's README.

#include <conduit/plugin.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/version.hpp>
#include <memory>
#include <string>
#include <utility>

#include <conduit/detail/async_submit.hpp>
#include <conduit/detail/context_executor.hpp>
#include <conduit/detail/loop_thread.hpp>
#include <conduit/detail/own_loop.hpp>

namespace conduit {

namespace detail {
/// What is inside of the layers of one attempt at a coroutine.
class AsyncInside {
 public:
  virtual ~AsyncInside() = default;
  [[nodiscard]] virtual boost::asio::awaitable<Json> run(std::size_t at) const = 0;
};
}  // namespace detail

/// What is inside of a layer around a coroutine: `Json result = co_await next();`. Valid until the
/// layer's coroutine ends; may be copied.
class AsyncNext {
 public:
  boost::asio::awaitable<Json> operator()() const { return inside_->run(at_); }

  /// Made by the SDK.
  AsyncNext(const detail::AsyncInside& inside, std::size_t at) : inside_(&inside), at_(at) {}

 private:
  const detail::AsyncInside* inside_;
  std::size_t at_;
};

namespace detail {

/// Tells the host what a plugin with coroutines shares with it. Runs while the plugin's file is
/// being loaded.
inline bool note_asio() {
  static const std::string version = std::to_string(BOOST_VERSION / 100'000) + '.' +
                                     std::to_string(BOOST_VERSION / 100 % 1'000) + '.' +
                                     std::to_string(BOOST_VERSION % 100);
  uses_asio = true;
  boost_version = version.c_str();
  run_on_own_loop = [](void (*begin)(void*, void*), bool (*ended)(void*), void* user) {
    boost::asio::io_context loop(1);
    begin(user, &loop);
    while (!ended(user) && loop.run_one() > 0) {
    }
  };
  return true;
}

/// The coroutine of an attempt: of a task, or of a layer of the worker.
class Coroutine {
 public:
  virtual ~Coroutine() = default;
  /// Runs it to its end, and returns the result as JSON text.
  virtual boost::asio::awaitable<std::string> call(conduit_attempt* attempt, Context& context) = 0;
};

/// A task's, whatever its arguments and result.
class TaskCoroutine : public Coroutine {
 public:
  /// The author's coroutine itself, without its layers of middleware.
  virtual boost::asio::awaitable<Json> value(conduit_attempt* attempt, Context& context) = 0;
};

/// The form of a layer of middleware that goes around coroutines.
class AsyncLayer {
 public:
  virtual ~AsyncLayer() = default;
  virtual boost::asio::awaitable<Json> run(Context& context, AsyncNext next) = 0;
};

/// conduit_middleware.start over a layer of the worker.
void start_layer(void* user, conduit_attempt* attempt, void* io_context,
                 conduit_next* next) noexcept;

template <class F>
class AsyncLayerOf final : public AsyncLayer {
  static_assert(
      std::is_invocable_r_v<boost::asio::awaitable<Json>, F&, Context&, AsyncNext>,
      "middleware is a function Json(conduit::Context&, conduit::Next) or a coroutine "
      "boost::asio::awaitable<Json>(conduit::Context&, conduit::AsyncNext)");

 public:
  explicit AsyncLayerOf(F function) : function_(std::move(function)) {
    static_cast<void>(&noted_);  // makes the member exist
  }
  static constexpr auto start = &start_layer;
  boost::asio::awaitable<Json> run(Context& context, AsyncNext next) override {
    return function_(context, next);
  }

 private:
  static inline const bool noted_ = note_asio();

  F function_;
};

/// The onion of one attempt at a coroutine.
class AsyncChain final : public AsyncInside {
 public:
  AsyncChain(const Layers& layers, conduit_attempt* attempt, Context& context, TaskCoroutine& task)
      : layers_(layers), attempt_(attempt), context_(context), task_(task) {}

  [[nodiscard]] boost::asio::awaitable<Json> run(std::size_t at) const override {
    if (at == layers_.size()) return task_.value(attempt_, context_);
    return layers_[at]->async->run(context_, AsyncNext(*this, at + 1));
  }

 private:
  const Layers& layers_;
  conduit_attempt* attempt_;
  Context& context_;
  TaskCoroutine& task_;
};

/// One running attempt of a coroutine. Owned by the coroutine that drives it, and so by the
/// io_context it waits on.
class AsyncAttempt {
 public:
  template <class Executor>
  AsyncAttempt(const conduit_api& api, conduit_attempt* attempt, const Executor& executor)
      : api_(api),
        attempt_(attempt),
        context_(api, attempt),
        slot_(std::make_shared<ContextSlot>(api, attempt, &context_)),
        executor_(ContextExecutor<Executor>(executor, slot_)),
        stop_{executor_, slot_, std::make_shared<boost::asio::cancellation_signal>()} {}
  /// An operation that drops its handler, instead of calling it, takes the coroutine with it.
  ~AsyncAttempt() { end_if_stuck(); }
  AsyncAttempt(const AsyncAttempt&) = delete;
  AsyncAttempt& operator=(const AsyncAttempt&) = delete;

  /// Spawns `task.call(attempt, context)` on the attempt's executor. A cancel from another
  /// thread comes there too, after this, and so finds the coroutine spawned.
  static void begin(const std::shared_ptr<AsyncAttempt>& self, Coroutine& task) {
    boost::asio::post(self->executor_, [self, &task] {
      // First: co_spawn may run the coroutine to its end before it returns.
      self->api_.on_cancel(self->attempt_, &AsyncAttempt::on_cancel, &self->stop_);
      // The completion handler owns the attempt: it outlives the coroutine, and with it the
      // cancellation slot's signal.
      auto ended = [self](const std::exception_ptr& error) {
        if (error) self->abandon(error);
      };
      boost::asio::co_spawn(
          self->executor_, self->drive(task),
          boost::asio::bind_cancellation_slot(self->stop_.signal->slot(), std::move(ended)));
    });
  }
  [[nodiscard]] bool ended() const noexcept { return slot_->context == nullptr; }
  /// For a coroutine that nobody is left to wake.
  void end_if_stuck() {
    if (ended()) return;
    Failure failure;
    failure.type = "conduit::Stuck";
    failure.message = "the coroutine waits for something that nothing can bring about any more";
    end({}, failure);
  }

 private:
  struct Stop {
    boost::asio::any_io_executor executor;
    std::shared_ptr<ContextSlot> slot;
    std::shared_ptr<boost::asio::cancellation_signal> signal;  // emitted on the executor only
  };
  static void on_cancel(void* user) noexcept {
    const Stop& stop = *static_cast<Stop*>(user);
    boost::asio::post(stop.executor, [slot = stop.slot, signal = stop.signal] {
      if (slot->context != nullptr) signal->emit(boost::asio::cancellation_type::terminal);
    });
  }

  /// The attempt from its first step to its end.
  boost::asio::awaitable<void> drive(Coroutine& task) {
    std::string result;
    std::optional<Failure> failure;
    try {
      context_.throw_if_cancelled();  // the wish may have come before the first step
      result = co_await task.call(attempt_, context_);
    } catch (...) {
      failure = current_failure(context_.cancelled());
    }
    // A coroutine that was cancelled must turn that off before it may wait again.
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    co_await boost::asio::this_coro::reset_cancellation_state(
        boost::asio::enable_terminal_cancellation());
    if (!context_.cancelled()) co_await settle_submits();
    end(result, failure);
  }

  /// The coroutine was cancelled before its first step, so that drive() never ran.
  void abandon(const std::exception_ptr& error) {
    if (ended()) return;
    try {
      std::rethrow_exception(error);
    } catch (...) {
      end({}, current_failure(context_.cancelled()));
    }
  }
  void end(const std::string& result, const std::optional<Failure>& failure) {
    slot_->context = nullptr;
    finish(api_, attempt_, context_, result, failure);
  }

  /// Waits for what was submitted and forgotten, unless the attempt is cancelled, and not for ever.
  boost::asio::awaitable<void> settle_submits() {
    // Shared with the last answer, which may come when this wait has ended. Touched on the executor
    // only.
    const auto timer = std::make_shared<boost::asio::steady_timer>(executor_, kReplyTimeout);
    const bool settled = PendingSubmits::of(context_).when_settled(
        [timer] { boost::asio::post(timer->get_executor(), [timer] { timer->cancel(); }); });
    boost::system::error_code aborted;
    if (!settled) {
      co_await timer->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, aborted));
    }
  }

  const conduit_api& api_;
  conduit_attempt* attempt_;
  Context context_;
  std::shared_ptr<ContextSlot> slot_;
  boost::asio::any_io_executor executor_;
  Stop stop_;
};

/// A task that is a coroutine.
template <class F>
class AsyncHandler final : public Handler, private TaskCoroutine {
 public:
  explicit AsyncHandler(F function) : function_(std::move(function)) {
    static_cast<void>(&noted_);  // makes the member exist
  }

 protected:
  /// The async executor: on the host's loop. The strand serves hosts whose loop has several
  /// threads.
  void start(conduit_attempt* attempt, void* io_context) noexcept override {
    auto& loop = *static_cast<boost::asio::io_context*>(io_context);
    know_loop(*api, loop);
    auto strand = boost::asio::make_strand(loop.get_executor());
    AsyncAttempt::begin(std::make_shared<AsyncAttempt>(*api, attempt, strand), *this);
  }

  /// The other two: on a loop of its own, on this thread.
  void run(conduit_attempt* attempt) noexcept override {
    boost::asio::io_context loop(1);
    const auto running = std::make_shared<AsyncAttempt>(*api, attempt, loop.get_executor());
    AsyncAttempt::begin(running, *this);
    // Not run(): what the task left behind on the loop must not keep this thread once the attempt
    // has ended.
    while (!running->ended() && loop.run_one() > 0) {
    }
    running->end_if_stuck();
  }

 private:
  using Signature = typename Call<F>::Signature;

  // What the author's coroutine takes by reference lives in this one's frame.
  boost::asio::awaitable<std::string> call(conduit_attempt* attempt, Context& context) override {
    if (!layers.empty()) {
      const AsyncChain chain(layers, attempt, context, *this);
      auto onion = chain.run(0);
      const Json result = co_await std::move(onion);
      co_return Call<F>::write(result);
    }
    auto arguments = Call<F>::read(*this, attempt);
    if constexpr (std::is_void_v<typename Call<F>::Result>) {
      co_await Signature::call(function_, arguments, context);
      co_return std::string("null");
    } else {
      const auto result = co_await Signature::call(function_, arguments, context);
      co_return Call<F>::write(result);
    }
  }

  boost::asio::awaitable<Json> value(conduit_attempt* attempt, Context& context) override {
    auto arguments = Call<F>::read(*this, attempt);
    if constexpr (std::is_void_v<typename Call<F>::Result>) {
      co_await Signature::call(function_, arguments, context);
      co_return Json();
    } else {
      const auto result = co_await Signature::call(function_, arguments, context);
      co_return Call<F>::value(result);
    }
  }

  static inline const bool noted_ = note_asio();

  F function_;
};

}  // namespace detail

}  // namespace conduit

#include <conduit/detail/async_layer.hpp>  // start_layer()
