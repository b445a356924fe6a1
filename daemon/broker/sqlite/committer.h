#pragma once
// The thread that owns a connection. Operations that wait while it works become one transaction: group commit.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "broker/sqlite/store.h"

namespace conduitd::broker::sqlite {

/// Runs operations in transactions, in the order they were given, and calls their waiters once what they did is on disk.
///
/// Thread: run(), nudge() and stop() belong to the executor; work runs on the committer's own thread and must not touch
/// anything but its Store and its captures. Stop: stop() finishes what was accepted, closes the connection and joins.
/// Failure: an operation that fails leaves no trace, the others of its group are not touched; if the transaction fails,
/// all of the group fail.
class Committer {
 public:
  struct Hooks {
    /// Called on the executor after each commit that had effects.
    std::function<void(Effects&&)> on_effects;
    /// Called on the thread before each transaction; an error refuses it.
    std::function<Result<>()> check;
  };

  /// Starts the thread, which owns `store` from now on. `writes` is false for a connection that only looks.
  Committer(boost::asio::any_io_executor executor, std::unique_ptr<Store> store, bool writes, Hooks hooks);
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  boost::asio::awaitable<void> stop();

  /// Runs `work` in a transaction. Errc::cancelled after stop(), Errc::unavailable when too many wait already.
  template <class T>
  boost::asio::awaitable<Result<T>> run(std::function<Result<T>(Store&)> work) {
    const auto initiate = [this](auto handler, std::function<Result<T>(Store&)> todo) {
      submit(std::make_unique<Typed<T, decltype(handler)>>(executor_, std::move(handler), std::move(todo)));
    };
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(Result<T>)>(
        initiate, boost::asio::use_awaitable, std::move(work));
  }

  /// Looks whether others have committed, and tells by Effects::others_wrote.
  void nudge();

 private:
  static constexpr std::size_t kMostWaiting = 4'096;  // operations; each comes from a coroutine that waits for it
  static constexpr std::size_t kGroup = 64;           // operations in one transaction
  static constexpr int kLogPages = 4'000;             // of the write-ahead log, 16 MB: then it is moved into the file

  class Operation {
   public:
    virtual ~Operation() = default;
    virtual Result<> perform(Store& store) = 0;  // on the thread
    virtual void fail(const Error& error) = 0;   // the transaction was not committed
    virtual void complete() = 0;                 // on the executor
  };
  using Group = std::vector<std::unique_ptr<Operation>>;

  template <class T, class Handler>
  class Typed final : public Operation {
   public:
    Typed(const boost::asio::any_io_executor& executor, Handler handler, std::function<Result<T>(Store&)> work)
        : guard_(executor), handler_(std::move(handler)), work_(std::move(work)) {}
    Result<> perform(Store& store) override {
      result_.emplace(work_(store));
      if (!result_->has_value()) return result_->error();
      return ok();
    }
    void fail(const Error& error) override { result_.emplace(error); }
    void complete() override { std::move(handler_)(std::move(*result_)); }

   private:
    boost::asio::executor_work_guard<boost::asio::any_io_executor> guard_;
    Handler handler_;
    std::function<Result<T>(Store&)> work_;
    std::optional<Result<T>> result_;
  };

  void submit(std::unique_ptr<Operation> operation);
  void thread_main();
  /// Nothing once the thread should end.
  std::optional<Group> next_group();
  Result<> transact(Group& group, Effects& effects);
  Result<> perform_all(Group& group, Effects& effects);
  Result<> perform_one(Operation& operation, bool alone, Effects& effects);
  void keep_log_short();
  Result<> look_around(Effects& effects);
  void deliver(Group group, Effects effects);

  boost::asio::any_io_executor executor_;
  const bool writes_;
  const std::shared_ptr<const Hooks> hooks_;
  bool closed_ = false;                // the executor's
  std::unique_ptr<Store> store_;       // the thread's
  std::int64_t data_version_ = -1;     // the thread's
  std::string paused_;                 // the thread's: the pauses others may have changed
  int checkpoint_at_ = kLogPages;      // the thread's
  std::optional<Error> broken_;        // the thread's: why nothing works any more

  std::mutex mutex_;                   // guards the three below the condition
  std::condition_variable wake_;
  std::vector<std::unique_ptr<Operation>> waiting_;
  bool look_ = false;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace conduitd::broker::sqlite
