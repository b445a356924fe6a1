#include "exchange.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace web {
namespace {

using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kPiece = 32 * 1024;
constexpr std::uint32_t kLongestHeader = 64 * 1024;

void check(const error_code& error, const char* doing) {
  if (error) throw boost::system::system_error(error, doing);
}

/// What JSON can hold and people can read.
std::string printable(std::string_view value) {
  std::string out(value.substr(0, 500));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

template <class Parser>
Answer answer_of(const Parser& parser) {
  Answer answer;
  answer.status = parser.get().result_int();
  for (const auto field : {http::field::content_type, http::field::content_length, http::field::content_encoding,
                           http::field::last_modified, http::field::etag, http::field::server, http::field::date,
                           http::field::location, http::field::retry_after}) {
    const auto found = parser.get().find(field);
    if (found == parser.get().end()) continue;
    std::string name(http::to_string(field));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    answer.headers.emplace(std::move(name), printable({found->value().data(), found->value().size()}));
  }
  return answer;
}

/// A connected stream, plain or TLS: sends the request and reads the answer.
template <class Stream>
asio::awaitable<Answer> converse(Stream& stream, const Request& request) {
  http::request<http::empty_body> get(http::verb::get, request.url.target, 11);
  get.set(http::field::host, request.url.host_header());
  get.set(http::field::user_agent, "conduit-web/1.0");
  get.set(http::field::accept, "*/*");
  get.set(http::field::accept_encoding, "identity");
  get.set(http::field::connection, "close");
  error_code error;
  co_await http::async_write(stream, get, asio::redirect_error(asio::use_awaitable, error));
  check(error, "send the request");

  beast::flat_buffer buffer(kLongestHeader);
  http::response_parser<http::buffer_body> parser;
  parser.header_limit(kLongestHeader);
  parser.body_limit(request.max_bytes);
  co_await http::async_read_header(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
  if (error == http::error::body_limit) throw TooLarge("the answer has more than " + std::to_string(request.max_bytes) + " bytes");
  check(error, "read the answer");
  const Answer answer = answer_of(parser);
  Sink* const sink = request.body_to(answer);
  if (sink == nullptr) co_return answer;

  std::optional<std::uint64_t> length;
  if (parser.content_length()) length = *parser.content_length();
  std::array<char, kPiece> piece{};
  while (!parser.is_done()) {
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
    if (error == http::error::need_buffer) error = {};
    if (error == http::error::body_limit) throw TooLarge("the answer has more than " + std::to_string(request.max_bytes) + " bytes");
    check(error, "read the body");
    const std::string_view filled(piece.data(), piece.size() - body.size);
    co_await sink->add(filled);
    request.on_progress(sink->bytes(), length);
  }
  co_await sink->finish();
  co_return answer;
}

asio::awaitable<void> connect(beast::tcp_stream& stream, const Url& url) {
  error_code error;
  const auto address = asio::ip::make_address(url.host, error);
  if (!error) {
    const tcp::endpoint endpoint(address, static_cast<std::uint16_t>(std::stoul(url.port)));
    co_await stream.async_connect(endpoint, asio::redirect_error(asio::use_awaitable, error));
  } else {
    tcp::resolver resolver(stream.get_executor());
    const auto found = co_await resolver.async_resolve(url.host, url.port, asio::redirect_error(asio::use_awaitable, error));
    check(error, "find the host");
    co_await stream.async_connect(found, asio::redirect_error(asio::use_awaitable, error));
  }
  check(error, "connect");
}

}  // namespace

std::string Answer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

asio::ssl::context make_tls() {
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  tls.set_default_verify_paths();
  tls.set_verify_mode(asio::ssl::verify_peer);
  return tls;
}

asio::awaitable<Answer> exchange(asio::ssl::context& tls, Request request) {
  const auto executor = co_await asio::this_coro::executor;
  if (!request.url.secure) {
    beast::tcp_stream stream(executor);
    co_await connect(stream, request.url);
    co_return co_await converse(stream, request);
  }
  beast::ssl_stream<beast::tcp_stream> stream(executor, tls);
  stream.set_verify_callback(asio::ssl::host_name_verification(request.url.host));
  SSL_set_tlsext_host_name(stream.native_handle(), request.url.host.c_str());
  co_await connect(beast::get_lowest_layer(stream), request.url);
  error_code error;
  co_await stream.async_handshake(asio::ssl::stream_base::client, asio::redirect_error(asio::use_awaitable, error));
  check(error, "agree on TLS");
  // No goodbye: the length of the body is known from HTTP, and many servers do not answer one.
  co_return co_await converse(stream, request);
}

}  // namespace web
