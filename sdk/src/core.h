#pragma once
// The client's inside: a thread with an event loop, on it a broker, and the calls on their way to it.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/task_group.h"
#include "broker/open.h"
#include "gate.h"
#include "reply.h"
#include "routes.h"

namespace conduit::detail {

/// Where a submit stands, seen by the loop and by a caller who runs out of patience.
enum class SubmitStage : std::uint8_t { waiting, sent, withdrawn };
using SharedStage = std::shared_ptr<std::atomic<SubmitStage>>;

/// Jobs that go out together: at most Broker::kMaxBatch.
struct Submit {
  std::vector<conduitd::job::NewJob> jobs;
  SharedStage stage;
  Pass pass;
  Reply<std::vector<conduitd::broker::Enqueued>> reply;
};

/// One run of the client, from start to stop. Owned by Client; made when started and thrown away when stopped.
///
/// Thread: the constructor starts a thread of its own, on which the broker, the coroutines and every reply run; the
/// functions below may be called from any thread and only hand over. Stop: stop(), then destroy it, which waits for the
/// thread to end; not on that thread. Failure: replies carry it. If the broker cannot be opened, the calls waiting for it fail and the next call
/// tries again.
class Core {
 public:
  explicit Core(conduitd::broker::Options options);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  /// Opens the broker if it is not open.
  void open(Reply<bool> reply);
  /// Sends jobs that have passed job::check, but for an empty queue: then it is the task's; together with others that wait at the same time.
  void submit(std::vector<Submit> parts);
  /// The same from the reply to a submit that was accepted, on the core's thread: also while the core stops.
  void submit_more(std::vector<Submit> parts);
  void trigger(conduitd::job::NewEvent event, Reply<conduitd::broker::Triggered> reply);
  void find(std::string id, Reply<std::optional<conduitd::job::JobRecord>> reply);
  /// `number` names the wait for cancel_wait; the caller makes it unique.
  void wait(std::uint64_t number, std::string id, conduitd::Millis timeout,
            Reply<std::optional<conduitd::job::JobRecord>> reply);
  void cancel_wait(std::uint64_t number);
  void cancel(std::string id, Reply<conduitd::broker::CancelOutcome> reply);
  /// Awaits what `begin` gives of the broker, once that is open.
  template <class T>
  using Begin = std::function<boost::asio::awaitable<conduitd::Result<T>>(conduitd::broker::Connection&, Routes&)>;
  template <class T>
  void ask(Begin<T> begin, Reply<T> reply) {
    boost::asio::post(loop_, [this, begin = std::move(begin), reply = std::move(reply)]() mutable {
      work_.spawn("ask", run_ask(std::move(begin), std::move(reply)));
    });
  }

  /// Ends waits at once, lets submits finish for `grace`, cancels what is left, closes the broker; then calls `done`
  /// on the loop, whose thread ends after that. Call once, after every other call.
  void stop(conduitd::Millis grace, std::function<void()> done);

 private:
  /// One attempt to open serves all who wait for it; being cancelled while waiting does not disturb the others.
  boost::asio::awaitable<conduitd::Result<>> ensure_open();
  boost::asio::awaitable<void> open_broker();
  boost::asio::awaitable<void> run_open(Reply<bool> reply);
  boost::asio::awaitable<void> run_submits();
  boost::asio::awaitable<void> run_trigger(conduitd::job::NewEvent event, Reply<conduitd::broker::Triggered> reply);
  boost::asio::awaitable<void> run_find(std::string id, Reply<std::optional<conduitd::job::JobRecord>> reply);
  boost::asio::awaitable<void> run_wait(std::uint64_t number, std::string id, conduitd::Millis timeout,
                                        Reply<std::optional<conduitd::job::JobRecord>> reply);
  boost::asio::awaitable<conduitd::Result<std::optional<conduitd::job::JobRecord>>> wait_for_record(std::string id,
                                                                                                      conduitd::Millis timeout);
  boost::asio::awaitable<void> run_cancel(std::string id, Reply<conduitd::broker::CancelOutcome> reply);
  template <class T>
  boost::asio::awaitable<void> run_ask(Begin<T> begin, Reply<T> reply) {
    const auto opened = co_await ensure_open();
    if (!opened.has_value()) {
      reply.give(opened.error());
      co_return;
    }
    auto asked = begin(connection_, routes_);
    auto answer = co_await std::move(asked);
    reply.give(std::move(answer));
  }
  boost::asio::awaitable<void> run_stop(conduitd::Millis grace, std::function<void()> done);

  /// Takes from the front what makes a full batch, leaving out what was withdrawn.
  std::vector<Submit> take_batch();

  conduitd::SystemClock clock_;
  conduitd::broker::Options options_;
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_;

  // On the loop only:
  conduitd::broker::Connection connection_;
  bool opening_ = false;
  std::optional<conduitd::Error> open_error_;  // why the last attempt to open failed
  boost::asio::steady_timer opened_;           // cancelled when an attempt to open has ended, for those who wait for it
  Routes routes_;
  std::deque<Submit> submits_;
  bool submitting_ = false;
  std::unordered_map<std::uint64_t, std::unique_ptr<boost::asio::steady_timer>> waits_;  // cancelling ends the wait
  conduitd::TaskGroup stopping_;
  conduitd::TaskGroup work_;

  std::atomic<bool> stop_begun_ = false;
  std::thread thread_;
};

}  // namespace conduit::detail
