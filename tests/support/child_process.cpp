#include "support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <stdexcept>

extern char** environ;

namespace conduitd::test {
namespace {

using Steady = std::chrono::steady_clock;

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

int milliseconds_until(Steady::time_point end) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Steady::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> arguments, std::vector<std::string> environment) {
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  out_.reset(pipe[0]);
  const UniqueFd write_end(pipe[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), 1);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int failed = ::posix_spawn(&pid_, arguments[0].c_str(), &actions, &attributes, pointers(arguments).data(),
                                   pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + arguments[0]);
}

ChildProcess::~ChildProcess() {
  ::kill(-pid_, SIGKILL);
  if (!exited_) ::waitpid(pid_, &status_, 0);
}

bool ChildProcess::read_some(Steady::time_point end) {
  pollfd waiting{out_.get(), POLLIN, 0};
  if (::poll(&waiting, 1, milliseconds_until(end)) <= 0) return true;
  std::array<char, 4096> room{};
  const auto size = ::read(out_.get(), room.data(), room.size());
  if (size > 0) output_.append(room.data(), static_cast<std::size_t>(size));
  return size > 0;
}

std::string ChildProcess::wait_for_line(const std::string& text, Deadline deadline) {
  const auto end = Steady::now() + deadline;
  for (;;) {
    for (auto newline = output_.find('\n', seen_); newline != std::string::npos; newline = output_.find('\n', seen_)) {
      const std::string line = output_.substr(seen_, newline - seen_);
      seen_ = newline + 1;
      if (line.find(text) != std::string::npos) return line;
    }
    if (Steady::now() >= end) give_up("no line with '" + text + "' in time");
    if (!read_some(end)) give_up("the output ended without a line with '" + text + "'");
  }
}

void ChildProcess::signal(int number) const { ::kill(pid_, number); }

bool ChildProcess::running() {
  if (!exited_) exited_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
  return !exited_;
}

int ChildProcess::wait_for_exit(Deadline deadline) {
  const auto end = Steady::now() + deadline;
  bool open = true;
  while (running()) {
    if (Steady::now() >= end) give_up("it did not end in time");
    // Its output must be read, or it could block on a full pipe; at the end of it, only the exit is left to wait for.
    if (open) {
      open = read_some(std::min(end, Steady::now() + std::chrono::milliseconds(20)));
    } else {
      pollfd nothing{-1, 0, 0};
      ::poll(&nothing, 1, 5);
    }
  }
  while (open && read_some(Steady::now())) {
    pollfd waiting{out_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 0) <= 0) break;
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
}

void ChildProcess::give_up(const std::string& what) const {
  throw std::runtime_error(what + "; it printed:\n" + output_);
}

}  // namespace conduitd::test
