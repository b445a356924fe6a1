#include "base/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <exception>
#include <list>

#include "base/assert.h"

namespace asio = boost::asio;

namespace conduitd {

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
  std::abort();
}

struct TaskGroup::State {
  explicit State(asio::any_io_executor ex) : executor(std::move(ex)), idle(executor) {
    idle.expires_at(asio::steady_timer::time_point::max());
  }

  asio::any_io_executor executor;
  std::list<asio::cancellation_signal> signals;  // one for each running coroutine
  asio::steady_timer idle;                       // cancelled when the last one ends
  bool stopping = false;
};

namespace {

void report(const char* name, const std::exception_ptr& failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) return;
    std::fprintf(stderr, "coroutine '%s' failed: %s\n", name, error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "coroutine '%s' failed: %s\n", name, error.what());
  } catch (...) {
    std::fprintf(stderr, "coroutine '%s' failed\n", name);
  }
  std::abort();
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() { CONDUIT_ASSERT(state_->signals.empty()); }

void TaskGroup::spawn(const char* name, asio::awaitable<void> work) {
  if (state_->stopping) return;
  const auto position = state_->signals.emplace(state_->signals.end());
  // The state outlives the group while the last completion handlers are on their way.
  auto done = [state = state_, position, name](const std::exception_ptr& failure) {
    report(name, failure);
    state->signals.erase(position);
    if (state->signals.empty()) state->idle.cancel();
  };
  asio::co_spawn(state_->executor, std::move(work),
                 asio::bind_cancellation_slot(position->slot(), std::move(done)));
}

asio::awaitable<void> TaskGroup::wait_idle() {
  const auto state = state_;
  while (!state->signals.empty()) {
    boost::system::error_code woken;
    co_await state->idle.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    const auto cancelled = co_await asio::this_coro::cancellation_state;
    if (cancelled.cancelled() != asio::cancellation_type::none) co_return;
  }
}

asio::awaitable<void> TaskGroup::stop() {
  const auto state = state_;
  state->stopping = true;
  // A coroutine may be between two waits when it is cancelled once, so cancel until all have ended.
  while (!state->signals.empty()) {
    // Emitting may end a coroutine and erase its signal: walk a copy of the positions.
    for (auto it = state->signals.begin(); it != state->signals.end();) {
      auto& signal = *it++;
      signal.emit(asio::cancellation_type::terminal);
    }
    asio::steady_timer pause(state->executor, std::chrono::milliseconds(1));
    boost::system::error_code ignored;
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

std::size_t TaskGroup::size() const noexcept { return state_->signals.size(); }
bool TaskGroup::stopping() const noexcept { return state_->stopping; }

}  // namespace conduitd
