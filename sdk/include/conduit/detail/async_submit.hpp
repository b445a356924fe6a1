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
        timer_(executor_, kReplyTimeout),
        handler_(std::move(handler)) {}

  static void arm(const std::shared_ptr<AsyncReply>& self) {
    // The timer is also what keeps a loop running that has nothing else to do.
    self->timer_.async_wait([self](const boost::system::error_code& aborted) {
      if (!aborted) self->finish({}, SubmitReply{{}, "no answer in 30 seconds"});
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
  static void answer(const std::shared_ptr<AsyncReply>& self, SubmitReply reply) {
    boost::asio::post(self->executor_, [self, reply = std::move(reply)]() mutable {
      self->finish({}, std::move(reply));
    });
  }

 private:
  void finish(boost::system::error_code error, SubmitReply reply) {
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
  static boost::asio::awaitable<std::string> submit(Context& context, std::string task, Json args,
                                                    SubmitOptions options) {
    const std::string payload = job_object(task, args, options).dump();
    auto request = [&context, &payload](auto handler) {
      using Reply = AsyncReply<decltype(handler)>;
      const auto reply = std::make_shared<Reply>(std::move(handler));
      Reply::arm(reply);
      PendingSubmits::send(context, payload, [reply](SubmitReply answer) {
        Reply::answer(reply, std::move(answer));
      });
    };
    // Both named: see "The compiler trap" in the README.
    auto answered = boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                                void(boost::system::error_code, SubmitReply)>(
        request, boost::asio::use_awaitable);
    SubmitReply reply = co_await std::move(answered);
    co_return std::move(reply).take(task);
  }
};

}  // namespace conduit::detail
