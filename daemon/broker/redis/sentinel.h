#pragma once
// What sentinels are asked and what their answers mean: where the primary is, and whether a server is it. Pure.

#include <cstddef>
#include <string>
#include <vector>

#include "broker/redis/resp.h"
#include "base/broker_url.h"

namespace conduitd::broker::redis {

/// Which sentinel is asked first: the one that knew last time.
class SentinelOrder {
 public:
  explicit SentinelOrder(std::size_t count) : count_(count) {}
  /// The number of the sentinel to ask at `turn`, from 0.
  [[nodiscard]] std::size_t at(std::size_t turn) const { return (first_ + turn) % count_; }
  void answered(std::size_t number) { first_ = number; }

 private:
  std::size_t count_;
  std::size_t first_ = 0;
};

/// One of the sentinels as an endpoint to dial.
[[nodiscard]] RedisEndpoint sentinel_at(const RedisEndpoint& endpoint, const RedisAddress& address);
/// Logs in, if the sentinels have a password, and asks for the primary.
[[nodiscard]] Pipeline sentinel_question(const RedisEndpoint& endpoint);
/// The primary from the replies. Errc::unavailable if this sentinel does not know it now, Errc::refused if it does not let
/// us in.
[[nodiscard]] Result<RedisAddress> sentinel_answer(const RedisEndpoint& endpoint, const std::vector<Reply>& replies,
                                              const std::string& sentinel);
/// Where the primary's clients connect.
[[nodiscard]] RedisEndpoint primary_at(const RedisEndpoint& endpoint, const RedisAddress& address);
/// An error unless a ROLE reply is a primary's: sentinels may say for a moment what is no longer so.
[[nodiscard]] Result<> check_primary(ReplyView role, const std::string& server);

}  // namespace conduitd::broker::redis
