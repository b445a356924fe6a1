// The rules that look at more than one key.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "config/schema.h"

namespace conduitd::config {
namespace {

void check_tls(const Broker& broker, Reader& reader) {
  if (broker.tls_certificate.empty() != broker.tls_key.empty()) {
    const bool has_key = broker.tls_certificate.empty();
    const Place* place = reader.place(has_key ? "broker.tls_key" : "broker.tls_certificate");
    reader.fault(*place, fmt::format("broker.{} is needed as well: a client certificate and its key go together",
                                     has_key ? "tls_certificate" : "tls_key"));
  }
}

/// A setting that the URL makes meaningless is no fault, but somebody expects something of it.
void warn_of_unused(const Broker& broker, Reader& reader) {
  constexpr std::array<std::string_view, 4> kTls{"tls_ca", "tls_certificate", "tls_key", "tls_verify"};
  constexpr std::array<std::string_view, 2> kLogin{"username", "password"};
  const auto warn = [&reader](std::string_view key, std::string_view what) {
    const auto path = fmt::format("broker.{}", key);
    if (const Place* place = reader.place(path)) reader.warning(*place, fmt::format("{} has no effect: {}", path, what));
  };
  const Broker defaults;
  if (!broker.url.starts_with("rediss://") && !broker.url.starts_with("rediss-sentinel://") && !broker.url.starts_with("rediss-cluster://")) {
    const std::array<bool, 4> set{!broker.tls_ca.empty(), !broker.tls_certificate.empty(), !broker.tls_key.empty(),
                                  broker.tls_verify != defaults.tls_verify};
    for (std::size_t i = 0; i < kTls.size(); ++i) {
      if (set[i]) warn(kTls[i], "broker.url is not a rediss://, rediss-sentinel:// or rediss-cluster:// URL");
    }
  }
  if (!broker.url.starts_with("redis-sentinel://") && !broker.url.starts_with("rediss-sentinel://")) {
    constexpr std::string_view kNoSentinels = "broker.url is not a redis-sentinel:// URL";
    if (!broker.sentinel_username.empty()) warn("sentinel_username", kNoSentinels);
    if (!broker.sentinel_password.empty()) warn("sentinel_password", kNoSentinels);
  }
  if (broker.url.starts_with("sqlite:")) {
    if (!broker.username.empty()) warn(kLogin[0], "SQLite knows no users");
    if (!broker.password.empty()) warn(kLogin[1], "SQLite knows no users");
  }
}

void check_backoff(const std::string& name, const job::Backoff& backoff, Reader& reader) {
  if (backoff.base <= backoff.max) return;
  const std::string path = join_path("task", name) + ".backoff";
  const Place* place = reader.place(path + ".max");
  if (place == nullptr) place = reader.place(path + ".base");
  reader.fault(*place, fmt::format("{}: max ({}) is below base ({})", path, format_duration(backoff.max),
                                   format_duration(backoff.base)));
}

}  // namespace

void check_across(const Config& config, Reader& reader) {
  check_tls(config.broker, reader);
  warn_of_unused(config.broker, reader);
  for (const auto& [name, task] : config.task) {
    if (task.backoff) check_backoff(name, *task.backoff, reader);
  }
}

}  // namespace conduitd::config
