#include "broker/redis/transport.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

using Socket = asio::generic::stream_protocol::socket;

Error lost(const boost::system::error_code& why, std::string_view doing) {
  if (why == asio::error::eof || why == asio::ssl::error::stream_truncated) {
    return {Errc::unavailable, "the server closed the connection"};
  }
  return {Errc::unavailable, fmt::format("{}: {}", doing, why.message())};
}

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(Socket socket) : socket_(std::move(socket)) {}

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    boost::system::error_code failure;
    const auto buffer = asio::buffer(into.data(), into.size());
    const auto count = co_await socket_.async_read_some(buffer, asio::redirect_error(asio::use_awaitable, failure));
    if (failure) co_return lost(failure, "read");
    co_return count;
  }

  asio::awaitable<Result<>> write(std::string_view bytes) override {
    boost::system::error_code failure;
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    co_await asio::async_write(socket_, buffer, asio::redirect_error(asio::use_awaitable, failure));
    if (failure) co_return lost(failure, "write");
    co_return ok();
  }

  void close() override {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(Socket socket, asio::ssl::context context)
      : context_(std::move(context)), stream_(std::move(socket), context_) {}

  Result<> expect_host(const RedisEndpoint& endpoint) {
    if (!endpoint.tls_verify) {
      stream_.set_verify_mode(asio::ssl::verify_none);
      return ok();
    }
    stream_.set_verify_mode(asio::ssl::verify_peer);
    boost::system::error_code failure;
    stream_.set_verify_callback(asio::ssl::host_name_verification(endpoint.host), failure);
    if (failure) return Error(Errc::invalid_argument, fmt::format("TLS: {}", failure.message()));
    // An address is no server name (RFC 6066), and a server may refuse one.
    asio::ip::make_address(endpoint.host, failure);
    if (failure) SSL_set_tlsext_host_name(stream_.native_handle(), endpoint.host.c_str());
    return ok();
  }

  asio::awaitable<Result<>> shake_hands() {
    boost::system::error_code failure;
    co_await stream_.async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, failure));
    if (!failure) co_return ok();
    const long verdict = SSL_get_verify_result(stream_.native_handle());
    if (verdict != X509_V_OK) {
      co_return Error(Errc::refused,
                      fmt::format("the server's certificate is not trusted: {}", X509_verify_cert_error_string(verdict)));
    }
    co_return Error(Errc::unavailable, fmt::format("TLS handshake: {}", failure.message()));
  }

  asio::awaitable<Result<std::size_t>> read(std::span<char> into) override {
    boost::system::error_code failure;
    const auto buffer = asio::buffer(into.data(), into.size());
    const auto count = co_await stream_.async_read_some(buffer, asio::redirect_error(asio::use_awaitable, failure));
    if (failure) co_return lost(failure, "read");
    co_return count;
  }

  asio::awaitable<Result<>> write(std::string_view bytes) override {
    boost::system::error_code failure;
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    co_await asio::async_write(stream_, buffer, asio::redirect_error(asio::use_awaitable, failure));
    if (failure) co_return lost(failure, "write");
    co_return ok();
  }

  void close() override {
    boost::system::error_code ignored;
    stream_.lowest_layer().close(ignored);
  }

 private:
  asio::ssl::context context_;
  asio::ssl::stream<Socket> stream_;
};

// Options that only help: a system without one of them still has the command deadline.
void guard_against_silence(Socket& socket, Millis timeout) {
  const int fd = socket.native_handle();
  const int on = 1;
  const int idle_seconds = 15;
  const int interval_seconds = 5;
  const int probes = 3;
  const auto unacknowledged_ms = static_cast<unsigned>(timeout.count());
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof interval_seconds);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms);
}

