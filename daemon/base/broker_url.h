#pragma once
// What a broker's URL says: pure, for whoever opens a broker and whoever checks a configuration.
//   sqlite:///absolute/path.db      sqlite::memory:
//   redis://[user[:password]@]host[:port][/db]      rediss:// is the same over TLS
//   redis+unix://[user[:password]@]/path.sock[?db=n]
//   redis-sentinel://[user[:password]@]host1[:port1],host2[:port2]/name[/db]     the primary that the sentinels call `name`
//   rediss-sentinel:// is the same over TLS, to the sentinels and to the server
//   redis-cluster://[user[:password]@]host1[:port1],host2[:port2]     the cluster that these nodes belong to; rediss-cluster:// over TLS
// Query: db, eviction=allow, for TLS tls_ca, tls_cert, tls_key (PEM files) and tls_verify=no, for sentinels of their own
// sentinel_username and sentinel_password. User and password are percent-encoded.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace conduitd {

struct RedisAddress {
  std::string host;
  std::string port;
  bool operator==(const RedisAddress&) const = default;
};

struct RedisEndpoint {
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
  std::vector<RedisAddress> sentinels;  ///< they know where `primary` is; empty: it is `host` itself
  std::string primary;
  std::vector<RedisAddress> cluster;    ///< some nodes of a cluster, which know the others; `host` is then one node, or empty
  std::string sentinel_username;
  std::string sentinel_password;
  bool allow_eviction = false;  ///< a worker starts although the server may drop waiting jobs

  /// The server as people know it, never with the password: "redis://10.0.0.7:6379/2".
  [[nodiscard]] std::string name() const;
};

/// What sqlite::memory: opens.
inline constexpr std::string_view kSqliteMemory = ":memory:";

/// Errc::invalid_argument with a sentence that says what is wrong and never repeats the password.
[[nodiscard]] Result<RedisEndpoint> parse_redis_url(std::string_view url);
/// The path of the file, or kSqliteMemory.
[[nodiscard]] Result<std::string> parse_sqlite_url(std::string_view url);
/// The same of any broker's URL.
[[nodiscard]] Result<> check_broker_url(std::string_view url);
/// What is wrong with it and what is allowed, without the URL itself: part of it may come from a secret. Empty: it is good.
[[nodiscard]] std::string broker_url_fault(std::string_view url);

}  // namespace conduitd
