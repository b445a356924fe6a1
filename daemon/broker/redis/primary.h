#pragma once
// Finds the server to connect to: the one of the URL, or the one that the sentinels name.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "base/clock.h"
#include "broker/redis/resp.h"
#include "broker/redis/sentinel.h"
#include "broker/redis/transport.h"
#include "base/broker_url.h"

namespace conduitd::broker::redis {

/// Sends commands over a connection that nobody else uses and waits for all replies, at most for `timeout`. What goes
/// wrong is an Error of `server`; the transport is of no more use then.
boost::asio::awaitable<Result<std::vector<Reply>>> converse(boost::asio::any_io_executor executor,
                                                            std::shared_ptr<Transport> transport, Reader& reader,
                                                            Pipeline commands, Millis timeout, std::string server);

/// Asks one sentinel after the other. Without sentinels it is `endpoint` itself.
boost::asio::awaitable<Result<RedisEndpoint>> find_primary(boost::asio::any_io_executor executor, RedisEndpoint endpoint,
                                                      SentinelOrder& order, Millis timeout);

}  // namespace conduitd::broker::redis
