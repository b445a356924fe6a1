#include "base/broker_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace conduitd {
namespace {

Error fault(std::string what) { return {Errc::invalid_argument, std::move(what)}; }

Error fault_of(std::string_view url, std::string_view what) {
  return fault(fmt::format("broker URL '{}': {}", escape_control(redact_url(url)), what));
}

std::optional<int> hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const auto high = hex_value(text[i + 1]);
    const auto low = hex_value(text[i + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

std::optional<int> number(std::string_view text, int most) {
  int value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || value < 0 || value > most) return std::nullopt;
  return value;
}

bool read_user(std::string_view text, RedisEndpoint& out) {
  const auto colon = text.find(':');
  auto user = percent_decoded(text.substr(0, colon));
  auto password = percent_decoded(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  if (!user || !password) return false;
  out.username = std::move(*user);
  out.password = std::move(*password);
  return true;
}

Result<> read_query(std::string_view query, RedisEndpoint& out) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    query = end == std::string_view::npos ? "" : query.substr(end + 1);
    const auto equals = pair.find('=');
    const auto key = pair.substr(0, equals);
    const auto value = percent_decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!value) return fault(fmt::format("the value of '{}' is not percent-encoded", key));
    if (key == "db") {
      const auto db = number(*value, 1'000'000);
      if (!db) return fault("db is a number from 0");
      out.db = *db;
    } else if (key == "eviction" && (*value == "allow" || *value == "refuse")) {
      out.allow_eviction = *value == "allow";
    } else if (key == "tls_verify" && (*value == "yes" || *value == "no")) {
      out.tls_verify = *value == "yes";
    } else if (key == "tls_ca") {
      out.tls_ca = *value;
    } else if (key == "tls_cert") {
      out.tls_cert = *value;
    } else if (key == "tls_key") {
      out.tls_key = *value;
    } else if (key == "sentinel_username" && !out.sentinels.empty()) {
      out.sentinel_username = *value;
    } else if (key == "sentinel_password" && !out.sentinels.empty()) {
      out.sentinel_password = *value;
    } else {
      // The key alone: what follows may be a secret.
      return fault(fmt::format("'{}' is not known here: db=0, eviction=allow|refuse, tls_ca, tls_cert, tls_key=FILE and tls_verify=yes|no are{}",
                                    escape_control(key), out.sentinels.empty() ? "" : ", and sentinel_username, sentinel_password"));
    }
  }
  return ok();
}

Result<RedisAddress> read_host(std::string_view host, std::string_view default_port) {
  RedisAddress out;
  out.port = default_port;
  std::string_view port;
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos) return fault("the ']' of the IPv6 address is missing");
    port = host.substr(end + 1);
    host = host.substr(1, end - 1);
    if (!port.empty() && port.front() != ':') return fault("after ']' comes :port");
    if (!port.empty()) port.remove_prefix(1);
  } else if (const auto colon = host.rfind(':'); colon != std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (port.empty()) return fault("the port after ':' is missing");
  }
  if (!port.empty()) {
    const auto value = number(port, 65'535);
    if (!value || *value == 0) return fault("a port is a number from 1 to 65535");
    out.port = port;
  }
  out.host = host.empty() ? "localhost" : std::string(host);
  return out;
}

/// The number of a database after the '/', if there is one.
Result<> read_database(std::string_view text, RedisEndpoint& out) {
  if (text.empty()) return ok();
  const auto db = number(text, 1'000'000);
  if (!db) {
    return fault(out.primary.empty() ? "after the host comes the number of a database, as in redis://host:6379/0"
                                          : "after the primary's name comes the number of a database");
  }
  out.db = *db;
  return ok();
}

Result<> read_address(std::string_view address, RedisEndpoint& out) {
  const auto slash = address.find('/');
  const auto database = slash == std::string_view::npos ? std::string_view() : address.substr(slash + 1);
  CONDUIT_TRY(read_database(database, out));
  CONDUIT_TRY(auto at, read_host(address.substr(0, slash), out.port));
  out.host = std::move(at.host);
  out.port = std::move(at.port);
  return ok();
}

/// Hosts with commas between. `whose` names what one of them is.
Result<std::vector<RedisAddress>> read_hosts(std::string_view hosts, std::string_view default_port, std::string_view whose) {
  std::vector<RedisAddress> out;
  for (;;) {
    const auto comma = hosts.find(',');
    const auto host = hosts.substr(0, comma);
    if (host.empty()) return fault(fmt::format("the name of a {} is missing", whose));
    CONDUIT_TRY(auto at, read_host(host, default_port));
    out.push_back(std::move(at));
    if (comma == std::string_view::npos) return out;
    hosts.remove_prefix(comma + 1);
  }
}

Result<> read_sentinels(std::string_view address, RedisEndpoint& out) {
  const auto slash = address.find('/');
  const auto path = slash == std::string_view::npos ? std::string_view() : address.substr(slash + 1);
  const auto primary = percent_decoded(path.substr(0, path.find('/')));
  if (!primary || primary->empty()) {
    return fault("after the sentinels comes the primary's name, as in redis-sentinel://host1:26379,host2:26379/mymaster/0");
  }
  out.primary = *primary;
  const auto second_slash = path.find('/');
  const auto database = second_slash == std::string_view::npos ? std::string_view() : path.substr(second_slash + 1);
  CONDUIT_TRY(read_database(database, out));
  CONDUIT_TRY(out.sentinels, read_hosts(address.substr(0, slash), "26379", "sentinel"));
  return ok();
}

