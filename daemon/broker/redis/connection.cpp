#include "broker/redis/connection.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "broker/redis/primary.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

// More than this under way at once is a caller that does not wait for replies.
constexpr std::size_t kMostRequests = 4'096;
constexpr std::size_t kMostUnsent = std::size_t{256} * 1024 * 1024;
constexpr std::size_t kReadSize = std::size_t{64} * 1024;
// How long a call waits for a connection that is not there; within the time a restarted server needs.
constexpr Millis kPatience{1'000};

asio::awaitable<void> wait_for(asio::steady_timer& timer) {
  boost::system::error_code woken;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

}  // namespace

struct Connection::Request {
  explicit Request(const asio::any_io_executor& executor) : done(executor) {}
  std::string doing;
  std::size_t expected = 0;
  std::vector<Reply> replies;
  std::optional<Error> failure;
  bool finished = false;
  asio::steady_timer done;  ///< its expiry is the deadline

  void finish() {
    finished = true;
    done.cancel();
  }
};

struct Connection::Session {
  Session(std::shared_ptr<Transport> to, const asio::any_io_executor& executor) : transport(std::move(to)), poked(executor) {
    poked.expires_at(asio::steady_timer::time_point::max());
  }
  std::shared_ptr<Transport> transport;
  Reader reader;
  std::string unsent;
  std::deque<std::shared_ptr<Request>> waiting;
  std::optional<Error> failure;
  asio::steady_timer poked;  ///< cancelled when there is something to write, or nothing more ever

  void give_up(const Error& why) {
    if (!failure) failure = why;
    transport->close();
    poked.cancel();
  }
};

Connection::Connection(asio::any_io_executor executor, RedisEndpoint endpoint, std::string client_name, Millis timeout)
    : executor_(std::move(executor)),
      endpoint_(std::move(endpoint)),
      server_(endpoint_.name()),
      client_name_(std::move(client_name)),
      timeout_(timeout),
      sentinels_(endpoint_.sentinels.size()),
      tasks_(executor_) {}

void Connection::listen(std::function<void(ReplyView)> handler, std::function<Pipeline()> subscriptions) {
  handler_ = std::move(handler);
  subscriptions_ = std::move(subscriptions);
}

bool Connection::usable() const { return session_ && !session_->failure; }

bool Connection::needed() const {
  return wanted_ || !waiters_.empty() || (subscriptions_ && !subscriptions_().empty());
}

void Connection::tell_waiters() {
  for (auto& waiter : waiters_) waiter.cancel();
}

void Connection::want() {
  wanted_ = true;
  if (running_ || closed_) return;
  running_ = true;
  tasks_.spawn("redis connection", keep_connected());
}

asio::awaitable<Result<>> Connection::ready() {
  if (closed_) co_return Error(Errc::cancelled, fmt::format("{}: closed", server_));
  if (usable()) co_return ok();
  co_return co_await wait_until_connected();
}

asio::awaitable<Result<std::vector<Reply>>> Connection::exec(Pipeline commands, Millis extra) {
  if (closed_) co_return Error(Errc::cancelled, fmt::format("{}: closed", server_));
  if (commands.empty()) co_return std::vector<Reply>();
  if (!usable()) {
    const auto connected = co_await wait_until_connected();
    // Without the commands' name: nothing of them was the trouble, and the user did not ask for them.
    if (!connected.has_value()) co_return connected.error();
  }
  const auto session = session_;
  if (session->waiting.size() >= kMostRequests || session->unsent.size() >= kMostUnsent) {
    co_return Error(Errc::full, fmt::format("{}: {}: too many calls are under way", server_, commands.name()));
  }
  const auto request = std::make_shared<Request>(executor_);
  request->doing = commands.name();
  request->expected = commands.size();
  request->replies.reserve(commands.size());
  request->done.expires_after(timeout_ + extra);
  if (session->unsent.empty()) {
    session->unsent = std::move(commands.bytes());
  } else {
    session->unsent += commands.bytes();
  }
  session->waiting.push_back(request);
  session->poked.cancel();
  boost::system::error_code woken;
  co_await request->done.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  if (!request->finished) {
    if (woken) {
      co_return Error(Errc::cancelled, fmt::format("{}: {}: cancelled", server_, request->doing));
    }
    Error late(Errc::timed_out,
               fmt::format("{}: {}: no answer within {} ms", server_, request->doing, (timeout_ + extra).count()));
    session->give_up(Error(Errc::unavailable, late.message()));
    co_return late;
  }
  if (request->failure) co_return *request->failure;
  co_return std::move(request->replies);
}

void Connection::push(Pipeline commands) {
  if (closed_) return;
  want();
  if (!session_) return;
  session_->unsent += commands.bytes();
  session_->poked.cancel();
}

void Connection::drop(const Error& why) {
  if (session_) session_->give_up(why);
}

asio::awaitable<Result<>> Connection::wait_until_connected() {
  struct Waiter {
    std::list<asio::steady_timer>& all;
    std::list<asio::steady_timer>::iterator timer;
    ~Waiter() { all.erase(timer); }
  };
  const Waiter waiter{waiters_, waiters_.emplace(waiters_.end(), executor_)};
  waiter.timer->expires_after(std::min(timeout_, kPatience));
  const auto failed_before = failed_dials_;
  want();
  while (!usable() && !closed_) {
    if (failed_dials_ != failed_before && last_error_ && !last_error_->is(Errc::unavailable)) break;
    boost::system::error_code woken;
    co_await waiter.timer->async_wait(asio::redirect_error(asio::use_awaitable, woken));
    if (!woken) break;
  }
  if (closed_) co_return Error(Errc::cancelled, fmt::format("{}: closed", server_));
  if (usable()) co_return ok();
  if (last_error_) co_return *last_error_;
  co_return Error(Errc::unavailable, fmt::format("{}: not connected", server_));
}

asio::awaitable<void> Connection::keep_connected() {
  while (needed() && !closed_) {
    wanted_ = false;
    // Counted from its beginning: a dial that fails by its deadline has been pause enough.
    asio::steady_timer pause(executor_);
    pause.expires_after(backoff_.next(random_));
    auto established = co_await establish();
    if (established.has_value()) {
      co_await serve(std::move(established).value());
      pause.expires_after(backoff_.next(random_));
    } else {
      last_error_ = established.error();
      ++failed_dials_;
    }
    tell_waiters();
    co_await wait_for(pause);
  }
  running_ = false;
}

asio::awaitable<void> Connection::serve(std::shared_ptr<Session> session) {
  session_ = session;
  tasks_.spawn("redis writer", write_all(session));
  if (subscriptions_) push(subscriptions_());
  tell_waiters();
  last_error_ = co_await read_all(session);
  session_.reset();
  session->give_up(*last_error_);
  fail_requests(*session, *last_error_);
}

void Connection::fail_requests(Session& session, const Error& why) {
  for (const auto& request : session.waiting) {
    request->failure = why.within(request->doing);
    request->finish();
  }
  session.waiting.clear();
}

asio::awaitable<Result<std::shared_ptr<Connection::Session>>> Connection::establish() {
  auto wanted = target_ ? target_() : endpoint_;
  const auto target = co_await find_primary(executor_, std::move(wanted), sentinels_, timeout_);
  if (!target.has_value()) co_return target.error();
  auto transport = co_await dial(executor_, target.value(), timeout_);
  if (!transport.has_value()) co_return transport.error();
  auto session = std::make_shared<Session>(std::move(transport).value(), executor_);
  const auto introduced = co_await introduce(session, target.value().name());
  if (introduced.has_value()) co_return session;
  session->transport->close();
  co_return introduced.error();
}

asio::awaitable<Result<>> Connection::introduce(std::shared_ptr<Session> session, std::string server) {
  Pipeline hello;
  if (!endpoint_.username.empty()) {
    hello.add({"AUTH", endpoint_.username, endpoint_.password});
  } else if (!endpoint_.password.empty()) {
    hello.add({"AUTH", endpoint_.password});
  }
  if (endpoint_.db != 0) hello.add({"SELECT", std::to_string(endpoint_.db)});
  const auto first_optional = hello.size();
  // A user whose ACL lacks these can work all the same.
  hello.add({"CLIENT", "SETNAME", client_name_});
  if (!endpoint_.sentinels.empty()) hello.add({"ROLE"});
  const auto replies = co_await converse(executor_, session->transport, session->reader, std::move(hello), timeout_, server);
  if (!replies.has_value()) co_return replies.error();
  for (std::size_t i = 0; i < replies.value().size(); ++i) {
    const auto view = replies.value()[i].view();
    const bool passed_over = i >= first_optional && view.text().starts_with("NOPERM");
    if (!view.is_error() || passed_over) continue;
    const auto user = endpoint_.username.empty() ? "default" : endpoint_.username;
    co_return to_error(view.text(), fmt::format("log in as '{}'", user), server);
  }
  if (endpoint_.sentinels.empty()) co_return ok();
  co_return check_primary(replies.value().back().view(), server);
}

asio::awaitable<void> Connection::write_all(std::shared_ptr<Session> session) {
  std::string sending;
  while (!session->failure) {
    if (session->unsent.empty()) {
      co_await wait_for(session->poked);
      continue;
    }
    sending.clear();
    sending.swap(session->unsent);
    const auto written = co_await session->transport->write(sending);
    if (!written.has_value()) session->give_up(written.error());
  }
}

asio::awaitable<Error> Connection::read_all(std::shared_ptr<Session> session) {
  std::vector<char> buffer(kReadSize);
  for (;;) {
    const auto count = co_await session->transport->read(buffer);
    if (session->failure) co_return *session->failure;
    if (!count.has_value()) co_return count.error().within(server_);
    auto taken = session->reader.feed({buffer.data(), count.value()});
    if (taken.has_value()) taken = take_replies(*session);
    if (!taken.has_value()) co_return Error(Errc::unavailable, fmt::format("{}: {}", server_, taken.error().message()));
  }
}

Result<> Connection::take_replies(Session& session) {
  for (;;) {
    CONDUIT_TRY(auto reply, session.reader.next());
    if (!reply) return ok();
    const bool moved = reply->view().is_error() && tells_of_another_role(reply->view().text());
    // A server that is only a replica now is found again at once, and again and again.
    if (!moved) backoff_.succeeded();
    if (handler_) {
      handler_(reply->view());
      continue;
    }
    if (session.waiting.empty()) return Error(Errc::protocol, "a reply came that nobody had asked for");
    const auto request = session.waiting.front();
    // A new primary may stand behind the same name: look again.
    if (moved) {
      session.give_up(to_error(reply->view().text(), request->doing, server_));
    }
    request->replies.push_back(std::move(*reply));
    if (request->replies.size() < request->expected) continue;
    session.waiting.pop_front();
    request->finish();
  }
}

asio::awaitable<void> Connection::close() {
  closed_ = true;
  if (session_) session_->give_up(Error(Errc::cancelled, fmt::format("{}: closed", server_)));
  tell_waiters();
  co_await tasks_.stop();
  // Cancelled between two steps, serve() may have left without telling those who wait.
  const auto session = std::exchange(session_, nullptr);
  if (session) fail_requests(*session, Error(Errc::cancelled, fmt::format("{}: closed", server_)));
}

}  // namespace conduitd::broker::redis
