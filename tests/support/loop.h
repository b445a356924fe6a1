#pragma once
// Runs coroutines from a test's ordinary code, each with a deadline.
//   auto claims = run(io, broker.claim(request));          // to its end
//   auto waiting = start(io, broker.claim(request));       // begun, goes on whenever the loop runs
//   run_until(io, [&] { return waiting.done(); });

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <variant>

namespace conduitd::test {

inline constexpr std::chrono::milliseconds kDeadline{10'000};

/// A coroutine under way. Its frame belongs to the io_context.
template <class T>
class Pending {
 public:
  using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
  struct State {
    std::optional<Stored> value;
    std::exception_ptr failure;
    bool done = false;
  };

  [[nodiscard]] bool done() const { return state_->done; }
  /// The value, once done() is true. Throws what the coroutine threw.
  T take() {
    if (state_->failure) std::rethrow_exception(state_->failure);
    if constexpr (!std::is_void_v<T>) return std::move(*state_->value);
  }

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

namespace detail {
// Completion handlers of co_spawn need default-constructible values, which a Result is not.
template <class T>
boost::asio::awaitable<void> keep(boost::asio::awaitable<T> work, std::shared_ptr<typename Pending<T>::State> state) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(work);
  } else {
    state->value.emplace(co_await std::move(work));
  }
}
}  // namespace detail

template <class T>
Pending<T> start(boost::asio::io_context& io, boost::asio::awaitable<T> work) {
  Pending<T> pending;
  boost::asio::co_spawn(io, detail::keep<T>(std::move(work), pending.state_),
                        [state = pending.state_](const std::exception_ptr& failure) {
                          state->failure = failure;
                          state->done = true;
                        });
  return pending;
}

/// Turns the loop until `condition` holds, looking again after every handler. Throws when `deadline` is over.
template <class Condition>
void run_until(boost::asio::io_context& io, const Condition& condition, std::chrono::milliseconds deadline = kDeadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    io.restart();
    if (std::chrono::steady_clock::now() >= end) throw std::runtime_error("the deadline of a wait is over");
    io.run_one_until(std::min(end, std::chrono::steady_clock::now() + std::chrono::milliseconds(100)));
  }
}

/// Turns the loop for as long: to show that something does not happen.
inline void run_for(boost::asio::io_context& io, std::chrono::milliseconds duration) {
  io.restart();
  io.run_for(duration);
}

template <class T>
T finish(boost::asio::io_context& io, Pending<T>& pending, std::chrono::milliseconds deadline = kDeadline) {
  run_until(io, [&] { return pending.done(); }, deadline);
  return pending.take();
}

template <class T>
T run(boost::asio::io_context& io, boost::asio::awaitable<T> work, std::chrono::milliseconds deadline = kDeadline) {
  auto pending = start(io, std::move(work));
  return finish(io, pending, deadline);
}

}  // namespace conduitd::test
