#include "base/wakeup.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace conduitd {

boost::asio::awaitable<void> Wakeup::wait_until(SteadyTime when) {
  const Clock::Alarm alarm(clock_, timer_, when);
  boost::system::error_code woken;
  co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
}

}  // namespace conduitd
