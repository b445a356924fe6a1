#pragma once
// A web server for tests that answers every request after a while, however many wait.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>

namespace conduitd::test {

/// Serves from construction to destruction, on a thread of its own and a free port of 127.0.0.1.
class SlowServer {
 public:
  explicit SlowServer(std::chrono::milliseconds delay);
  ~SlowServer();
  SlowServer(const SlowServer&) = delete;
  SlowServer& operator=(const SlowServer&) = delete;

  [[nodiscard]] std::string url() const;
  struct Count {
    std::size_t answered = 0;
    std::size_t most_at_once = 0;  ///< requests read and not answered yet
  };
  [[nodiscard]] Count count();

 private:
  using tcp = boost::asio::ip::tcp;
  boost::asio::awaitable<void> accept();
  boost::asio::awaitable<void> serve(tcp::socket socket);

  const std::chrono::milliseconds delay_;
  boost::asio::io_context io_{1};
  tcp::acceptor acceptor_;
  Count count_;           // the thread's only, as is waiting_
  std::size_t waiting_ = 0;
  std::thread thread_;
};

}  // namespace conduitd::test