Result<asio::ssl::context> make_tls(const RedisEndpoint& endpoint) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  boost::system::error_code failure;
  const auto fault = [&](std::string_view what, std::string_view file) {
    return Error(Errc::invalid_argument, fmt::format("TLS: {} '{}': {}", what, file, failure.message()));
  };
  if (endpoint.tls_ca.empty()) {
    context.set_default_verify_paths(failure);
  } else {
    context.load_verify_file(endpoint.tls_ca, failure);
  }
  if (failure) return fault("authorities", endpoint.tls_ca);
  if (!endpoint.tls_cert.empty()) context.use_certificate_chain_file(endpoint.tls_cert, failure);
  if (failure) return fault("certificate", endpoint.tls_cert);
  if (!endpoint.tls_key.empty()) context.use_private_key_file(endpoint.tls_key, asio::ssl::context::pem, failure);
  if (failure) return fault("key", endpoint.tls_key);
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  return context;
}

// What dial() must be able to give up at any moment, shared with the deadline's handler.
struct Attempt {
  explicit Attempt(const asio::any_io_executor& executor) : resolver(executor), socket(executor), deadline(executor) {}
  asio::ip::tcp::resolver resolver;
  Socket socket;
  std::shared_ptr<TlsTransport> tls;
  asio::steady_timer deadline;
  bool timed_out = false;

  void give_up() {
    timed_out = true;
    resolver.cancel();
    boost::system::error_code ignored;
    socket.close(ignored);
    if (tls) tls->close();
  }
};

asio::awaitable<boost::system::error_code> connect(std::shared_ptr<Attempt> attempt, RedisEndpoint endpoint) {
  boost::system::error_code failure;
  const auto token = [&failure] { return asio::redirect_error(asio::use_awaitable, failure); };
  if (!endpoint.path.empty()) {
    const asio::generic::stream_protocol::endpoint at = asio::local::stream_protocol::endpoint(endpoint.path);
    co_await attempt->socket.async_connect(at, token());
    co_return failure;
  }
  const auto found = co_await attempt->resolver.async_resolve(endpoint.host, endpoint.port, token());
  if (failure) co_return failure;
  for (const auto& entry : found) {
    if (attempt->timed_out) break;
    boost::system::error_code ignored;
    attempt->socket.close(ignored);
    const asio::generic::stream_protocol::endpoint at = entry.endpoint();
    co_await attempt->socket.async_connect(at, token());
    if (!failure) break;
  }
  co_return failure;
}

}  // namespace

asio::awaitable<Result<std::shared_ptr<Transport>>> dial(asio::any_io_executor executor, RedisEndpoint endpoint,
                                                         Millis timeout) {
  const auto attempt = std::make_shared<Attempt>(executor);
  attempt->deadline.expires_after(timeout);
  attempt->deadline.async_wait([attempt](const boost::system::error_code& stopped) {
    if (!stopped) attempt->give_up();
  });
  const auto failure = co_await connect(attempt, endpoint);
  const auto unreachable = [&](Errc errc, std::string_view why) {
    return Error(errc, fmt::format("cannot reach Redis at {}: {}; see that it runs there, or correct the broker's URL",
                                   endpoint.name(), why));
  };
  const auto too_late = [&] {
    return unreachable(Errc::unavailable, fmt::format("no connection within {} ms", timeout.count()));
  };
  if (attempt->timed_out) co_return too_late();
  if (failure) {
    attempt->deadline.cancel();
    const bool no_right = failure == boost::system::errc::permission_denied;
    co_return unreachable(no_right ? Errc::refused : Errc::unavailable, failure.message());
  }
  if (endpoint.path.empty()) guard_against_silence(attempt->socket, timeout);
  if (!endpoint.tls) {
    attempt->deadline.cancel();
    std::shared_ptr<Transport> plain = std::make_shared<PlainTransport>(std::move(attempt->socket));
    co_return plain;
  }
  auto context = make_tls(endpoint);
  if (!context.has_value()) {
    attempt->deadline.cancel();
    co_return context.error();
  }
  attempt->tls = std::make_shared<TlsTransport>(std::move(attempt->socket), std::move(context).value());
  auto shaken = attempt->tls->expect_host(endpoint);
  if (shaken.has_value()) shaken = co_await attempt->tls->shake_hands();
  attempt->deadline.cancel();
  std::shared_ptr<Transport> secured = std::move(attempt->tls);
  if (attempt->timed_out) co_return too_late();
  if (!shaken.has_value()) co_return shaken.error().within(endpoint.name());
  co_return secured;
}

}  // namespace conduitd::broker::redis
