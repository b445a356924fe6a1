// Layers of the worker that are coroutines. Include <conduit/async.hpp>, not this file.

// Before the guard: that header ends by including this one, whose classes it needs then.
#include <conduit/async.hpp>

#ifndef CONDUIT_DETAIL_ASYNC_LAYER_HPP
#define CONDUIT_DETAIL_ASYNC_LAYER_HPP

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace conduit::detail {

/// How what is inside of a layer ended.
struct InsideEnd {
  std::string result;
  std::optional<TaskError> error;
};

/// A coroutine that waits for that. A cancel does not end the wait: it has reached what is inside,
/// whose end says so.
template <class Handler>
class InsideWait {
 public:
  static void begin(const conduit_api& api, conduit_attempt* attempt, conduit_next* next,
                    Handler handler) {
    auto wait = std::make_unique<InsideWait>(std::move(handler));
    api.start_next(attempt, next, &InsideWait::ended, wait.release());
  }
  explicit InsideWait(Handler handler)
      : work_(boost::asio::get_associated_executor(handler)), handler_(std::move(handler)) {}

 private:
  /// On whatever thread the inside ended.
  static void ended(void* user, const conduit_inner_end* end) {
    std::unique_ptr<InsideWait> self(static_cast<InsideWait*>(user));
    InsideEnd told;
    if (end->failure != nullptr) {
      told.error = Failure::to_error(*end->failure);
    } else {
      told.result = copy(end->result);
    }
    const auto executor = self->work_.get_executor();
    boost::asio::post(executor, [self = std::move(self), told = std::move(told)]() mutable {
      Handler handler = std::move(self->handler_);
      self.reset();
      std::move(handler)(std::move(told));
    });
  }

  boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler>> work_;
  Handler handler_;
};

/// What is inside of a layer of the worker, at the other side of the C line.
class AsyncWorkersInside final : public AsyncInside {
 public:
  AsyncWorkersInside(const conduit_api& api, conduit_attempt* attempt, conduit_next* next)
      : api_(api), attempt_(attempt), next_(next) {}

  [[nodiscard]] boost::asio::awaitable<Json> run(std::size_t) const override {
    auto begin = [this](auto handler) {
      InsideWait<decltype(handler)>::begin(api_, attempt_, next_, std::move(handler));
    };
    // Both named: see "The compiler trap" in the README.
    auto waiting = boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                               void(InsideEnd)>(begin, boost::asio::use_awaitable);
    InsideEnd end = co_await std::move(waiting);
    if (end.error) throw TaskError(*end.error);
    co_return last_.take(std::move(end.result));
  }
  [[nodiscard]] const InnerResult& last() const { return last_; }

 private:
  const conduit_api& api_;
  conduit_attempt* attempt_;
  conduit_next* next_;
  mutable InnerResult last_;  // next() is const for its copies' sake, and a layer is one flow
};

/// The coroutine of one attempt in one layer.
class LayerCoroutine final : public Coroutine {
 public:
  LayerCoroutine(const Layer& layer, conduit_next* next) : layer_(layer), next_(next) {}

  boost::asio::awaitable<std::string> call(conduit_attempt* attempt, Context& context) override {
    const AsyncWorkersInside inside(*layer_.api, attempt, next_);
    auto onion = layer_.async->run(context, AsyncNext(inside, 0));
    const Json result = co_await std::move(onion);
    co_return inside.last().write(result);
  }

 private:
  const Layer& layer_;
  conduit_next* next_;
};

/// That coroutine, and what drives it.
struct RunningLayer {
  template <class Executor>
  RunningLayer(const Layer& layer, conduit_attempt* of, conduit_next* next,
               const Executor& executor)
      : coroutine(layer, next), attempt(*layer.api, of, executor) {}
  LayerCoroutine coroutine;
  AsyncAttempt attempt;
};

inline void start_layer(void* user, conduit_attempt* attempt, void* io_context,
                        conduit_next* next) noexcept {
  const Layer& layer = *static_cast<const Layer*>(user);
  auto& loop = *static_cast<boost::asio::io_context*>(io_context);
  know_loop(*layer.api, loop);
  const auto strand = boost::asio::make_strand(loop.get_executor());
  const auto running = std::make_shared<RunningLayer>(layer, attempt, next, strand);
  AsyncAttempt::begin({running, &running->attempt}, running->coroutine);
}

}  // namespace conduit::detail

#endif
