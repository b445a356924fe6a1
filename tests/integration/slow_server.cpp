#include "slow_server.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

namespace asio = boost::asio;

namespace conduitd::test {

SlowServer::SlowServer(std::chrono::milliseconds delay)
    : delay_(delay), acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
  acceptor_.listen(asio::socket_base::max_listen_connections);
  asio::co_spawn(io_, accept(), [](const std::exception_ptr&) {});
  thread_ = std::thread([this] { io_.run(); });
}

SlowServer::~SlowServer() {
  io_.stop();  // allow io_context_stop: what clients left open has no owner but the loop
  thread_.join();
}

std::string SlowServer::url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/"; }

SlowServer::Count SlowServer::count() {
  return asio::post(io_, asio::use_future([this] { return count_; })).get();
}

asio::awaitable<void> SlowServer::accept() {
  while (true) {
    auto socket = co_await acceptor_.async_accept(asio::use_awaitable);
    asio::co_spawn(io_, serve(std::move(socket)), [](const std::exception_ptr&) {});
  }
}

asio::awaitable<void> SlowServer::serve(tcp::socket socket) {
  static const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
  boost::system::error_code error;
  std::string request;
  co_await asio::async_read_until(socket, asio::dynamic_buffer(request, 8192), "\r\n\r\n", asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return;
  count_.most_at_once = std::max(count_.most_at_once, ++waiting_);
  asio::steady_timer timer(io_, delay_);
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_await asio::async_write(socket, asio::buffer(kAnswer), asio::redirect_error(asio::use_awaitable, error));
  --waiting_;
  if (!error) ++count_.answered;
}

}  // namespace conduitd::test
