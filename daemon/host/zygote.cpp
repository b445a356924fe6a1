#include "host/zygote.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "channel/frame.h"
#include "channel/messages.h"
#include "host/attempt_context.h"
#include "host/exit.h"
#include "host/host_main.h"
#include "host/oom_watch.h"
#include "host/process_setup.h"
#include "host/usage.h"
#include "plugin/library.h"
#include "plugin/probe.h"

namespace conduitd::host {
namespace {

using channel::FrameType;

Error os_error(std::string what) {
  return {boost::system::error_code(errno, boost::system::system_category()), std::move(what)};
}

/// The *.so of a directory, in order of name.
Result<std::vector<std::string>> plugin_files(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->path().extension() == ".so") files.push_back(at->path().string());
  }
  if (failed) {
    return Error(boost::system::error_code(failed), fmt::format("plugin directory '{}' cannot be read", directory));
  }
  std::ranges::sort(files);
  return files;
}

/// The two pairs of ends of a host to be.
struct HostPipes {
  UniqueFd channel;  // the supervisor's
  UniqueFd output;
  UniqueFd host_channel;
  UniqueFd host_output;

  static Result<HostPipes> make() {
    int sockets[2];
    int pipe[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return os_error("no channel for a host");
    HostPipes pipes{UniqueFd(sockets[0]), {}, UniqueFd(sockets[1]), {}};
    if (::pipe2(pipe, O_CLOEXEC) != 0) return os_error("no pipe for a host's output");
    pipes.output.reset(pipe[0]);
    pipes.host_output.reset(pipe[1]);
    return pipes;
  }
};

class Zygote {
 public:
  explicit Zygote(int fd) : fd_(fd) {}

  int run();

 private:
  Result<bool> read();
  Result<> dispatch(const channel::FrameReader::Frame& frame);
  Result<> load(const channel::Load& load);
  Result<channel::PluginManifest> load_one(const std::string& path, Millis timeout);
  Result<> spawn(const channel::Spawn& spawn);
  [[noreturn]] void become_host(const channel::Spawn& spawn, HostPipes pipes);
  Result<> reap();
  Result<> send(std::string_view bytes, std::array<int, 2> descriptors = {-1, -1}) const;
  Result<> send(FrameType type, std::string_view body) const;

  const int fd_;
  UniqueFd signals_;
  OomWatch oom_;
  channel::FrameReader reader_;
  plugin::Registry registry_;
  std::vector<plugin::Image> late_;                // plugins that start threads: every host loads them itself
  std::map<std::int64_t, channel::Executor> hosts_;  // by pid
};

sigset_t child_signal() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  return set;
}

