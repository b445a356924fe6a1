#pragma once
// Context::async_submit: a request to the host as an awaitable. Include <conduit/async.hpp>, not
// this file.

#include <conduit/context.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace conduit::detail {

/// A coroutine that waits for one answer. Shared by the request, the timer and the cancellation
/// slot; whichever comes first on the handler's executor, on which alone it is touched, completes
/// the handler.
template <class Handler>
class AsyncReply {
 public:
  using Executor = boost::asio::associated_executor_t<Handler>;

  explicit AsyncReply(Handler handler)
      : executor_(boost::asio::get_associated_executor(handler)),
        timer_(executor_, boost::asio::steady_timer::time_point::max()),
        handler_(std::move(handler)) {}

  static void arm(const std::shared_ptr<AsyncReply>& self, bool patient) {
    if (!patient) self->timer_.expires_after(kReplyTimeout);
    // The timer is also what keeps a loop running that has nothing else to do.
    self->timer_.async_wait([self](const boost::system::error_code& aborted) {
      if (!aborted) self->finish({}, Reply{{}, "no answer in 30 seconds"});
    });
    auto slot = boost::asio::get_associated_cancellation_slot(*self->handler_);
    if (!slot.is_connected()) return;
    slot.assign([self](boost::asio::cancellation_type) {
      // Not completed inside the emission, which is still using what the handler owns.
      boost::asio::post(self->executor_,
                        [self] { self->finish(boost::asio::error::operation_aborted, {}); });
    });
  }
  /// From any thread.
  static void answer(const std::shared_ptr<AsyncReply>& self, Reply reply) {
    boost::asio::post(self->executor_, [self, reply = std::move(reply)]() mutable {
      self->finish({}, std::move(reply));
    });
  }

 private:
  void finish(boost::system::error_code error, Reply reply) {
    if (!handler_) return;
    Handler handler = std::move(*handler_);
    handler_.reset();
    boost::asio::get_associated_cancellation_slot(handler).clear();
    timer_.cancel();
    std::move(handler)(error, std::move(reply));
  }

  Executor executor_;
  boost::asio::steady_timer timer_;
  std::optional<Handler> handler_;
};

struct AsyncSupport {
  /// One request. Cancelled with the coroutine; the request itself goes on then.
  static boost::asio::awaitable<Reply> ask(Context& context, Request request) {
    auto send = [&context, &request](auto handler) {
      using Answer = AsyncReply<decltype(handler)>;
      const auto answer = std::make_shared<Answer>(std::move(handler));
      Answer::arm(answer, request.patient);
      PendingSubmits::send(context, request.kind, request.payload, [answer](Reply reply) {
        Answer::answer(answer, std::move(reply));
      });
    };
    // Both named: see "The compiler trap" in the README.
    auto answered = boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                                void(boost::system::error_code, Reply)>(
        send, boost::asio::use_awaitable);
    co_return co_await std::move(answered);
  }

  static boost::asio::awaitable<std::string> submit(Context& context, std::string task, Json args,
                                                    SubmitOptions options) {
    Request request{CONDUIT_CALL_SUBMIT, job_object(task, args, options).dump()};
    Reply reply = co_await ask(context, std::move(request));
    co_return submitted_id(std::move(reply), task);
  }

  template <class Steps>
  static auto run(Context& context, Steps steps, std::string_view doing)
      -> boost::asio::awaitable<decltype(std::move(steps).done())> {
    while (auto request = steps.next()) {
      Request sent = *request;
      const Reply reply = co_await ask(context, std::move(sent));
      check_answer(context, *request, reply, doing);
      steps.take(reply.payload);
    }
    co_return std::move(steps).done();
  }

  static boost::asio::awaitable<std::vector<JobEnd>> map(Context& context, SubmitSteps steps, WaitOptions options) {
    auto ids = co_await run(context, std::move(steps), "submitting jobs");
    AllSteps all(std::move(ids), options);
    co_return co_await run(context, std::move(all), "waiting for jobs");
  }

  static boost::asio::awaitable<Triggered> trigger(Context& context, std::string event, Json payload,
                                                   TriggerOptions options) {
    Request request{CONDUIT_CALL_TRIGGER, event_object(event, payload, options).dump()};
    const Reply reply = co_await ask(context, std::move(request));
    co_return triggered(reply, event);
  }
};

}  // namespace conduit::detail
