#include "ctl_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace conduitd::test {
namespace {

constexpr std::chrono::seconds kPatience{20};

std::string text_of(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::vector<char*> as_argv(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (auto& string : strings) out.push_back(string.data());
  out.push_back(nullptr);
  return out;
}

/// A new pseudo-terminal: the side that is read here, and the name of the other.
UniqueFd open_terminal(std::string& name) {
  UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 100> buffer{};
  if (!terminal.valid() || ::grantpt(terminal.get()) != 0 || ::unlockpt(terminal.get()) != 0 ||
      ::ptsname_r(terminal.get(), buffer.data(), buffer.size()) != 0) {
    throw std::runtime_error("no pseudo-terminal");
  }
  const winsize size{.ws_row = 40, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  ::ioctl(terminal.get(), TIOCSWINSZ, &size);
  name = buffer.data();
  return terminal;
}

}  // namespace

CtlProgram::CtlProgram(const std::vector<std::string>& arguments, Options options) : options_(std::move(options)) {
  static std::atomic<int> runs{0};
  stem_ = options_.folder + "/run-" + std::to_string(++runs);
  std::ofstream(stem_ + ".in", std::ios::binary) << options_.stdin_text;

  posix_spawn_file_actions_t files{};
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, 0, (stem_ + ".in").c_str(), O_RDONLY, 0);
  std::string name;
  if (options_.at_terminal) {
    terminal_ = open_terminal(name);
    ::posix_spawn_file_actions_addopen(&files, 1, name.c_str(), O_RDWR | O_NOCTTY, 0);
    ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  } else {
    ::posix_spawn_file_actions_addopen(&files, 1, (stem_ + ".out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_addopen(&files, 2, (stem_ + ".err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  }
  auto words = arguments;
  words.insert(words.begin(), CONDUITCTL_BINARY);
  auto environment = options_.environment;
  environment.emplace_back("PATH=/usr/bin:/bin");
  const int failed = ::posix_spawn(&pid_, CONDUITCTL_BINARY, &files, nullptr, as_argv(words).data(), as_argv(environment).data());
  ::posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw std::runtime_error("cannot start " CONDUITCTL_BINARY);
}

CtlProgram::~CtlProgram() {
  if (ended()) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, &status_, 0);
}

bool CtlProgram::ended() {
  if (terminal_.valid()) drain_terminal();
  if (!ended_) ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
  return ended_;
}

void CtlProgram::drain_terminal() {
  std::array<char, 4096> buffer{};
  while (true) {
    const auto got = ::read(terminal_.get(), buffer.data(), buffer.size());
    if (got <= 0) return;
    shown_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::string CtlProgram::output() {
  if (!terminal_.valid()) return text_of(stem_ + ".out");
  drain_terminal();
  return shown_;
}

void CtlProgram::interrupt() const { ::kill(pid_, SIGINT); }

CtlOutcome CtlProgram::finish() {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!ended()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("conduitctl does not end: " + output());
    ::poll(nullptr, 0, 5);  // for its end: there is no event to wait for beside SIGCHLD, which belongs to the process
  }
  CtlOutcome outcome;
  outcome.code = WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
  outcome.out = output();
  if (!terminal_.valid()) outcome.err = text_of(stem_ + ".err");
  return outcome;
}

CtlOutcome run_examples(const std::string& folder, const std::string& url, const std::vector<std::string>& blocks) {
  std::ofstream(folder + "/conduit.toml") << "[broker]\nurl = \"" << url << "\"\n";
  std::ofstream script(folder + "/examples.sh");
  script << "set -eu\ncd '" << folder << "'\nconduitctl() { '" CONDUITCTL_BINARY "' \"$@\"; }\nexport CONDUIT_CONFIG=conduit.toml\n";
  for (const auto& block : blocks) script << block;
  script.close();
  const auto command = "sh '" + folder + "/examples.sh' >'" + folder + "/out' 2>'" + folder + "/err'";
  CtlOutcome outcome;
  const int status = std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe)
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  outcome.out = text_of(folder + "/out");
  outcome.err = text_of(folder + "/err");
  return outcome;
}

}  // namespace conduitd::test
