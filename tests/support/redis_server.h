#pragma once
// A real redis-server of a test's own: on a Unix socket in a temporary directory, and on TCP or TLS if asked.
//
// Its URLs log in as a user with the rights that `conduitctl redis-acl` prints for the namespace "conduit", no more; what a
// test itself does to the server it does as the default user.

#include <sys/types.h>

#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace conduitd::test {

struct RedisSetup {
  bool tcp = false;                 ///< on a free port of 127.0.0.1 too
  bool tls = false;                 ///< on another, with a certificate for localhost made now
  bool append_only = false;         ///< with appendfsync always: what was accepted survives a kill
  std::string password;             ///< of the default user
  std::string acl;                  ///< further users, each a line as in `user NAME on >secret ~* &* +@all`
  std::vector<std::string> extra;   ///< further options, as on its command line
};

/// Started, and answering, when the constructor returns. Throws std::runtime_error if that cannot be had.
class RedisServer {
 public:
  explicit RedisServer(RedisSetup setup = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  /// Of the user in the URLs: a word that no output has any business with.
  static constexpr const char* kPassword = "canary-3a7e";

  [[nodiscard]] std::string url() const;      ///< redis+unix://
  /// `user` is another than ours, as "name:password".
  [[nodiscard]] std::string tcp_url(const std::string& user = "", const std::string& database = "") const;
  [[nodiscard]] std::string tls_url() const;  ///< rediss://, trusting the test's own authority
  [[nodiscard]] int tcp_port() const { return tcp_port_; }
  [[nodiscard]] int tls_port() const { return tls_port_; }
  [[nodiscard]] std::string socket() const { return dir_.file("redis.sock"); }
  [[nodiscard]] std::string certificate() const { return dir_.file("server.pem"); }
  [[nodiscard]] std::string certificate_key() const { return dir_.file("server.key"); }

  void start();
  void stop();                ///< SIGTERM, and waits for the end
  void kill();                ///< SIGKILL
  void signal(int number);    ///< SIGSTOP, SIGCONT

  /// Runs one command on a connection of its own; arrays and integers come back as text, one element a line.
  /// An error reply throws, unless it is `allowed`.
  std::string command(const std::vector<std::string>& words);
  /// The same, but an error reply is returned.
  std::string try_command(const std::vector<std::string>& words);

 private:
  void make_certificate();
  void write_users() const;
  void wait_until_ready();

  TempDir dir_;
  RedisSetup setup_;
  int tcp_port_ = 0;
  int tls_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace conduitd::test
