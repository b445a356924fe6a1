#include "broker/redis/url.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/text.h"

namespace conduitd::broker::redis {
namespace {

Error fault(std::string_view url, std::string_view what) {
  return {Errc::invalid_argument, fmt::format("broker URL '{}': {}", escape_control(redact_url(url)), what)};
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

bool read_user(std::string_view text, Endpoint& out) {
  const auto colon = text.find(':');
  auto user = percent_decoded(text.substr(0, colon));
  auto password = percent_decoded(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  if (!user || !password) return false;
  out.username = std::move(*user);
  out.password = std::move(*password);
  return true;
}

Result<> read_query(std::string_view url, std::string_view query, Endpoint& out) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    query = end == std::string_view::npos ? "" : query.substr(end + 1);
    const auto equals = pair.find('=');
    const auto key = pair.substr(0, equals);
    const auto value = percent_decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!value) return fault(url, fmt::format("the value of '{}' is not percent-encoded", key));
    if (key == "db") {
      const auto db = number(*value, 1'000'000);
      if (!db) return fault(url, "db is a number from 0");
      out.db = *db;
    } else if (key == "tls_verify" && (*value == "yes" || *value == "no")) {
      out.tls_verify = *value == "yes";
    } else if (key == "tls_ca") {
      out.tls_ca = *value;
    } else if (key == "tls_cert") {
      out.tls_cert = *value;
    } else if (key == "tls_key") {
      out.tls_key = *value;
    } else {
      return fault(url, fmt::format("'{}' is not known here: db=0, tls_ca, tls_cert, tls_key=FILE and tls_verify=yes|no are",
                                    escape_control(pair)));
    }
  }
  return ok();
}

Result<> read_address(std::string_view url, std::string_view address, Endpoint& out) {
  const auto slash = address.find('/');
  if (slash != std::string_view::npos && slash + 1 < address.size()) {
    const auto db = number(address.substr(slash + 1), 1'000'000);
    if (!db) return fault(url, "after the host comes the number of a database, as in redis://host:6379/0");
    out.db = *db;
  }
  auto host = address.substr(0, slash);
  std::string_view port;
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    if (end == std::string_view::npos) return fault(url, "the ']' of the IPv6 address is missing");
    port = host.substr(end + 1);
    host = host.substr(1, end - 1);
    if (!port.empty() && port.front() != ':') return fault(url, "after ']' comes :port");
    if (!port.empty()) port.remove_prefix(1);
  } else if (const auto colon = host.rfind(':'); colon != std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
    if (port.empty()) return fault(url, "the port after ':' is missing");
  }
  if (!port.empty()) {
    const auto value = number(port, 65'535);
    if (!value || *value == 0) return fault(url, "a port is a number from 1 to 65535");
    out.port = port;
  }
  out.host = host.empty() ? "localhost" : std::string(host);
  return ok();
}

}  // namespace

std::string Endpoint::name() const {
  const auto user = username.empty() ? "" : username + "@";
  if (!path.empty()) return fmt::format("redis+unix://{}{}{}", user, path, db == 0 ? "" : fmt::format("?db={}", db));
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}{}:{}{}", tls ? "rediss" : "redis", user, v6 ? "[" : "", host, v6 ? "]" : "", port,
                     db == 0 ? "" : fmt::format("/{}", db));
}

Result<Endpoint> parse_url(std::string_view url) {
  Endpoint out;
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return fault(url, "a URL like redis://host:6379/0 is needed");
  const auto scheme = url.substr(0, scheme_end);
  auto rest = url.substr(scheme_end + 3);
  const bool is_unix = scheme == "redis+unix";
  if (!is_unix && scheme != "redis" && scheme != "rediss") {
    return fault(url, "redis://, rediss:// and redis+unix:// are allowed");
  }
  out.tls = scheme == "rediss";
  if (const auto question = rest.find('?'); question != std::string_view::npos) {
    CONDUIT_TRY(read_query(url, rest.substr(question + 1), out));
    rest = rest.substr(0, question);
  }
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    if (!read_user(rest.substr(0, at), out)) return fault(url, "user and password must be percent-encoded");
    rest = rest.substr(at + 1);
  }
  if (is_unix) {
    const auto path = percent_decoded(rest);
    if (!path || path->empty() || path->front() != '/') {
      return fault(url, "the path of the socket begins with '/', as in redis+unix:///run/redis/redis.sock?db=0");
    }
    constexpr std::size_t kLongestSocketPath = 107;
    if (path->size() > kLongestSocketPath) return fault(url, "the path of a Unix socket has at most 107 bytes");
    out.path = *path;
  } else {
    CONDUIT_TRY(read_address(url, rest, out));
  }
  return out;
}

}  // namespace conduitd::broker::redis
