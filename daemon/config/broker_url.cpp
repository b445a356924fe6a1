#include "config/broker_url.h"

#include <fmt/format.h>

#include <string_view>

namespace conduitd::config {
namespace {

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

/// "user:password@", or nothing. `from_url` is what the URL has before its '@', encoded already.
std::string login(const Broker& broker, std::string_view from_url) {
  const auto colon = from_url.find(':');
  std::string user(from_url.substr(0, colon));
  std::string password(colon == std::string_view::npos ? "" : from_url.substr(colon + 1));
  if (!broker.username.empty()) user = percent_encoded(broker.username);
  if (!broker.password.empty()) password = percent_encoded(broker.password);
  if (password.empty()) return user.empty() ? "" : user + "@";
  return fmt::format("{}:{}@", user, password);
}

/// Of a key that is there twice, a broker takes the last.
void add(std::string& query, std::string_view key, std::string_view value) {
  if (!value.empty()) query += fmt::format("{}{}={}", query.empty() ? "?" : "&", key, percent_encoded(value));
}

void add_tls(const Broker& broker, std::string& query) {
  add(query, "tls_ca", broker.tls_ca);
  add(query, "tls_cert", broker.tls_certificate);
  add(query, "tls_key", broker.tls_key);
  if (!broker.tls_verify) add(query, "tls_verify", "no");
}

void add_sentinel_login(const Broker& broker, std::string& query) {
  add(query, "sentinel_username", broker.sentinel_username);
  add(query, "sentinel_password", broker.sentinel_password);
}

}  // namespace

std::string broker_url(const Broker& broker) {
  const std::string_view url = broker.url;
  const auto scheme_end = url.find("://");
  if (!url.starts_with("redis") || scheme_end == std::string_view::npos) return broker.url;
  const auto scheme = url.substr(0, scheme_end + 3);
  auto address = url.substr(scheme.size());
  const auto question = address.find('?');
  std::string query(question == std::string_view::npos ? "" : address.substr(question));
  address = address.substr(0, question);
  const auto at = address.rfind('@');
  const auto user = at == std::string_view::npos ? std::string_view() : address.substr(0, at);
  if (at != std::string_view::npos) address.remove_prefix(at + 1);
  if (scheme.starts_with("rediss")) add_tls(broker, query);
  if (scheme.ends_with("-sentinel://")) add_sentinel_login(broker, query);
  if (broker.allow_eviction) add(query, "eviction", "allow");
  return fmt::format("{}{}{}{}", scheme, login(broker, user), address, query);
}

}  // namespace conduitd::config
