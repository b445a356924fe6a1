#pragma once
// Where a Redis server is and who we are to it, read from a URL:
//   redis://[user[:password]@]host[:port][/db]      rediss:// is the same over TLS
//   redis+unix://[user[:password]@]/path.sock[?db=n]
// Query: db, and for TLS tls_ca, tls_cert, tls_key (PEM files) and tls_verify=no. User and password are percent-encoded.

#include <string>
#include <string_view>

#include "base/result.h"

namespace conduitd::broker::redis {

struct Endpoint {
  std::string host;         ///< empty for a Unix socket
  std::string port = "6379";
  std::string path;         ///< of the Unix socket; empty for TCP
  std::string username;
  std::string password;
  int db = 0;
  bool tls = false;
  bool tls_verify = true;
  std::string tls_ca;       ///< empty: the system's authorities
  std::string tls_cert;
  std::string tls_key;

  /// The server as people know it, never with the password: "redis://10.0.0.7:6379/2".
  [[nodiscard]] std::string name() const;
};

/// Errc::invalid_argument with a sentence that says what is wrong and never repeats the password.
[[nodiscard]] Result<Endpoint> parse_url(std::string_view url);

}  // namespace conduitd::broker::redis
