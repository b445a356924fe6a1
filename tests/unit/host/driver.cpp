#include "driver.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "host/zygote.h"

namespace conduitd::test {
namespace {

using channel::FrameType;

int millis_until(SteadyTime deadline) {
  const auto left = std::chrono::ceil<Millis>(deadline - SystemClock().now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

bool await_readable(int fd, SteadyTime deadline) {
  pollfd watched{fd, POLLIN, 0};
  while (true) {
    const int ready = ::poll(&watched, 1, millis_until(deadline));
    if (ready > 0) return true;
    if (ready == 0 && SystemClock().now() >= deadline) return false;
  }
}

/// Waits for the end of any process, child or not.
bool await_process_end(std::int64_t pid, Millis deadline) {
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (!process.valid()) return errno == ESRCH;
  return await_readable(process.get(), SystemClock().now() + deadline);
}

}  // namespace

void Peer::send_body(FrameType type, std::uint32_t handle, std::string_view body) {
  std::string frame;
  channel::append_frame(frame, type, handle, body);
  send_bytes(frame);
}

void Peer::send_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) throw std::runtime_error(std::string("send: ") + std::strerror(errno));
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool Peer::read(SteadyTime deadline) {
  if (!await_readable(fd_.get(), deadline)) throw std::runtime_error("no frame came in time");
  constexpr std::size_t kSize = 64 * 1024;
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
  iovec part{reader_.prepare(kSize), kSize};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(fd_.get(), &message, MSG_CMSG_CLOEXEC);
  if (got <= 0) return false;
  reader_.commit(static_cast<std::size_t>(got));
  for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    std::array<int, 2> fds{};
    std::memcpy(fds.data(), CMSG_DATA(header), sizeof fds);
    for (const int fd : fds) descriptors_.emplace_back(fd);
  }
  return true;
}

std::optional<Seen> Peer::next(Millis patience) {
  const auto deadline = SystemClock().now() + patience;
  while (true) {
    const auto frame = reader_.next();
    if (!frame.has_value()) throw std::runtime_error(frame.error().message());
    if (frame.value()) return Seen{frame.value()->type, frame.value()->handle, std::string(frame.value()->body)};
    if (!read(deadline)) return std::nullopt;
  }
}

Seen Peer::await(FrameType type, std::uint32_t handle, Millis deadline) {
  const auto wanted = [&](const Seen& seen) { return seen.type == type && seen.handle == handle; };
  const auto kept = std::ranges::find_if(kept_, wanted);
  if (kept != kept_.end()) {
    Seen found = std::move(*kept);
    kept_.erase(kept);
    return found;
  }
  while (true) {
    auto seen = next(deadline);
    if (!seen) throw std::runtime_error("the channel ended before the frame came");
    if (wanted(*seen)) return std::move(*seen);
    kept_.push_back(std::move(*seen));
  }
}

std::vector<Seen> Peer::attempt(std::uint32_t handle) {
  Seen outcome = await(FrameType::outcome, handle);
  std::vector<Seen> mine;
  std::vector<Seen> others;
  for (auto& seen : kept_) (seen.handle == handle && seen.type != FrameType::ready ? mine : others).push_back(std::move(seen));
  kept_ = std::move(others);
  mine.push_back(std::move(outcome));
  return mine;
}

channel::Outcome Peer::outcome(std::uint32_t handle) { return attempt(handle).back().as<channel::Outcome>(); }

std::string Host::read_output() {
  std::string text;
  std::array<char, 4096> buffer{};
  const auto deadline = SystemClock().now() + kPatience;
  while (await_readable(output.get(), deadline)) {
    const ssize_t got = ::read(output.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

void Host::start(std::uint32_t handle, std::string task, std::string args) {
  channel::Start message;
  message.task = std::move(task);
  message.job_id = "default:" + std::to_string(handle);
  message.queue = "default";
  message.args = std::move(args);
  message.attempt = 1;
  message.max_attempts = 4;
  start(handle, message);
}

bool Host::await_end(Millis deadline) const { return await_process_end(pid, deadline); }

Zygote::Zygote() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) throw std::runtime_error("socketpair");
  std::fflush(nullptr);  // so that no child writes it again
  pid_ = ::fork();
  if (pid_ == 0) {
    ::close(pair[0]);
    ::_exit(host::zygote_main(pair[1]));
  }
  ::close(pair[1]);
  peer_ = Peer(UniqueFd(pair[0]));
}

Zygote::~Zygote() {
  peer_.close();
  if (pid_ < 0) return;
  if (!await_process_end(pid_, kPatience)) ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::vector<channel::PluginManifest> Zygote::load(const std::string& directory, Millis timeout) {
  peer_.send(FrameType::load, 0, channel::Load{directory, timeout.count()});
  auto manifests = channel::decode_manifests(peer_.await(FrameType::manifest).body);
  if (!manifests.has_value()) throw std::runtime_error(manifests.error().message());
  return std::move(manifests.value());
}

void Zygote::load_plugin(const std::string& name) {
  for (const auto& manifest : load(plugin_folder(name))) {
    if (!manifest.fault.empty()) throw std::runtime_error(manifest.fault);
  }
}

Host Zygote::spawn(const channel::Spawn& spawn) {
  peer_.send(FrameType::spawn, 0, spawn);
  const auto spawned = peer_.await(FrameType::spawned).as<channel::Spawned>();
  auto descriptors = peer_.take_descriptors();
  if (spawned.pid <= 0 || spawned.host != spawn.host || descriptors.size() != 2) throw std::runtime_error("not spawned");
  return {spawned.pid, Peer(std::move(descriptors[0])), std::move(descriptors[1])};
}

Host Zygote::spawn_ready(channel::Executor executor, std::uint32_t width) {
  channel::Spawn request;
  request.host = ++last_host_;
  request.executor = executor;
  request.width = width;
  auto host = spawn(request);
  const auto ready = host.channel.await(FrameType::ready).as<channel::Ready>();
  if (!ready.fault.empty() || ready.pid != host.pid) throw std::runtime_error("not ready: " + ready.fault);
  return host;
}

int Zygote::exit_status(std::int64_t pid) {
  while (true) {
    const auto exited = peer_.await(FrameType::exited).as<channel::Exited>();
    if (exited.pid == pid) return exited.wait_status;
  }
}

int Zygote::end() {
  peer_.close();
  int status = 0;
  if (!await_process_end(pid_, kPatience)) throw std::runtime_error("the zygote did not end");
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string plugin_folder(const std::string& name) { return std::string(CONDUIT_TEST_PLUGINS) + "/" + name; }

bool eventually(const std::function<bool()>& condition, Millis patience) {
  const auto deadline = SystemClock().now() + patience;
  while (!condition()) {
    if (SystemClock().now() >= deadline) return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

}  // namespace conduitd::test
