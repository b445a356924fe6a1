#pragma once
// One connection to a server that comes back by itself: pipelined commands, each batch with a deadline.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task_group.h"
#include "broker/redis/backoff.h"
#include "broker/redis/resp.h"
#include "broker/redis/sentinel.h"
#include "broker/redis/transport.h"
#include "base/broker_url.h"

namespace conduitd::broker::redis {

/// A connection to one server, or to the primary that sentinels name, asked anew for each dial. Owned by the broker; a call made before it is connected waits for that a while.
///
/// Thread: the executor's. Several calls may be under way; replies come back in order.
/// Stop: close() ends every call with Errc::cancelled. It must have completed before destruction.
/// Failure: exec() gives Errc::unavailable when the connection is lost under it, Errc::timed_out when its deadline
/// passes (the connection is then given up, as nobody knows what the late reply belongs to), Errc::refused when the
/// server does not let us in. It dials only while somebody wants it, never more often than Backoff says.
class Connection {
 public:
  Connection(boost::asio::any_io_executor executor, RedisEndpoint endpoint, std::string client_name, Millis timeout);

  /// Sends all commands in one write and waits for all replies. Error replies are replies.
  /// `extra` is added to the deadline: how long a blocking command may block.
  boost::asio::awaitable<Result<std::vector<Reply>>> exec(Pipeline commands, Millis extra = Millis{0});

  /// Waits until there is a connection, as exec() does first: after an error nothing was sent.
  boost::asio::awaitable<Result<>> ready();
  /// Asked before each dial where to: for one that follows what moves. Call before the first use.
  void aim(std::function<RedisEndpoint()> target) { target_ = std::move(target); }

  /// Turns this into a listener: every message of a subscription goes to `handler`. Call before the first use.
  /// `subscriptions` is asked after each connect for the commands to send; nothing means: stay away.
  void listen(std::function<void(ReplyView)> handler, std::function<Pipeline()> subscriptions);
  /// For a listener: sends commands whose replies go to the handler; dials if there is no connection.
  void push(Pipeline commands);

  [[nodiscard]] bool usable() const;
  [[nodiscard]] const std::string& server() const { return server_; }
  /// Gives the present connection up; the next call dials anew.
  void drop(const Error& why);

  boost::asio::awaitable<void> close();

 private:
  struct Request;
  struct Session;

  boost::asio::awaitable<void> keep_connected();
  boost::asio::awaitable<Result<>> wait_until_connected();
  [[nodiscard]] bool needed() const;
  void tell_waiters();
  boost::asio::awaitable<void> serve(std::shared_ptr<Session> session);
  static void fail_requests(Session& session, const Error& why);
  boost::asio::awaitable<Result<std::shared_ptr<Session>>> establish();
  boost::asio::awaitable<Result<>> introduce(std::shared_ptr<Session> session, std::string server);
  boost::asio::awaitable<void> write_all(std::shared_ptr<Session> session);
  boost::asio::awaitable<Error> read_all(std::shared_ptr<Session> session);
  Result<> take_replies(Session& session);
  void want();

  boost::asio::any_io_executor executor_;
  RedisEndpoint endpoint_;
  std::string server_;
  std::string client_name_;
  Millis timeout_;
  SentinelOrder sentinels_;
  std::minstd_rand random_{std::random_device{}()};
  Backoff backoff_;
  std::function<RedisEndpoint()> target_;
  std::function<void(ReplyView)> handler_;
  std::function<Pipeline()> subscriptions_;

  std::shared_ptr<Session> session_;
  std::optional<Error> last_error_;   ///< why there is no session
  bool wanted_ = false;
  bool running_ = false;
  bool closed_ = false;
  std::size_t failed_dials_ = 0;
  std::list<boost::asio::steady_timer> waiters_;  ///< cancelled when session_, last_error_ or closed_ change
  TaskGroup tasks_;
};

}  // namespace conduitd::broker::redis
