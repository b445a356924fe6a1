#include "broker/redis/sentinel.h"

#include <fmt/format.h>

namespace conduitd::broker::redis {

RedisEndpoint sentinel_at(const RedisEndpoint& endpoint, const RedisAddress& address) {
  RedisEndpoint out;
  out.host = address.host;
  out.port = address.port;
  out.username = endpoint.sentinel_username;
  out.tls = endpoint.tls;
  out.tls_verify = endpoint.tls_verify;
  out.tls_ca = endpoint.tls_ca;
  out.tls_cert = endpoint.tls_cert;
  out.tls_key = endpoint.tls_key;
  return out;
}

Pipeline sentinel_question(const RedisEndpoint& endpoint) {
  Pipeline out;
  if (!endpoint.sentinel_username.empty()) {
    out.add({"AUTH", endpoint.sentinel_username, endpoint.sentinel_password});
  } else if (!endpoint.sentinel_password.empty()) {
    out.add({"AUTH", endpoint.sentinel_password});
  }
  out.add({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", endpoint.primary});
  return out;
}

Result<RedisAddress> sentinel_answer(const RedisEndpoint& endpoint, const std::vector<Reply>& replies, const std::string& sentinel) {
  for (const auto& reply : replies) {
    if (reply.view().is_error()) return to_error(reply.view().text(), "ask this sentinel", sentinel);
  }
  const auto found = replies.empty() ? ReplyView(nullptr) : replies.back().view();
  if (found.size() == 2) return RedisAddress{std::string(found[0].text()), std::string(found[1].text())};
  return Error(Errc::unavailable, fmt::format("{}: this sentinel watches no primary '{}'", sentinel, endpoint.primary));
}

RedisEndpoint primary_at(const RedisEndpoint& endpoint, const RedisAddress& address) {
  RedisEndpoint out = endpoint;
  out.sentinels.clear();
  out.host = address.host;
  out.port = address.port;
  return out;
}

Result<> check_primary(ReplyView role, const std::string& server) {
  if (role.is_error()) return ok();  // a user without the right to ask: the first write will tell
  if (role[0].text() == "master") return ok();
  return Error(Errc::unavailable,
               fmt::format("{}: the sentinels name this server, but it is no primary (yet): its role is '{}'", server, role[0].text()));
}

}  // namespace conduitd::broker::redis
