#include "hosts/zygote_link.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstring>
#include <string_view>
#include <vector>

extern char** environ;

namespace asio = boost::asio;

namespace conduitd::hosts {
namespace {

constexpr int kZygoteFd = 3;

Error errno_error(const char* what) {
  return Error(boost::system::error_code(errno, boost::system::system_category()), what);
}

/// Our environment without what the service manager said to us alone: a plugin must not speak in our name.
std::vector<char*> environment_for_plugins() {
  constexpr std::array<std::string_view, 5> kOurs{"NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=", "CREDENTIALS_DIRECTORY=",
                                                  "LISTEN_FDS="};
  std::vector<char*> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const bool ours = std::any_of(kOurs.begin(), kOurs.end(), [text](auto prefix) { return text.starts_with(prefix); });
    if (!ours) kept.push_back(*entry);
  }
  kept.push_back(nullptr);
  return kept;
}

}  // namespace

ZygoteLink::ZygoteLink(asio::any_io_executor executor, Clock& clock, Options options)
    : executor_(executor),
      clock_(clock),
      options_(std::move(options)),
      socket_(executor),
      loaded_(executor, asio::steady_timer::time_point::max()),
      tasks_(executor) {}

Result<> ZygoteLink::run_process() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return errno_error("socketpair");
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);

  // posix_spawn, not fork: this process has threads. Signals start out as a fresh program expects them.
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), kZygoteFd);
  sigset_t all;
  sigset_t none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  std::string program = options_.executable;
  std::string flag = "--zygote";
  std::string number = std::to_string(kZygoteFd);
  std::string name = "conduitd";
  std::array<char*, 4> arguments{name.data(), flag.data(), number.data(), nullptr};
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, arguments.data(),
                                   environment_for_plugins().data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    errno = failed;
    return errno_error(("start " + program + " --zygote").c_str());
  }
  pid_ = pid;
  socket_.assign(asio::local::stream_protocol(), ours.release());
  return ok();
}

asio::awaitable<Result<std::string>> ZygoteLink::start() {
  CONDUIT_CO_TRY(run_process());
  tasks_.spawn("zygote frames", read_frames());
  std::string load;
  channel::append_frame(load, channel::FrameType::load, 0, channel::encode(options_.load));
  boost::system::error_code error;
  co_await asio::async_write(socket_, asio::buffer(load), asio::redirect_error(asio::use_awaitable, error));
  if (!error && !manifest_ && !gone_) {
    loaded_.expires_at(clock_.now() + options_.load_timeout);
    co_await loaded_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
  if (manifest_) co_return *manifest_;
  if (gone_) co_return Error(Errc::unavailable, "the zygote ended before it had loaded the plugins");
  co_return Error(Errc::timed_out, "the zygote did not load the plugins in time");
}

asio::awaitable<Result<ZygoteLink::HostEnds>> ZygoteLink::spawn(channel::Spawn request) {
  if (gone_) co_return Error(Errc::unavailable, "fork a host: the zygote is gone");
  request.host = next_host_++;
  const auto waiter = std::make_shared<Waiter>(executor_);
  waiter->ends.number = request.host;
  waiter->timer.expires_at(clock_.now() + options_.spawn_timeout);
  waiters_[request.host] = waiter;
  std::string frame;
  channel::append_frame(frame, channel::FrameType::spawn, 0, channel::encode(request));
  boost::system::error_code error;
  co_await asio::async_write(socket_, asio::buffer(frame), asio::redirect_error(asio::use_awaitable, error));
  if (!error && !waiter->answered) {
    co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
  waiters_.erase(request.host);
  if (!waiter->answered) co_return Error(Errc::unavailable, "fork a host: no answer from the zygote");
  if (waiter->ends.pid <= 0) {
    errno = static_cast<int>(-waiter->ends.pid);
    co_return errno_error("fork a host");
  }
  // They came with the answer, but found no room in this process. The host sees that its pipe is closed, and ends.
  if (!waiter->ends.channel.valid() || !waiter->ends.output.valid()) {
    errno = EMFILE;
    co_return errno_error("fork a host: its pipes");
  }
  co_return std::move(waiter->ends);
}

asio::awaitable<void> ZygoteLink::stop() {
  gone_ = true;
  co_await tasks_.stop();
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (pid_ > 0) {
    ::kill(static_cast<pid_t>(pid_), SIGKILL);  // it has nothing to finish: hosts live on their own pipes
    reap();
  }
}

void ZygoteLink::reap() {
  int status = 0;
  while (::waitpid(static_cast<pid_t>(pid_), &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
}

asio::awaitable<void> ZygoteLink::read_frames() {
  for (;;) {
    boost::system::error_code error;
    co_await socket_.async_wait(asio::socket_base::wait_read, asio::redirect_error(asio::use_awaitable, error));
    if (tasks_.stopping()) co_return;
    if (error || !receive() || !deliver()) break;
  }
  gone_ = true;
  loaded_.cancel();
  for (auto& [host, waiter] : waiters_) waiter->timer.cancel();
  if (pid_ > 0) {
    ::kill(static_cast<pid_t>(pid_), SIGKILL);  // if it sent garbage it may still be alive
    reap();
  }
  if (on_death) on_death();
}

bool ZygoteLink::receive() {
  constexpr std::size_t kMostDescriptors = 8;
  std::array<char, CMSG_SPACE(kMostDescriptors * sizeof(int))> control{};
  iovec room{reader_.prepare(channel::kReadSize), channel::kReadSize};
  msghdr message{};
  message.msg_iov = &room;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto size = ::recvmsg(socket_.native_handle(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      descriptors_.emplace_back(descriptor);
    }
  }
  reader_.commit(static_cast<std::size_t>(size));
  return true;
}

bool ZygoteLink::deliver() {
  for (;;) {
    const auto frame = reader_.next();
    if (!frame.has_value()) return false;
    if (!frame.value()) return true;
    const auto body = frame.value()->body;
    switch (frame.value()->type) {
      case channel::FrameType::manifest:
        manifest_ = std::string(body);
        loaded_.cancel();
        break;
      case channel::FrameType::spawned:
        take_spawned(body);
        break;
      case channel::FrameType::exited:
        if (const auto exited = channel::decode<channel::Exited>(body); exited.has_value() && on_exit) {
          on_exit(exited.value());
        }
        break;
      default:
        return false;
    }
  }
}

UniqueFd ZygoteLink::next_descriptor() {
  if (descriptors_.empty()) return UniqueFd();
  UniqueFd descriptor = std::move(descriptors_.front());
  descriptors_.pop_front();
  return descriptor;
}

void ZygoteLink::take_spawned(std::string_view body) {
  const auto spawned = channel::decode<channel::Spawned>(body);
  if (!spawned.has_value()) return;
  HostEnds ends;
  ends.number = spawned.value().host;
  ends.pid = spawned.value().pid;
  if (ends.pid > 0) {
    ends.channel = next_descriptor();
    ends.output = next_descriptor();
  }
  // Nobody waits any more: the ends are closed here, and the host sees that and ends.
  const auto found = waiters_.find(spawned.value().host);
  if (found == waiters_.end()) return;
  found->second->ends = std::move(ends);
  found->second->answered = true;
  found->second->timer.cancel();
}

}  // namespace conduitd::hosts
