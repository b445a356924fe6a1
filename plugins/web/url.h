#pragma once
// URLs, as far as fetching needs them. Boost.URL stays inside url.cpp.

#include <stdexcept>
#include <string>
#include <string_view>

namespace web {

class BadUrl : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Url {
  std::string text;    ///< all of it
  bool secure = false;
  std::string host;    ///< a name, or an address without brackets
  std::string port;    ///< "443"
  std::string target;  ///< path and query, as sent to the server
  [[nodiscard]] std::string host_header() const;
};

/// Throws BadUrl, which says what is wrong: http and https are known; user names and passwords are not sent.
[[nodiscard]] Url parse_url(std::string_view text);
/// What `location`, which may be relative, means in an answer from `base`. Throws BadUrl.
[[nodiscard]] Url resolve(const Url& base, std::string_view location);

}  // namespace web
