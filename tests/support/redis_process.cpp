#include "support/redis_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

extern char** environ;

namespace conduitd::test {

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

pid_t start_process(std::vector<std::string> words, const std::string& output) {
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

namespace {

Context logged_in(Context context, const std::string& password) {
  if (!context || context->err != 0) return nullptr;
  if (!password.empty()) ask(*context, {"AUTH", password});
  return context;
}

}  // namespace

Context connect_to(const std::string& socket, const std::string& password) {
  return logged_in(Context(redisConnectUnix(socket.c_str())), password);
}

Context connect_to(int port, const std::string& password) {
  return logged_in(Context(redisConnect("127.0.0.1", port)), password);
}

}  // namespace conduitd::test
