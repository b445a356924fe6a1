#pragma once
// A byte stream to a server: TCP, Unix socket or TLS. Knows nothing of Redis.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/broker_url.h"

namespace conduitd::broker::redis {

/// Thread: the executor's. One read and one write may be under way at once.
/// Failure: any error means the stream is of no more use. close() ends what is under way with Errc::unavailable.
class Transport {
 public:
  virtual ~Transport() = default;
  /// Some bytes, at least one.
  virtual boost::asio::awaitable<Result<std::size_t>> read(std::span<char> into) = 0;
  /// All of `bytes`, which must stay where they are.
  virtual boost::asio::awaitable<Result<>> write(std::string_view bytes) = 0;
  virtual void close() = 0;
};

/// Connects within `timeout`: name resolution, connect and TLS handshake together.
/// A peer that stops answering at the TCP level is given up after `timeout` too (TCP_USER_TIMEOUT, keepalive).
boost::asio::awaitable<Result<std::shared_ptr<Transport>>> dial(boost::asio::any_io_executor executor, RedisEndpoint endpoint,
                                                                Millis timeout);

}  // namespace conduitd::broker::redis
