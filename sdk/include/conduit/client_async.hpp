#pragma once
// The awaitable twins of conduit::Client's functions, for programs that run an event loop:
//
//   boost::asio::awaitable<void> order(conduit::Client& client) {
//     const std::string id = co_await conduit::async_submit(client, "mail.send", args);
//     const conduit::JobRecord job = co_await conduit::async_wait(client, id, 30s);
//   }
//
// They work from any executor and complete there; the client's own thread never runs code of yours.
// Where Asio takes a completion token so do they, last: use_awaitable (the default), use_future, a
// callback void(std::exception_ptr, T). Errors are the same ClientError as those of the blocking
// functions.
//
// Cancellation. A cancelled wait is withdrawn; a cancelled submit may still be accepted. Both end
// at once with boost::asio::error::operation_aborted.
//
// Write arguments into variables before a co_await: g++ 12 destroys braced temporaries in such an
// expression twice.
//
// The client must live until these have completed, which they have when async_stop() has.

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <conduit/client.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace conduit {

namespace detail {

/// What this header may use of a Client.
struct ClientAccess {
  static void start(Client& client, Done<bool> done) { client.begin_start(std::move(done)); }
  static void stop(Client& client, Done<bool> done) { client.begin_stop(std::move(done)); }
  static void submit(Client& client, std::vector<JobRequest> jobs,
                     Done<std::vector<Submitted>> done) {
    client.begin_submit(std::move(jobs), std::move(done));
  }
  static void submit_batch(Client& client, std::vector<JobRequest> jobs, BatchOptions options,
                           Done<SubmittedBatch> done) {
    client.begin_batch(std::move(jobs), std::move(options), std::move(done));
  }
  static void trigger(Client& client, std::string event, Json payload, TriggerOptions options,
                      Done<Triggered> done) {
    client.begin_trigger(std::move(event), std::move(payload), std::move(options), std::move(done));
  }
  static std::uint64_t wait(Client& client, const std::string& id,
                            std::chrono::milliseconds timeout, Done<JobRecord> done) {
    return client.begin_wait(id, timeout, std::move(done));
  }
  static void end_wait(Client& client, std::uint64_t number) { client.end_wait(number); }
  static void find(Client& client, const std::string& id, Done<std::optional<JobRecord>> done) {
    client.begin_find(id, std::move(done));
  }
  static void cancel(Client& client, const std::string& id, Done<CancelOutcome> done) {
    client.begin_cancel(id, std::move(done));
  }
  static void add_schedule(Client& client, const Schedule& schedule, Done<ScheduleRecord> done) {
    client.begin_add_schedule(schedule, std::move(done));
  }
  static void schedules(Client& client, Done<std::vector<ScheduleRecord>> done) {
    client.begin_schedules(std::move(done));
  }
  static void find_schedule(Client& client, const std::string& name,
                            Done<std::optional<ScheduleRecord>> done) {
    client.begin_find_schedule(name, std::move(done));
  }
  static void run_schedule(Client& client, const std::string& name, Done<std::string> done) {
    client.begin_run_schedule(name, std::move(done));
  }
  static void pause_schedule(Client& client, const std::string& name, bool paused,
                             Done<bool> done) {
    client.begin_pause_schedule(name, paused, std::move(done));
  }
  static void remove_schedule(Client& client, const std::string& name, Done<bool> done) {
    client.begin_remove_schedule(name, std::move(done));
  }
};

/// One call on its way: carries the answer from the client's thread to the caller's executor, once.
template <class Handler, class... T>
class AsyncCall {
  using Executor = boost::asio::associated_executor_t<Handler>;

 public:
  explicit AsyncCall(Handler handler)
      : guard_(boost::asio::get_associated_executor(handler)), handler_(std::move(handler)) {}

  /// Any thread; only the first one counts.
  static void complete(const std::shared_ptr<AsyncCall>& call, std::exception_ptr error,
                       T... values) {
    if (call->completed_.exchange(true)) return;
    call->answer_.emplace(std::move(error), std::move(values)...);
    post(call);
    call->posted_ = true;
  }
  /// Lets the caller's cancellation end the call. To be called before the call has begun.
  static void listen(const std::shared_ptr<AsyncCall>& call, Client& client) {
    auto slot = boost::asio::get_associated_cancellation_slot(*call->handler_);
    if (!slot.is_connected()) return;
    slot.assign([call, &client](boost::asio::cancellation_type type) {
      if (type == boost::asio::cancellation_type::none || call->completed_) return;
      // First the answer, then the withdrawal: the client answers a withdrawn wait too, and must
      // not be the first. Completing may destroy this function, so what is used later is copied.
      const auto mine = call;
      Client& on = client;
      const boost::system::system_error aborted(boost::asio::error::operation_aborted);
      complete(mine, std::make_exception_ptr(aborted), T{}...);
      if (mine->wait_ != 0) ClientAccess::end_wait(on, mine->wait_);
    });
  }
  /// The client's number for the call, if it is a wait.
  void set_wait(std::uint64_t number) { wait_ = number; }

 private:
  static void post(const std::shared_ptr<AsyncCall>& call) {
    boost::asio::post(call->guard_.get_executor(), [call] { deliver(call); });
  }
  /// On the caller's executor.
  static void deliver(const std::shared_ptr<AsyncCall>& call) {
    // Asio wakes the loop after handing over, when the loop may be here already: wait for that to be over, because the
    // handler may be the loop's last, and the loop destroyed after it.
    if (!call->posted_) {
      std::this_thread::yield();
      return post(call);
    }
    auto handler = std::move(*call->handler_);
    auto answer = std::move(*call->answer_);
    call->handler_.reset();
    call->answer_.reset();
    boost::asio::get_associated_cancellation_slot(handler).clear();
    call->guard_.reset();
    std::apply(std::move(handler), std::move(answer));
  }

  boost::asio::executor_work_guard<Executor> guard_;
  std::optional<Handler> handler_;  // none once it has been called
  std::optional<std::tuple<std::exception_ptr, T...>> answer_;
  std::atomic<bool> completed_ = false;
  std::atomic<bool> posted_ = false;
  std::atomic<std::uint64_t> wait_ = 0;
};

/// Begins a call by begin(done), done being a Done<Answer>, which returns the number of a wait or
/// 0. Completes `token` with the error and what translate(answer) gives: a tuple of T...
template <class Answer, class... T, class Begin, class Translate, class Token>
auto async_call(Client& client, Begin begin, Translate translate, Token&& token) {
  return boost::asio::async_initiate<Token, void(std::exception_ptr, T...)>(
      [](auto handler, Client* on, Begin start, Translate to) {
        using Call = AsyncCall<decltype(handler), T...>;
        const auto call = std::make_shared<Call>(std::move(handler));
        Call::listen(call, *on);
        call->set_wait(start([call, to](std::exception_ptr error, Answer answer) {
          std::apply(
              [&](T... values) { Call::complete(call, std::move(error), std::move(values)...); },
              to(std::move(answer)));
        }));
      },
      token, &client, std::move(begin), std::move(translate));
}

/// The same of a call that is not withdrawn, and completes with what it answers.
template <class Answer, class Begin, class Token>
auto async_answer(Client& client, Begin begin, Token&& token) {
  return async_call<Answer, Answer>(
      client,
      [begin = std::move(begin)](Done<Answer> done) {
        begin(std::move(done));
        return std::uint64_t{0};
      },
      [](Answer answer) { return std::tuple(std::move(answer)); }, token);
}
/// The same of one that answers nothing.
template <class Begin, class Token>
auto async_done(Client& client, Begin begin, Token&& token) {
  return async_call<bool>(
      client,
      [begin = std::move(begin)](Done<bool> done) {
        begin(std::move(done));
        return std::uint64_t{0};
      },
      [](bool) { return std::tuple<>(); }, token);
}

}  // namespace detail

/// Client::start().
template <class Token = boost::asio::use_awaitable_t<>>
auto async_start(Client& client, Token&& token = {}) {
  return detail::async_done(
      client,
      [&client](detail::Done<bool> done) {
        detail::ClientAccess::start(client, std::move(done));
      },
      token);
}

/// Client::stop(). When it completes, every other call has completed or is about to.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_stop(Client& client, Token&& token = {}) {
  return detail::async_done(
      client,
      [&client](detail::Done<bool> done) {
        detail::ClientAccess::stop(client, std::move(done));
      },
      token);
}

