#include "support/cutting_proxy.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace conduitd::test {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto size = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(std::string server_socket)
    : server_socket_(std::move(server_socket)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const auto address = address_of(socket());
  std::array<int, 2> ends{};
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), 16) != 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("cannot listen at " + socket());
  }
  stop_read_.reset(ends[0]);
  stop_write_.reset(ends[1]);
  thread_ = std::thread([this] { serve(); });
}

CuttingProxy::~CuttingProxy() {
  stop_write_.reset();
  thread_.join();
}

void CuttingProxy::cut_answer_to(const std::string& text) {
  wanted_ = text;
  armed_ = true;
}

void CuttingProxy::serve() {
  for (;;) {
    std::vector<pollfd> watched{{stop_read_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const auto& link : links_) {
      watched.push_back({link.client.get(), POLLIN, 0});
      watched.push_back({link.server.get(), POLLIN, 0});
    }
    ::poll(watched.data(), watched.size(), -1);
    if (watched[0].revents != 0) return;
    std::size_t at = 2;
    for (auto link = links_.begin(); link != links_.end(); at += 2) {
      bool open = true;
      if (watched[at].revents != 0) open = pass(*link, true);
      if (open && watched[at + 1].revents != 0) open = pass(*link, false);
      link = open ? std::next(link) : links_.erase(link);
    }
    if (watched[1].revents != 0) accept();
  }
}

void CuttingProxy::accept() {
  Link link;
  link.client.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  link.server.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = address_of(server_socket_);
  if (::connect(link.server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) links_.push_back(std::move(link));
}

bool CuttingProxy::pass(Link& link, bool from_client) {
  std::array<char, 65'536> room{};
  const int from = from_client ? link.client.get() : link.server.get();
  const auto size = ::recv(from, room.data(), room.size(), 0);
  if (size <= 0) return false;
  const std::string_view bytes(room.data(), static_cast<std::size_t>(size));
  if (from_client && armed_ && bytes.find(wanted_) != std::string_view::npos) {
    armed_ = false;
    link.doomed = true;
  }
  if (!from_client && link.doomed) {
    ++cuts_;
    return false;
  }
  return write_all(from_client ? link.server.get() : link.client.get(), bytes);
}

}  // namespace conduitd::test