Result<> read_cluster(std::string_view address, RedisEndpoint& out) {
  const auto slash = address.find('/');
  CONDUIT_TRY(out.cluster, read_hosts(address.substr(0, slash), out.port, "node of the cluster"));
  return read_database(slash == std::string_view::npos ? std::string_view() : address.substr(slash + 1), out);
}

std::string host_text(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

std::string list_of(const std::vector<RedisAddress>& hosts) {
  std::string out;
  for (const auto& at : hosts) out += fmt::format("{}{}:{}", out.empty() ? "" : ",", host_text(at.host), at.port);
  return out;
}

Result<RedisEndpoint> read_redis(std::string_view url) {
  RedisEndpoint out;
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return fault("a URL like redis://host:6379/0 is needed");
  const auto scheme = url.substr(0, scheme_end);
  auto rest = url.substr(scheme_end + 3);
  const bool is_unix = scheme == "redis+unix";
  const bool has_sentinels = scheme == "redis-sentinel" || scheme == "rediss-sentinel";
  const bool is_cluster = scheme == "redis-cluster" || scheme == "rediss-cluster";
  if (!is_unix && !has_sentinels && !is_cluster && scheme != "redis" && scheme != "rediss") {
    return fault("redis://, rediss://, redis+unix://, redis-sentinel://, rediss-sentinel://, redis-cluster:// and rediss-cluster:// are allowed");
  }
  out.tls = scheme.starts_with("rediss");
  const auto question = rest.find('?');
  const auto query = question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
  rest = rest.substr(0, question);
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    if (!read_user(rest.substr(0, at), out)) return fault("user and password must be percent-encoded");
    rest = rest.substr(at + 1);
  }
  if (is_unix) {
    const auto path = percent_decoded(rest);
    if (!path || path->empty() || path->front() != '/') {
      return fault("the path of the socket begins with '/', as in redis+unix:///run/redis/redis.sock?db=0");
    }
    constexpr std::size_t kLongestSocketPath = 107;
    if (path->size() > kLongestSocketPath) return fault("the path of a Unix socket has at most 107 bytes");
    out.path = *path;
  } else if (has_sentinels) {
    CONDUIT_TRY(read_sentinels(rest, out));
  } else if (is_cluster) {
    CONDUIT_TRY(read_cluster(rest, out));
  } else {
    CONDUIT_TRY(read_address(rest, out));
  }
  CONDUIT_TRY(read_query(query, out));
  if (is_cluster && out.db != 0) return fault("a cluster has no databases but 0: leave the number out");
  return out;
}

Result<std::string> read_sqlite(std::string_view url) {
  constexpr std::string_view kScheme = "sqlite:";
  auto path = url.substr(kScheme.size());
  if (path == kSqliteMemory) return std::string(path);
  constexpr std::string_view kForm = "write sqlite:///absolute/path/to/file or sqlite::memory:";
  if (path.starts_with("////")) {
    return fault(fmt::format("one '/' too many: what follows sqlite:// is the path and begins with a '/' of its own; {}", kForm));
  }
  if (path.starts_with("///")) path.remove_prefix(2);
  if (path.size() < 2 || path[0] != '/' || path[1] == '/' || path.back() == '/') return fault(std::string(kForm));
  return std::string(path);
}

bool is_redis(std::string_view url) {
  constexpr std::array<std::string_view, 7> kSchemes{"redis://",           "rediss://",        "redis+unix://",    "redis-sentinel://",
                                                       "rediss-sentinel://", "redis-cluster://", "rediss-cluster://"};
  return std::any_of(kSchemes.begin(), kSchemes.end(), [url](auto scheme) { return url.starts_with(scheme); });
}

}  // namespace

std::string RedisEndpoint::name() const {
  const auto user = username.empty() ? "" : username + "@";
  if (!path.empty()) return fmt::format("redis+unix://{}{}{}", user, path, db == 0 ? "" : fmt::format("?db={}", db));
  const auto database = db == 0 ? "" : fmt::format("/{}", db);
  if (!sentinels.empty()) return fmt::format("{}-sentinel://{}{}/{}{}", tls ? "rediss" : "redis", user, list_of(sentinels), primary, database);
  if (!cluster.empty()) {
    const auto node = host.empty() ? "" : fmt::format(" (its node {}:{})", host_text(host), port);
    return fmt::format("{}-cluster://{}{}{}", tls ? "rediss" : "redis", user, list_of(cluster), node);
  }
  return fmt::format("{}://{}{}:{}{}", tls ? "rediss" : "redis", user, host_text(host), port, database);
}

Result<RedisEndpoint> parse_redis_url(std::string_view url) {
  auto read = read_redis(url);
  if (!read.has_value()) return fault_of(url, read.error().message());
  return read;
}

Result<std::string> parse_sqlite_url(std::string_view url) {
  auto read = read_sqlite(url);
  if (!read.has_value()) return fault_of(url, read.error().message());
  return read;
}

std::string broker_url_fault(std::string_view url) {
  if (is_redis(url)) {
    const auto read = read_redis(url);
    return read.has_value() ? "" : read.error().message();
  }
  if (url.starts_with("sqlite:///") || url.starts_with("sqlite::")) {
    const auto read = read_sqlite(url);
    return read.has_value() ? "" : read.error().message();
  }
  return "sqlite:///path, sqlite::memory:, redis://host:port, rediss://host:port, redis+unix:///path, "
         "redis-sentinel://host1:port,host2:port/name or redis-cluster://host1:port,host2:port is needed";
}

Result<> check_broker_url(std::string_view url) {
  if (const auto what = broker_url_fault(url); !what.empty()) return fault_of(url, what);
  return ok();
}

}  // namespace conduitd