int Zygote::run() {
  const sigset_t child = child_signal();
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  signals_.reset(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  while (true) {
    pollfd watched[2] = {{fd_, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    if (::poll(watched, 2, -1) < 0 && errno != EINTR) return kExitProtocol;
    if (watched[1].revents != 0) {
      signalfd_siginfo info{};
      (void)!::read(signals_.get(), &info, sizeof info);
      if (!reap().has_value()) return 0;
    }
    if (watched[0].revents == 0) continue;
    const auto more = read();
    if (!more.has_value()) {
      std::fprintf(stderr, "zygote: %s\n", more.error().message().c_str());
      return more.error().is(Errc::protocol) ? kExitProtocol : 0;
    }
    if (!more.value()) return 0;
  }
}

Result<bool> Zygote::read() {
  constexpr std::size_t kReadSize = 16 * 1024;
  const ssize_t got = ::recv(fd_, reader_.prepare(kReadSize), kReadSize, MSG_DONTWAIT);
  if (got == 0) return false;
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  reader_.commit(static_cast<std::size_t>(got));
  while (true) {
    CONDUIT_TRY(const auto frame, reader_.next());
    if (!frame) return true;
    CONDUIT_TRY(dispatch(*frame));
  }
}

Result<> Zygote::dispatch(const channel::FrameReader::Frame& frame) {
  if (frame.type == FrameType::load) {
    CONDUIT_TRY(const auto load_this, channel::decode<channel::Load>(frame.body));
    return load(load_this);
  }
  if (frame.type == FrameType::spawn) {
    CONDUIT_TRY(const auto spawn_this, channel::decode<channel::Spawn>(frame.body));
    return spawn(spawn_this);
  }
  return Error(Errc::protocol, "a zygote is not sent frames of this type");
}

Result<> Zygote::load(const channel::Load& load) {
  std::vector<channel::PluginManifest> manifests;
  const auto refuse = [&](const std::string& path, std::string why) {
    channel::PluginManifest refused;
    refused.path = path;
    refused.fault = std::move(why);
    manifests.push_back(std::move(refused));
  };
  const auto files = plugin_files(load.directory);
  if (!files.has_value()) {
    // Taken for an empty one, a mistyped name would take all tasks away at the next reload.
    refuse(load.directory, files.error().message() + ": make it, or correct plugins.directory");
    return send(FrameType::manifest, channel::encode_manifests(manifests));
  }
  for (const auto& path : files.value()) {
    auto manifest = load_one(path, Millis(load.timeout_ms));
    if (manifest.has_value()) {
      manifests.push_back(std::move(manifest.value()));
    } else {
      refuse(path, manifest.error().message());
    }
  }
  return send(FrameType::manifest, channel::encode_manifests(manifests));
}

Result<channel::PluginManifest> Zygote::load_one(const std::string& path, Millis timeout) {
  const auto about = fmt::format("plugin '{}'", path);
  auto image = plugin::Image::open(path);
  if (!image.has_value()) return image.error().within(about);
  CONDUIT_TRY(auto manifest, plugin::probe(image.value(), timeout));
  const auto taken = registry_.conflict(manifest);
  if (!taken.empty()) return Error(Errc::conflict, taken).within(about);
  if (manifest.starts_threads) {
    late_.push_back(std::move(image.value()));
    registry_.reserve(manifest);
    return manifest;
  }
  const auto plugin = plugin::load_library(std::move(image.value()));
  if (!plugin.has_value()) return plugin.error().within(about);
  const auto loaded = registry_.load(*plugin.value(), context_api());
  if (!loaded.has_value()) return loaded.error().within(about);
  return manifest;
}

Result<> Zygote::spawn(const channel::Spawn& spawn) {
  channel::Spawned spawned{spawn.host, 0};
  std::array<int, 2> descriptors{-1, -1};
  auto pipes = HostPipes::make();
  if (!pipes.has_value()) {
    spawned.pid = -pipes.error().code.value();
  } else {
    // Buffered output of ours would be written by every host that exits.
    std::fflush(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) become_host(spawn, std::move(pipes.value()));
    spawned.pid = pid < 0 ? -errno : pid;
    if (pid > 0) {
      if (spawn.executor == channel::Executor::process) ::setpgid(pid, pid);
      hosts_.emplace(pid, spawn.executor);
      descriptors = {pipes.value().channel.get(), pipes.value().output.get()};
    }
  }
  std::string frame;
  channel::append_frame(frame, FrameType::spawned, 0, channel::encode(spawned));
  return send(frame, descriptors);
}

void Zygote::become_host(const channel::Spawn& spawn, HostPipes pipes) {
  const sigset_t child = child_signal();
  ::sigprocmask(SIG_UNBLOCK, &child, nullptr);
  signals_.reset();
  ::close(fd_);
  pipes.channel.reset();
  pipes.output.reset();
  host_main({spawn, std::move(pipes.host_channel), std::move(pipes.host_output), registry_, late_});
}

Result<> Zygote::reap() {
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return ok();
    const auto host = hosts_.find(info.si_pid);
    const bool is_child = host != hosts_.end() && host->second == channel::Executor::process;
    // While it is not reaped its number, which is its group's, cannot be given to anybody else.
    if (is_child) ::kill(-info.si_pid, SIGKILL);
    channel::Exited exited;
    exited.pid = info.si_pid;
    rusage used{};
    ::wait4(info.si_pid, &exited.wait_status, 0, &used);
    exited.cpu_us = Usage::of(used).cpu_us;
    exited.peak_rss_kib = Usage::of(used).peak_rss_kib;
    if (WIFSIGNALED(exited.wait_status) && WTERMSIG(exited.wait_status) == SIGKILL) exited.oom = oom_.killed_one();
    if (host == hosts_.end()) continue;
    hosts_.erase(host);
    if (is_child) {
      std::vector<std::int64_t> known;
      for (const auto& [pid, executor] : hosts_) known.push_back(pid);
      end_orphans(known);
    }
    CONDUIT_TRY(send(FrameType::exited, channel::encode(exited)));
  }
}

Result<> Zygote::send(FrameType type, std::string_view body) const {
  std::string frame;
  channel::append_frame(frame, type, 0, body);
  return send(frame);
}

/// Writes all of `bytes`, the descriptors with the first of them. Blocks: the supervisor always reads.
Result<> Zygote::send(std::string_view bytes, std::array<int, 2> descriptors) const {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptors)] = {};
  bool attach = descriptors[0] >= 0;
  while (!bytes.empty()) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (attach) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof descriptors);
      std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof descriptors);
    }
    const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return os_error("the supervisor is gone");
    attach = false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return ok();
}

}  // namespace

int zygote_main(int fd) {
  constexpr int kFd = 3;
  set_up_zygote();
  if (!move_fd(fd, kFd)) return kExitProtocol;
  close_from(kFd + 1);
  // The supervisor may have made its end of the pair, and so ours, non-blocking.
  ::fcntl(kFd, F_SETFL, ::fcntl(kFd, F_GETFL) & ~O_NONBLOCK);
  return Zygote(kFd).run();
}

}  // namespace conduitd::host
