#pragma once
// A blocking connection to 127.0.0.1 that is written to whole and read by lines.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace bench {

class Tcp {
 public:
  explicit Tcp(std::size_t port) : file_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int yes = 1;
    if (file_ < 0 || ::connect(file_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw std::runtime_error("cannot connect");
    ::setsockopt(file_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  ~Tcp() { ::close(file_); }
  Tcp(const Tcp&) = delete;
  Tcp& operator=(const Tcp&) = delete;

  void write(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::write(file_, text.data(), text.size());
      if (sent <= 0) throw std::runtime_error("the server is gone");
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// The next line, without its CR LF.
  std::string line() {
    for (;;) {
      const auto end = buffer_.find("\r\n", at_);
      if (end != std::string::npos) {
        auto out = buffer_.substr(at_, end - at_);
        at_ = end + 2;
        return out;
      }
      read_more();
    }
  }
  void skip(std::size_t bytes) {
    while (buffer_.size() - at_ < bytes) read_more();
    at_ += bytes;
  }

 private:
  void read_more() {
    buffer_.erase(0, at_);
    at_ = 0;
    std::array<char, 65536> some;
    const auto got = ::read(file_, some.data(), some.size());
    if (got <= 0) throw std::runtime_error("the server is gone");
    buffer_.append(some.data(), static_cast<std::size_t>(got));
  }

  int file_;
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace bench
