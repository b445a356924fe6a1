#pragma once
// The broker on Redis 7.0 Streams. See README.md in this folder for the keys.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "broker/open.h"

namespace conduitd::broker {

/// Opens redis://, rediss://, redis+unix:// and redis(s)-sentinel:// URLs: connects, logs in and looks at the server's version.
/// Errors as open(). `clock` must outlive the broker.
boost::asio::awaitable<Result<Connection>> open_redis(boost::asio::any_io_executor executor, Clock& clock, Options options);

}  // namespace conduitd::broker
