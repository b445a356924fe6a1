#include "test_server.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <cstdio>
#include <list>
#include <optional>
#include <stdexcept>
#include <thread>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace web {
namespace {

using tcp = asio::ip::tcp;
using boost::system::error_code;

http::response<http::string_body> answer_to(const std::string& path) {
  http::response<http::string_body> answer(http::status::ok, 11);
  answer.set(http::field::content_type, "text/plain");
  if (path == "/abc") {
    answer.body() = "abc";
  } else if (path == "/big" || path == "/chunked") {
    answer.body() = std::string(TestServer::kBig, 'x');
  } else if (path == "/redirect") {
    answer.result(http::status::found);
    answer.set(http::field::location, "abc");
  } else if (path == "/loop") {
    answer.result(http::status::found);
    answer.set(http::field::location, "/loop");
  } else if (path == "/busy") {
    answer.result(http::status::service_unavailable);
    answer.set(http::field::retry_after, "7");
  } else {
    answer.result(http::status::not_found);
  }
  if (path == "/chunked") {
    answer.chunked(true);
  } else {
    answer.prepare_payload();
  }
  return answer;
}

template <class Stream>
asio::awaitable<void> serve(Stream& stream) {
  error_code error;
  beast::flat_buffer buffer;
  http::request<http::empty_body> request;
  co_await http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return;
  const std::string path(request.target());
  if (path == "/silent") {  // until the client goes
    co_await http::async_read(stream, buffer, request, asio::redirect_error(asio::use_awaitable, error));
    co_return;
  }
  auto answer = answer_to(path);
  co_await http::async_write(stream, answer, asio::redirect_error(asio::use_awaitable, error));
}

}  // namespace

class TestServer::Inside {
 public:
  explicit Inside(std::optional<asio::ssl::context> tls)
      : tls_(std::move(tls)), acceptor_(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    asio::co_spawn(loop_, accept(), [](const std::exception_ptr&) {});
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Inside() {
    asio::post(loop_, [this] {
      error_code ignored;
      acceptor_.close(ignored);
      for (auto* open : open_) open->cancel();
    });
    thread_.join();
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      error_code error;
      tcp::socket socket(loop_);
      co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      asio::co_spawn(loop_, handle(std::move(socket)), [](const std::exception_ptr&) {});
    }
  }

  asio::awaitable<void> handle(tcp::socket socket) {
    if (!tls_) {
      beast::tcp_stream stream(std::move(socket));
      const auto place = open_.insert(open_.end(), &stream);
      co_await serve(stream);
      open_.erase(place);
      co_return;
    }
    beast::ssl_stream<beast::tcp_stream> stream(std::move(socket), *tls_);
    const auto place = open_.insert(open_.end(), &beast::get_lowest_layer(stream));
    error_code error;
    co_await stream.async_handshake(asio::ssl::stream_base::server, asio::redirect_error(asio::use_awaitable, error));
    if (!error) co_await serve(stream);
    open_.erase(place);
  }

  std::optional<asio::ssl::context> tls_;
  asio::io_context loop_{1};
  tcp::acceptor acceptor_;
  std::list<beast::tcp_stream*> open_;  // connections being served; on the loop only
  std::thread thread_;
};

namespace {

asio::ssl::context server_tls(const std::string& certificate, const std::string& key) {
  asio::ssl::context tls(asio::ssl::context::tls_server);
  tls.use_certificate_chain_file(certificate);
  tls.use_private_key_file(key, asio::ssl::context::pem);
  return tls;
}

}  // namespace

TestServer::TestServer() : inside_(std::make_unique<Inside>(std::nullopt)) {}
TestServer::TestServer(const std::string& certificate, const std::string& key)
    : inside_(std::make_unique<Inside>(server_tls(certificate, key))) {}
TestServer::~TestServer() = default;

std::uint16_t TestServer::port() const { return inside_->port(); }
std::string TestServer::url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port()) + path; }

void write_certificate(const std::string& host, const std::string& certificate, const std::string& key) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> pair(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> x509(X509_new(), X509_free);
  X509_set_version(x509.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), 3600);
  X509_set_pubkey(x509.get(), pair.get());
  X509_NAME* name = X509_get_subject_name(x509.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(host.c_str()), -1, -1, 0);
  X509_set_issuer_name(x509.get(), name);
  const std::string names = "DNS:" + host;
  const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()), X509_EXTENSION_free);
  X509_add_ext(x509.get(), extension.get(), -1);
  if (X509_sign(x509.get(), pair.get(), EVP_sha256()) == 0) throw std::runtime_error("cannot sign the certificate");

  const auto write = [](const std::string& path, const auto& content) {
    std::FILE* file = std::fopen(path.c_str(), "w");
    if (file == nullptr || content(file) != 1) throw std::runtime_error("cannot write " + path);
    std::fclose(file);
  };
  write(certificate, [&](std::FILE* file) { return PEM_write_X509(file, x509.get()); });
  write(key, [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, pair.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

}  // namespace web
