#include "support/leaks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <fstream>
#include <functional>
#include <sstream>

namespace fs = std::filesystem;

namespace conduitd::test {
namespace {

using Steady = std::chrono::steady_clock;
constexpr int kPauseMs = 10;
constexpr std::string_view kZygote = "conduit-zygote";

std::string proc(pid_t pid, const char* file) { return fmt::format("/proc/{}/{}", pid, file); }

std::map<std::string, int> descriptors_of(pid_t pid) {
  std::map<std::string, int> out;
  std::error_code gone;
  for (fs::directory_iterator at(proc(pid, "fd"), gone), end; !gone && at != end; at.increment(gone)) {
    auto name = fs::read_symlink(at->path(), gone).string();
    // The descriptor with which this very directory is read, if it is our own.
    if (gone || (pid == ::getpid() && name.ends_with("/fd"))) continue;
    // "socket:[1234]": the number is another each time.
    if (const auto number = name.find(":["); number != std::string::npos && !name.starts_with("anon_inode")) name.resize(number);
    ++out[name];
  }
  return out;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> out;
  std::error_code gone;
  for (fs::directory_iterator at(proc(pid, "task"), gone), end; !gone && at != end; at.increment(gone)) {
    std::ifstream children(at->path() / "children");
    for (pid_t child = 0; children >> child;) out.push_back(child);
  }
  return out;
}

/// Its name, and the letter of its state: 'Z' for one that has ended.
std::pair<std::string, char> name_and_state(pid_t pid) {
  const auto stat = content_of(proc(pid, "stat"));
  const auto open = stat.find('(');
  const auto close = stat.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 >= stat.size()) return {"", 'Z'};
  return {stat.substr(open + 1, close - open - 1), stat[close + 2]};
}

void count_below(pid_t pid, std::map<std::string, int>& out) {
  for (const pid_t child : children_of(pid)) {
    const auto [name, state] = name_and_state(child);
    ++out[state == 'Z' ? name + " (ended, not waited for)" : name];
    count_below(child, out);
  }
}

std::int64_t rss_kib_of(pid_t pid) {
  std::istringstream statm(content_of(proc(pid, "statm")));
  std::int64_t size = 0;
  std::int64_t resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE) / 1024;
}

int total(const std::map<std::string, int>& counts) {
  int sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return sum;
}

std::string more_descriptors(const Holdings& before, const Holdings& now, const Allowance& allowed) {
  int most = total(before.descriptors) + allowed.descriptors;
  for (const auto& [name, count] : now.below) {
    if (name.starts_with("conduit-") && name != kZygote) most += count * allowed.descriptors_per_host;
  }
  if (total(now.descriptors) <= most) return {};
  auto text = fmt::format("{} descriptors now, {} when it was ready, and at most {} are allowed:", total(now.descriptors),
                          total(before.descriptors), most);
  for (const auto& [name, count] : now.descriptors) {
    const auto old = before.descriptors.find(name);
    const int more = count - (old == before.descriptors.end() ? 0 : old->second);
    if (more > 0) text += fmt::format(" {} more of '{}'", more, name);
  }
  return text + "\n";
}

std::string more_processes(const Holdings& now, const Allowance& allowed) {
  std::string text;
  for (const auto& [name, count] : now.below) {
    const auto most = allowed.below.find(name);
    const int may_be = most == allowed.below.end() ? 0 : most->second;
    if (count > may_be) text += fmt::format("{} processes '{}' below it, where at most {} may be\n", count, name, may_be);
  }
  return text;
}

template <class Look>
std::string look_until_empty(const Look& look, std::chrono::milliseconds patience) {
  const auto end = Steady::now() + patience;
  for (;;) {
    auto found = look();
    if (found.empty() || Steady::now() >= end) return found;
    ::poll(nullptr, 0, kPauseMs);  // for other processes, which tell nobody
  }
}

}  // namespace

std::string content_of(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

Holdings holdings_of(pid_t pid) {
  Holdings out;
  out.descriptors = descriptors_of(pid);
  count_below(pid, out.below);
  out.rss_kib = rss_kib_of(pid);
  return out;
}

std::string grown(const Holdings& before, const Holdings& now, const Allowance& allowed) {
  auto text = more_descriptors(before, now, allowed) + more_processes(now, allowed);
  if (now.rss_kib > before.rss_kib + allowed.rss_kib) {
    text += fmt::format("{} KiB of memory now, {} KiB when it was ready: {} KiB more are allowed\n", now.rss_kib, before.rss_kib,
                        allowed.rss_kib);
  }
  return text;
}

ProcessMark::ProcessMark() {
  static std::atomic<int> marks{0};
  variable_ = fmt::format("CONDUIT_TEST_ID={}-{}", ::getpid(), ++marks);
}

std::map<pid_t, std::string> ProcessMark::living() const {
  std::map<pid_t, std::string> out;
  std::error_code gone;
  for (fs::directory_iterator at("/proc", gone), end; !gone && at != end; at.increment(gone)) {
    const auto name = at->path().filename().string();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data() + name.size()) continue;
    const auto environment = '\0' + content_of(proc(pid, "environ"));
    if (environment.find('\0' + variable_ + '\0') == std::string::npos || name_and_state(pid).second == 'Z') continue;
    auto command = content_of(proc(pid, "cmdline"));
    std::replace(command.begin(), command.end(), '\0', ' ');
    out.emplace(pid, fmt::format("{} ({})", name_and_state(pid).first, command));
  }
  return out;
}

std::string ProcessMark::left_over(std::chrono::milliseconds patience) const {
  const auto look = [this] {
    std::string found;
    for (const auto& [pid, what] : living()) found += fmt::format("process {} lives on: {}\n", pid, what);
    return found;
  };
  auto text = look_until_empty(look, patience);
  for (const auto& [pid, what] : living()) ::kill(pid, SIGKILL);
  return text + (text.empty() ? "" : look_until_empty(look, patience));
}

void expect_given_back(pid_t pid, const Holdings& before, const Allowance& allowed, const std::string& who) {
  const auto text = look_until_empty([&] { return grown(before, holdings_of(pid), allowed); }, allowed.patience);
  EXPECT_EQ(text, "") << who << " holds more at the end of the test than when it was ready";
}

void expect_none_left(const ProcessMark& mark, const std::string& who, std::chrono::milliseconds patience) {
  EXPECT_EQ(mark.left_over(patience), "") << who << " has ended, and not all that it started";
}

}  // namespace conduitd::test
