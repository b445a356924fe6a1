#include "support/redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

#include "broker/redis_acl.h"

extern char** environ;

namespace conduitd::test {
namespace {

constexpr std::chrono::seconds kStartDeadline{20};
constexpr const char* kLogin = "conduit:rights@";

/// A port nobody has now. Another may take it before the server does; then start() fails and tries another.
int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = fd >= 0 && ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (fd >= 0) ::close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

pid_t spawn(std::vector<std::string> words, const std::string& output) {
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  const int failure = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) throw std::runtime_error("cannot start " + words[0]);
  return pid;
}

void run(std::vector<std::string> words, const std::string& output) {
  const auto name = words[0];
  int status = 0;
  if (::waitpid(spawn(std::move(words), output), &status, 0) < 0 || status != 0) {
    throw std::runtime_error(name + " failed: see " + output);
  }
}

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Context = std::unique_ptr<redisContext, FreeContext>;
using OwnedReply = std::unique_ptr<redisReply, FreeReply>;

OwnedReply ask(redisContext& context, const std::vector<std::string>& words) {
  std::vector<const char*> starts;
  std::vector<std::size_t> sizes;
  for (const auto& word : words) {
    starts.push_back(word.data());
    sizes.push_back(word.size());
  }
  return OwnedReply(
      static_cast<redisReply*>(redisCommandArgv(&context, static_cast<int>(words.size()), starts.data(), sizes.data())));
}

std::string text_of(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
  if (reply.type != REDIS_REPLY_ARRAY) return reply.str == nullptr ? "" : std::string(reply.str, reply.len);
  std::string out;
  for (std::size_t i = 0; i < reply.elements; ++i) out += (i == 0 ? "" : "\n") + text_of(*reply.element[i]);
  return out;
}

Context connect(const std::string& socket, const std::string& password) {
  Context context(redisConnectUnix(socket.c_str()));
  if (!context || context->err != 0) return nullptr;
  if (!password.empty()) ask(*context, {"AUTH", password});
  return context;
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

std::string RedisServer::url() const { return std::string("redis+unix://") + kLogin + socket(); }

std::string RedisServer::tcp_url(const std::string& user, const std::string& database) const {
  return "redis://" + (user.empty() ? kLogin : user + "@") + "127.0.0.1:" + std::to_string(tcp_port_) +
         (database.empty() ? "" : "/" + database);
}

std::string RedisServer::tls_url() const {
  return std::string("rediss://") + kLogin + "localhost:" + std::to_string(tls_port_) + "?tls_ca=" + certificate();
}

void RedisServer::write_users() const {
  std::ofstream users(dir_.file("users.acl"));
  users << "user default on " << (setup_.password.empty() ? "nopass" : ">" + setup_.password) << " ~* &* +@all\n";
  users << "user conduit on >rights";
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
  pid_ = spawn(std::move(words), dir_.file("redis.log"));
  wait_until_ready();
}

void RedisServer::wait_until_ready() {
  const auto end = std::chrono::steady_clock::now() + kStartDeadline;
  while (std::chrono::steady_clock::now() < end) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("redis-server ended at once:\n" + tail_of(dir_.file("redis.log")));
    }
    if (const auto context = connect(socket(), setup_.password)) {
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
  const auto context = connect(socket(), setup_.password);
  const auto reply = context ? ask(*context, words) : nullptr;
  if (!reply) throw std::runtime_error(words[0] + ": no answer");
  if (reply->type == REDIS_REPLY_ERROR) throw std::runtime_error(words[0] + ": " + text_of(*reply));
  return text_of(*reply);
}

std::string RedisServer::try_command(const std::vector<std::string>& words) {
  const auto context = connect(socket(), setup_.password);
  const auto reply = context ? ask(*context, words) : nullptr;
  return reply ? text_of(*reply) : "";
}

void RedisServer::make_certificate() {
  run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
       "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", dir_.file("server.key"), "-out", certificate()},
      dir_.file("openssl.log"));
}

}  // namespace conduitd::test
