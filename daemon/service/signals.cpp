#include "service/signals.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <optional>
#include <utility>

namespace asio = boost::asio;

namespace conduitd::service {

/// Shared with the handler that is on its way when Signals goes.
struct Signals::State {
  explicit State(const asio::any_io_executor& executor) : signals(executor), arrived(executor) {
    arrived.expires_at(asio::steady_timer::time_point::max());
  }

  static void listen(const std::shared_ptr<State>& state) {
    state->signals.async_wait([state](const boost::system::error_code& failed, int number) {
      if (failed) return;  // closed
      state->came(number);
      listen(state);
    });
  }

  void came(int number) {
    if (number == SIGHUP) {
      reload = true;
    } else if (asked_to_stop < 2) {
      ++asked_to_stop;
    }
    arrived.cancel();
  }

  std::optional<Request> take() {
    if (said_to_stop < asked_to_stop) return ++said_to_stop == 1 ? Request::drain : Request::hurry;
    if (said_to_stop == 0 && std::exchange(reload, false)) return Request::reload;
    return std::nullopt;
  }

  asio::signal_set signals;
  asio::steady_timer arrived;  // cancelled when a signal comes
  bool reload = false;
  int asked_to_stop = 0;
  int said_to_stop = 0;
};

Signals::Signals(std::shared_ptr<State> state) : state_(std::move(state)) {}
Signals::Signals(Signals&&) noexcept = default;
Signals& Signals::operator=(Signals&&) noexcept = default;

Signals::~Signals() {
  if (!state_) return;
  boost::system::error_code ignored;
  state_->signals.cancel(ignored);
}

Result<Signals> Signals::open(asio::any_io_executor executor) {
  auto state = std::make_shared<State>(executor);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    boost::system::error_code failed;
    state->signals.add(number, failed);
    if (failed) return Error(failed, "take over signals");
  }
  State::listen(state);
  return Signals(std::move(state));
}

asio::awaitable<Request> Signals::next() {
  const auto state = state_;
  while (true) {
    if (const auto request = state->take()) co_return *request;
    boost::system::error_code woken;
    co_await state->arrived.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

}  // namespace conduitd::service