/// Client::submit(). Gives the job's id.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_submit(Client& client, std::string task, Json args = Json::object(),
                  SubmitOptions options = {}, Token&& token = {}) {
  std::vector<JobRequest> jobs;
  jobs.push_back({std::move(task), std::move(args), std::move(options)});
  return detail::async_call<std::vector<Submitted>, std::string>(
      client,
      [&client, jobs = std::move(jobs)](detail::Done<std::vector<Submitted>> done) mutable {
        detail::ClientAccess::submit(client, std::move(jobs),
                                     detail::rejection_is_error(std::move(done)));
        return std::uint64_t{0};
      },
      [](std::vector<Submitted> answer) {
        return std::tuple(answer.empty() ? std::string() : std::move(answer.front().id));
      },
      token);
}

/// Client::submit_bulk().
template <class Token = boost::asio::use_awaitable_t<>>
auto async_submit_bulk(Client& client, std::vector<JobRequest> jobs, Token&& token = {}) {
  return detail::async_call<std::vector<Submitted>, std::vector<Submitted>>(
      client,
      [&client, jobs = std::move(jobs)](detail::Done<std::vector<Submitted>> done) mutable {
        detail::ClientAccess::submit(client, std::move(jobs), std::move(done));
        return std::uint64_t{0};
      },
      [](std::vector<Submitted> answer) { return std::tuple(std::move(answer)); }, token);
}

