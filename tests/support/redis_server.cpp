#include "support/redis_server.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "broker/redis_acl.h"
#include "support/redis_process.h"

namespace conduitd::test {
namespace {

constexpr std::chrono::seconds kStartDeadline{20};
std::string login() { return std::string("conduit:") + RedisServer::kPassword + "@"; }

void run(std::vector<std::string> words, const std::string& output) {
  const auto name = words[0];
  int status = 0;
  if (::waitpid(start_process(std::move(words), output), &status, 0) < 0 || status != 0) {
    throw std::runtime_error(name + " failed: see " + output);
  }
}

std::string tail_of(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  const auto all = text.str();
  return all.substr(all.size() > 2000 ? all.size() - 2000 : 0);
}

}  // namespace

RedisServer::RedisServer(RedisSetup setup) : setup_(std::move(setup)) {
  if (setup_.tls) make_certificate();
  for (int tries = 0;; ++tries) {
    if (setup_.tcp) tcp_port_ = free_port();
    if (setup_.tls) tls_port_ = free_port();
    try {
      start();
      return;
    } catch (const std::runtime_error&) {
      constexpr int kMostTries = 3;
      if (tries == kMostTries) throw;
    }
  }
}

RedisServer::~RedisServer() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGCONT);
  kill();
}

std::string RedisServer::url() const { return "redis+unix://" + login() + socket(); }

std::string RedisServer::tcp_url(const std::string& user, const std::string& database) const {
  return "redis://" + (user.empty() ? login() : user + "@") + "127.0.0.1:" + std::to_string(tcp_port_) +
         (database.empty() ? "" : "/" + database);
}

std::string RedisServer::tls_url() const {
  return "rediss://" + login() + "localhost:" + std::to_string(tls_port_) + "?tls_ca=" + certificate();
}

void RedisServer::write_users() const {
  std::ofstream users(dir_.file("users.acl"));
  users << "user default on " << (setup_.password.empty() ? "nopass" : ">" + setup_.password) << " ~* &* +@all\n";
  users << "user conduit on >" << kPassword;
  for (const auto& rule : conduitd::broker::redis_acl(conduitd::broker::RedisRole::worker, "conduit")) users << ' ' << rule;
  users << '\n' << setup_.acl << '\n';
}

void RedisServer::start() {
  std::vector<std::string> words{"redis-server", "--dir", dir_.path().string(), "--unixsocket", socket(), "--save", ""};
  const auto add = [&](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
  add({"--port", std::to_string(tcp_port_), "--bind", "127.0.0.1", "--daemonize", "no"});
  if (setup_.append_only) add({"--appendonly", "yes", "--appendfsync", "always"});
  add({"--aclfile", dir_.file("users.acl")});
  if (setup_.tls) {
    add({"--tls-port", std::to_string(tls_port_), "--tls-cert-file", certificate(), "--tls-key-file", dir_.file("server.key"),
         "--tls-ca-cert-file", certificate(), "--tls-auth-clients", "no"});
  }
  words.insert(words.end(), setup_.extra.begin(), setup_.extra.end());
  write_users();
  ::unlink(socket().c_str());
  pid_ = start_process(std::move(words), dir_.file("redis.log"));
  wait_until_ready();
}

void RedisServer::wait_until_ready() {
  const auto end = std::chrono::steady_clock::now() + kStartDeadline;
  while (std::chrono::steady_clock::now() < end) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("redis-server ended at once:\n" + tail_of(dir_.file("redis.log")));
    }
    if (const auto context = connect_to(socket(), setup_.password)) {
      const auto reply = ask(*context, {"PING"});
      if (reply && reply->type != REDIS_REPLY_ERROR) return;
    }
    ::poll(nullptr, 0, 2);
  }
  throw std::runtime_error("redis-server does not answer:\n" + tail_of(dir_.file("redis.log")));
}

void RedisServer::stop() {
  signal(SIGTERM);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::kill() {
  signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void RedisServer::signal(int number) {
  if (pid_ > 0) ::kill(pid_, number);
}

std::string RedisServer::command(const std::vector<std::string>& words) {
  const auto context = connect_to(socket(), setup_.password);
  const auto reply = context ? ask(*context, words) : nullptr;
  if (!reply) throw std::runtime_error(words[0] + ": no answer");
  if (reply->type == REDIS_REPLY_ERROR) throw std::runtime_error(words[0] + ": " + text_of(*reply));
  return text_of(*reply);
}

std::string RedisServer::try_command(const std::vector<std::string>& words) {
  const auto context = connect_to(socket(), setup_.password);
  const auto reply = context ? ask(*context, words) : nullptr;
  return reply ? text_of(*reply) : "";
}

void RedisServer::make_certificate() {
  run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
       "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", dir_.file("server.key"), "-out", certificate()},
      dir_.file("openssl.log"));
}

}  // namespace conduitd::test
