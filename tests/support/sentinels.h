#pragma once
// A primary, a replica of it and three sentinels that watch them, on free ports of 127.0.0.1.

#include <memory>
#include <string>
#include <vector>

#include "support/redis_server.h"

namespace conduitd::test {

/// All know each other when the constructor returns. Throws std::runtime_error if that cannot be had.
class Sentinels {
 public:
  explicit Sentinels(RedisSetup setup = {});
  ~Sentinels();
  Sentinels(const Sentinels&) = delete;
  Sentinels& operator=(const Sentinels&) = delete;

  /// redis-sentinel://, with the password of the sentinels.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] RedisServer& primary() { return *first_; }
  [[nodiscard]] RedisServer& replica() { return *second_; }
  /// Waits until the replica has been made the primary.
  void wait_for_promotion();
  /// Asks the sentinels for a fail-over while all is well.
  void fail_over();
  static constexpr const char* kPassword = "sent1nel";

 private:
  void start_sentinel(int port);
  std::string ask_sentinel(int port, const std::vector<std::string>& words);

  TempDir dir_;
  std::unique_ptr<RedisServer> first_;
  std::unique_ptr<RedisServer> second_;
  std::vector<int> ports_;
  std::vector<pid_t> pids_;
};

/// One sentinel that speaks TLS alone, to the server that it watches too. With the server's certificate, which is for localhost.
class TlsSentinel {
 public:
  explicit TlsSentinel(const RedisServer& primary);
  ~TlsSentinel();
  TlsSentinel(const TlsSentinel&) = delete;
  TlsSentinel& operator=(const TlsSentinel&) = delete;

  /// rediss-sentinel://, trusting the server's authority.
  [[nodiscard]] std::string url() const;

 private:
  TempDir dir_;
  std::string authority_;
  int port_;
  pid_t pid_ = -1;
};

}  // namespace conduitd::test
