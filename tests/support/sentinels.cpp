#include "support/sentinels.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <stdexcept>

#include "support/redis_process.h"

namespace conduitd::test {
namespace {

void wait_until(const std::string& what, const std::function<bool()>& condition) {
  constexpr std::chrono::seconds kPatience{20};
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("in 20 s there was no " + what);
    ::poll(nullptr, 0, 10);
  }
}

/// The value after a name in a flat list of both, one a line.
std::string value_of(const std::string& list, const std::string& name) {
  const auto at = ("\n" + list).find("\n" + name + "\n");
  if (at == std::string::npos) return "";
  const auto begin = at + name.size() + 1;
  return list.substr(begin, list.find('\n', begin) - begin);
}

}  // namespace

Sentinels::Sentinels(RedisSetup setup) {
  setup.tcp = true;
  first_ = std::make_unique<RedisServer>(setup);
  setup.extra.insert(setup.extra.end(), {"--replicaof", "127.0.0.1", std::to_string(first_->tcp_port()), "--repl-diskless-sync-delay", "0"});
  second_ = std::make_unique<RedisServer>(setup);
  wait_until("replication", [this] { return second_->try_command({"INFO", "replication"}).find("master_link_status:up") != std::string::npos; });
  constexpr int kCount = 3;
  for (int i = 0; i < kCount; ++i) start_sentinel(free_port());
  for (const int port : ports_) {
    wait_until("agreement of the sentinels", [this, port] {
      const auto known = ask_sentinel(port, {"SENTINEL", "MASTER", "mymaster"});
      return value_of(known, "num-slaves") == "1" && value_of(known, "num-other-sentinels") == "2";
    });
  }
}

Sentinels::~Sentinels() {
  for (const pid_t pid : pids_) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

void Sentinels::start_sentinel(int port) {
  const auto file = dir_.file("sentinel" + std::to_string(port) + ".conf");
  std::ofstream(file) << "port " << port << "\nbind 127.0.0.1\ndir " << dir_.path().string() << "\nrequirepass " << kPassword
                      << "\nsentinel sentinel-pass " << kPassword << "\nsentinel monitor mymaster 127.0.0.1 " << first_->tcp_port()
                      << " 2\nsentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 3000\n";
  ports_.push_back(port);
  pids_.push_back(start_process({"redis-server", file, "--sentinel"}, dir_.file("sentinels.log")));
}

std::string Sentinels::ask_sentinel(int port, const std::vector<std::string>& words) {
  const auto context = connect_to(port, kPassword);
  const auto reply = context ? ask(*context, words) : nullptr;
  return reply ? text_of(*reply) : "";
}

std::string Sentinels::url() const {
  std::string hosts;
  for (const int port : ports_) hosts += (hosts.empty() ? "" : ",") + std::string("127.0.0.1:") + std::to_string(port);
  return std::string("redis-sentinel://conduit:") + RedisServer::kPassword + "@" + hosts + "/mymaster/0?sentinel_password=" + kPassword;
}

void Sentinels::wait_for_promotion() {
  // A fail-over closes connections, this question's too: then it is asked again.
  wait_until("promotion", [this] { return second_->try_command({"INFO", "replication"}).find("role:master") != std::string::npos; });
}

void Sentinels::fail_over() {
  wait_until("fail-over", [this] { return ask_sentinel(ports_.front(), {"SENTINEL", "FAILOVER", "mymaster"}) == "OK"; });
  wait_for_promotion();
}

TlsSentinel::TlsSentinel(const RedisServer& primary) : authority_(primary.certificate()), port_(free_port()) {
  const auto file = dir_.file("sentinel.conf");
  // The certificate is for a name, so they must be told by it.
  std::ofstream(file) << "port 0\ntls-port " << port_ << "\ntls-replication yes\ntls-auth-clients no\ntls-cert-file " << authority_
                      << "\ntls-key-file " << primary.certificate_key() << "\ntls-ca-cert-file " << authority_ << "\nbind 127.0.0.1\ndir "
                      << dir_.path().string() << "\nsentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n"
                      << "sentinel monitor mymaster localhost " << primary.tls_port() << " 1\n";
  pid_ = start_process({"redis-server", file, "--sentinel"}, dir_.file("sentinel.log"));
  wait_until("sentinel that listens", [this] { return connect_to(port_, "") != nullptr; });
}

TlsSentinel::~TlsSentinel() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string TlsSentinel::url() const {
  return std::string("rediss-sentinel://conduit:") + RedisServer::kPassword + "@localhost:" + std::to_string(port_) +
         "/mymaster/0?tls_ca=" + authority_;
}

}  // namespace conduitd::test
