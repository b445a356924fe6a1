#pragma once
// One GET over one connection. Beast stays inside exchange.cpp.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "sink.h"
#include "url.h"

namespace web {

/// A body longer than allowed.
class TooLarge : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Answer {
  unsigned status = 0;
  std::map<std::string, std::string> headers{};  ///< the ones worth telling, in lower case
  [[nodiscard]] std::string header(const std::string& name) const;
};

/// The authorities of this machine. A certificate must be valid and name the host. Throws if they cannot be read.
[[nodiscard]] boost::asio::ssl::context make_tls();

struct Request {
  Url url;
  std::uint64_t max_bytes = 0;
  /// Asked when the headers are there: where the body goes, or nullptr to leave it.
  std::function<Sink*(const Answer& answer)> body_to;
  /// Told while the body comes; nothing is known of its length if `length` is none.
  std::function<void(std::uint64_t bytes, std::optional<std::uint64_t> length)> on_progress;
};

/// `tls` must stay until it completes. Throws boost::system::system_error with what was being done in its text,
/// TooLarge, and what the sink throws. Takes its time from the caller: cancel it.
boost::asio::awaitable<Answer> exchange(boost::asio::ssl::context& tls, Request request);

}  // namespace web
