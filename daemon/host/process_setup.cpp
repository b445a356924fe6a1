#include "host/process_setup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <vector>

namespace conduitd::host {
namespace {

using channel::Executor;

/// The kernel's badness score of hosts: they are to be killed before the supervisor is, process children first.
constexpr int kOomScore = 200;
constexpr int kOomScoreOfChildren = 500;

Result<> limit(int resource, std::uint64_t value, std::string_view what) {
  if (value == 0) return ok();
  rlimit limits{};
  ::getrlimit(static_cast<__rlimit_resource>(resource), &limits);
  // Above what we were given ourselves nobody can go.
  limits.rlim_max = std::min<rlim_t>(limits.rlim_max, value);
  limits.rlim_cur = limits.rlim_max;
  if (::setrlimit(static_cast<__rlimit_resource>(resource), &limits) == 0) return ok();
  return Error(boost::system::error_code(errno, boost::system::system_category()),
               fmt::format("limit of {} to {}", what, value));
}

/// CUDA reads this once in the life of a process, so it is set before any code of a plugin runs in this one. Not ROCR_VISIBLE_DEVICES as
/// well: HIP would count its own among those that one has left.
void pin(const std::string& devices) {
  if (devices.empty()) return;
  for (const char* name : {"CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"}) ::setenv(name, devices.c_str(), 1);
}

}  // namespace

void set_up_zygote() {
  ::prctl(PR_SET_NAME, "conduit-zygote");
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  for (const int number : {SIGPIPE, SIGINT, SIGHUP, SIGTERM}) ::signal(number, SIG_IGN);
}

void set_up_host(const channel::Spawn& spawn) {
  const bool child = spawn.executor == Executor::process;
  ::prctl(PR_SET_NAME, fmt::format("conduit-{}", to_string(spawn.executor)).c_str());
  if (child) {
    ::setpgid(0, 0);
    // The supervisor sends SIGTERM to the whole group when an attempt is to stop: programs the task started end by it,
    // the task itself learns it from the pipe and has its grace. A handler, because an ignored signal would stay ignored
    // in those programs.
    ::signal(SIGTERM, [](int) {});
    // Its grandchildren stay its own while it lives; when it ends, the zygote adopts and ends them.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pin(spawn.devices);
  }
  std::ofstream("/proc/self/oom_score_adj") << (child ? kOomScoreOfChildren : kOomScore);
}

Result<> set_limits(const channel::Spawn& spawn) {
  if (spawn.executor == Executor::process) {
    CONDUIT_TRY(limit(RLIMIT_AS, spawn.memory_bytes, "memory"));
  }
  return limit(RLIMIT_NOFILE, spawn.open_files, "open files");
}

bool move_fd(int fd, int wanted) {
  if (fd == wanted) return true;
  const bool moved = ::dup3(fd, wanted, wanted > STDERR_FILENO ? O_CLOEXEC : 0) == wanted;
  ::close(fd);
  return moved;
}

void close_from(int first) { ::close_range(static_cast<unsigned>(first), ~0U, 0); }

void end_orphans(const std::vector<std::int64_t>& known) {
  std::ifstream children(fmt::format("/proc/self/task/{}/children", ::getpid()));
  for (std::int64_t pid = 0; children >> pid;) {
    if (std::ranges::find(known, pid) == known.end()) ::kill(static_cast<pid_t>(pid), SIGKILL);
  }
}

}  // namespace conduitd::host