/// Client::submit_batch(). Gives the SubmittedBatch.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_submit_batch(Client& client, std::vector<JobRequest> jobs, BatchOptions options,
                        Token&& token = {}) {
  return detail::async_call<SubmittedBatch, SubmittedBatch>(
      client,
      [&client, jobs = std::move(jobs),
       options = std::move(options)](detail::Done<SubmittedBatch> done) mutable {
        detail::ClientAccess::submit_batch(client, std::move(jobs), std::move(options),
                                           std::move(done));
        return std::uint64_t{0};
      },
      [](SubmittedBatch batch) { return std::tuple(std::move(batch)); }, token);
}

/// Client::trigger(). Gives the Triggered.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_trigger(Client& client, std::string event, Json payload = Json::object(),
                   TriggerOptions options = {}, Token&& token = {}) {
  return detail::async_call<Triggered, Triggered>(
      client,
      [&client, event = std::move(event), payload = std::move(payload),
       options = std::move(options)](detail::Done<Triggered> done) mutable {
        detail::ClientAccess::trigger(client, std::move(event), std::move(payload),
                                      std::move(options), std::move(done));
        return std::uint64_t{0};
      },
      [](Triggered triggered) { return std::tuple(std::move(triggered)); }, token);
}

/// Client::wait(). Gives the JobRecord.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_wait(Client& client, std::string id, std::chrono::milliseconds timeout,
                Token&& token = {}) {
  return detail::async_call<JobRecord, JobRecord>(
      client,
      [&client, id = std::move(id), timeout](detail::Done<JobRecord> done) {
        return detail::ClientAccess::wait(client, id, timeout, std::move(done));
      },
      [](JobRecord record) { return std::tuple(std::move(record)); }, token);
}

/// Client::find(). Gives an std::optional<JobRecord>.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_find(Client& client, std::string id, Token&& token = {}) {
  using Found = std::optional<JobRecord>;
  return detail::async_answer<Found>(
      client,
      [&client, id = std::move(id)](detail::Done<Found> done) {
        detail::ClientAccess::find(client, id, std::move(done));
      },
      token);
}

/// Client::cancel(). Gives the CancelOutcome.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_cancel(Client& client, std::string id, Token&& token = {}) {
  return detail::async_answer<CancelOutcome>(
      client,
      [&client, id = std::move(id)](detail::Done<CancelOutcome> done) {
        detail::ClientAccess::cancel(client, id, std::move(done));
      },
      token);
}

/// Client::add_schedule(). Gives the ScheduleRecord.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_add_schedule(Client& client, Schedule schedule, Token&& token = {}) {
  return detail::async_answer<ScheduleRecord>(
      client,
      [&client, schedule = std::move(schedule)](detail::Done<ScheduleRecord> done) {
        detail::ClientAccess::add_schedule(client, schedule, std::move(done));
      },
      token);
}

/// Client::schedules(). Gives a std::vector<ScheduleRecord>.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_schedules(Client& client, Token&& token = {}) {
  return detail::async_answer<std::vector<ScheduleRecord>>(
      client,
      [&client](detail::Done<std::vector<ScheduleRecord>> done) {
        detail::ClientAccess::schedules(client, std::move(done));
      },
      token);
}

/// Client::find_schedule(). Gives a std::optional<ScheduleRecord>.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_find_schedule(Client& client, std::string name, Token&& token = {}) {
  return detail::async_answer<std::optional<ScheduleRecord>>(
      client,
      [&client, name = std::move(name)](detail::Done<std::optional<ScheduleRecord>> done) {
        detail::ClientAccess::find_schedule(client, name, std::move(done));
      },
      token);
}

/// Client::run_schedule(). Gives the job's id.
template <class Token = boost::asio::use_awaitable_t<>>
auto async_run_schedule(Client& client, std::string name, Token&& token = {}) {
  return detail::async_answer<std::string>(
      client,
      [&client, name = std::move(name)](detail::Done<std::string> done) {
        detail::ClientAccess::run_schedule(client, name, std::move(done));
      },
      token);
}

/// Client::pause_schedule().
template <class Token = boost::asio::use_awaitable_t<>>
auto async_pause_schedule(Client& client, std::string name, Token&& token = {}) {
  return detail::async_done(
      client,
      [&client, name = std::move(name)](detail::Done<bool> done) {
        detail::ClientAccess::pause_schedule(client, name, true, std::move(done));
      },
      token);
}

/// Client::resume_schedule().
template <class Token = boost::asio::use_awaitable_t<>>
auto async_resume_schedule(Client& client, std::string name, Token&& token = {}) {
  return detail::async_done(
      client,
      [&client, name = std::move(name)](detail::Done<bool> done) {
        detail::ClientAccess::pause_schedule(client, name, false, std::move(done));
      },
      token);
}

/// Client::remove_schedule().
template <class Token = boost::asio::use_awaitable_t<>>
auto async_remove_schedule(Client& client, std::string name, Token&& token = {}) {
  return detail::async_done(
      client,
      [&client, name = std::move(name)](detail::Done<bool> done) {
        detail::ClientAccess::remove_schedule(client, name, std::move(done));
      },
      token);
}

}  // namespace conduit
