#pragma once
// TaskGroup: the owner of coroutines. Declare it last in the class whose members its coroutines use.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <memory>
#include <string>

namespace conduitd {

/// Runs coroutines and knows when the last one has ended.
///
/// Thread: everything happens on `executor`, which must be single-threaded or a strand.
/// Stop: `stop()` refuses new work, cancels what runs and completes when all of it has ended; it may be
/// called before anything was spawned and more than once. Destroying a busy group is a bug and aborts.
/// Failure: a coroutine that ends by cancellation ends quietly; any other exception is a bug and aborts.
class TaskGroup {
 public:
  explicit TaskGroup(boost::asio::any_io_executor executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  /// Starts `work`, which the group now owns. After `stop()` began, `work` is dropped unstarted.
  /// `name` appears in the message if it fails; it must be a string literal.
  void spawn(const char* name, boost::asio::awaitable<void> work);

  boost::asio::awaitable<void> stop();
  /// Completes when nothing is running any more, without cancelling anything.
  boost::asio::awaitable<void> wait_idle();

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] bool stopping() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace conduitd
