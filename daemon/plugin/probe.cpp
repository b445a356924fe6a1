#include "plugin/probe.h"

#include <cxxabi.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

#include "base/text.h"
#include "base/words.h"
#include "plugin/abi_check.h"
#include "plugin/library.h"
#include "plugin/registry.h"

namespace conduitd::plugin {
namespace {

constexpr std::size_t kLongestReport = 4 * 1024 * 1024;
constexpr std::size_t kOutputKept = 4 * 1024;

/// What a plugin is given to keep while it is only looked at: there are no attempts to call it about.
const conduit_api& inert_api() {
  static const conduit_attempt_info info{};
  static const conduit_api api{
      sizeof(conduit_api),
      CONDUIT_ABI_MAJOR,
      CONDUIT_ABI_MINOR,
      0,
      [](conduit_attempt*) -> const conduit_attempt_info* { return &info; },
      [](conduit_attempt*) { return 1; },
      [](conduit_attempt*, conduit_cancel_fn, void*) {},
      [](conduit_attempt*, double, conduit_str) {},
      [](conduit_attempt*, conduit_str, conduit_str) {},
      [](conduit_attempt*, conduit_str) {},
      [](conduit_attempt*, uint32_t, conduit_str, conduit_str) {},
      [](conduit_attempt*, uint32_t, conduit_str, conduit_reply_fn fn, void* user) {
        if (fn != nullptr) fn(user, 0, to_abi("there is no broker while a plugin is being looked at"));
      },
      [](conduit_attempt*, conduit_str) {},
      [](conduit_attempt*, const conduit_failure*) {},
      [] { return 0; },
      []() -> void* { return nullptr; },
      [](conduit_attempt*) -> conduit_attempt* { return nullptr; },
      [](conduit_attempt*, conduit_next*) -> const conduit_inner_end* { return nullptr; },
      [](conduit_attempt*, conduit_next*, conduit_inner_end_fn, void*) {},
  };
  return api;
}

Result<channel::PluginManifest> load_here(const Image& image) {
  const auto threads = count_threads();
  Image copy{image.path, image.build_id, UniqueFd(::fcntl(image.memory.get(), F_DUPFD_CLOEXEC, 3))};
  CONDUIT_TRY(const auto* plugin, load_library(std::move(copy)));
  Registry registry;
  CONDUIT_TRY(registry.load(*plugin, inert_api()));
  auto manifest = registry.describe(*plugin);
  manifest.path = image.path;
  manifest.build_id = image.build_id;
  manifest.starts_threads = count_threads() > threads;
  return manifest;
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

std::string type_name(const std::type_info& type) {
  int failed = 0;
  const std::unique_ptr<char, decltype(&std::free)> plain(abi::__cxa_demangle(type.name(), nullptr, nullptr, &failed), &std::free);
  return failed == 0 ? std::string(plain.get()) : std::string(type.name());
}

std::string what_was_thrown() {
  const auto thrown = std::current_exception();
  if (thrown == nullptr) return {};
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return fmt::format("{}: {}", type_name(typeid(error)), escape_control(truncate(error.what(), 300)));
  } catch (...) {
    const auto* type = abi::__cxa_current_exception_type();
    return type != nullptr ? type_name(*type) : "something that is no exception";
  }
}

// Where the child's terminate handler, which takes no arguments, finds what it needs.
int g_report = -1;
const Image* g_image = nullptr;

void report_refusal(std::string fault) {
  channel::PluginManifest refused;
  refused.path = g_image->path;
  refused.fault = std::move(fault);
  write_all(g_report, to_json(refused).text());
}

[[noreturn]] void report_uncaught() {
  if (const auto thrown = what_was_thrown(); !thrown.empty()) {
    report_refusal(fmt::format("it threw while loading: {}: see to its static constructors and to what it does at load", thrown));
    ::_exit(0);
  }
  std::abort();
}

/// The throwaway child: loads, reports, and ends without running anybody's destructors.
[[noreturn]] void run_child(const Image& image, int report, int output) {
  ::setpgid(0, 0);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  // Handlers of a program that reports crashes itself would hide the signal.
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGCHLD, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  g_report = report;
  g_image = &image;
  std::set_terminate(report_uncaught);
  const auto manifest = load_here(image);
  if (manifest.has_value()) {
    write_all(report, to_json(manifest.value()).text());
  } else {
    report_refusal(manifest.error().message());
  }
  ::_exit(0);
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;

  static Result<Pipe> make() {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) {
      return Error(boost::system::error_code(errno, boost::system::system_category()), "no pipe to look at a plugin");
    }
    return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
  }
};

struct Observation {
  std::string report;
  std::string output;  // the last of what it printed
  bool timed_out = false;
};

/// Reads one descriptor's news into `into`; closes it at its end.
void drain(UniqueFd& from, std::string& into) {
  std::array<char, 16 * 1024> buffer;
  const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
  if (got > 0) {
    into.append(buffer.data(), static_cast<std::size_t>(got));
  } else if (got == 0 || errno != EINTR) {
    from.reset();
  }
}

/// Watches the child until it has ended (told by `process`, a pidfd) or the time is over. Its pipes' ends tell nothing:
/// the plugin may have closed them, or forked somebody who holds them open.
Observation watch(const UniqueFd& process, UniqueFd report, UniqueFd output, Millis timeout) {
  Observation seen;
  ::fcntl(report.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
  const auto deadline = SystemClock().now() + timeout;
  while (true) {
    const auto left = std::chrono::ceil<Millis>(deadline - SystemClock().now());
    pollfd watched[3] = {{report.get(), POLLIN, 0}, {output.get(), POLLIN, 0}, {process.get(), POLLIN, 0}};
    if (::poll(watched, 3, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000))) < 0) continue;
    if (watched[0].revents != 0) drain(report, seen.report);
    if (watched[1].revents != 0) drain(output, seen.output);
    if (seen.output.size() > kOutputKept) seen.output.erase(0, seen.output.size() - kOutputKept);
    const bool quiet = watched[0].revents == 0 && watched[1].revents == 0;
    if (watched[2].revents != 0 && quiet) return seen;
    seen.timed_out = left <= Millis{0} && watched[2].revents == 0;
    if (seen.timed_out || left <= -Millis{1'000} || seen.report.size() > kLongestReport) return seen;
  }
}

/// The last line the plugin printed, for the sentence: often it is what() of the exception that killed it.
std::string last_words(std::string_view output) {
  while (!output.empty() && (output.back() == '\n' || output.back() == ' ')) output.remove_suffix(1);
  const auto line = output.substr(output.rfind('\n') + 1);
  return line.empty() ? "" : fmt::format("; its last words: {}", escape_control(truncate(line, 300)));
}

std::string how_it_ended(int status, const std::string& output) {
  if (WIFSIGNALED(status)) {
    return fmt::format("it crashed while loading ({}{}): see to its static constructors and to what it does at load",
                       signal_name(WTERMSIG(status)), last_words(output));
  }
  return fmt::format("it ended the process while loading (exit code {}{}): a plugin must not call exit()",
                     WEXITSTATUS(status), last_words(output));
}

Result<channel::PluginManifest> conclude(const Observation& seen, int status, Millis timeout) {
  const auto refuse = [](std::string sentence) { return Error(Errc::invalid_argument, std::move(sentence)); };
  if (seen.timed_out) {
    return Error(Errc::timed_out,
                 fmt::format("it was still loading after {}: start nothing that waits while loading, or raise "
                             "plugins.load_timeout",
                             format_duration(timeout)));
  }
  if (seen.report.empty()) return refuse(how_it_ended(status, seen.output));
  const auto json = parse_json(seen.report, {.size = kLongestReport, .depth = 70});
  if (!json.has_value()) return refuse(how_it_ended(status, seen.output));
  CONDUIT_TRY(auto manifest, channel::manifest_from_json(json.value()));
  if (!manifest.fault.empty()) return refuse(manifest.fault);
  return manifest;
}

}  // namespace

std::size_t count_threads() {
  std::error_code ignored;
  const std::filesystem::directory_iterator tasks("/proc/self/task", ignored);
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

Result<channel::PluginManifest> probe(const Image& image, Millis timeout) {
  const auto about = fmt::format("plugin '{}'", image.path);
  CONDUIT_TRY(auto report, Pipe::make());
  CONDUIT_TRY(auto output, Pipe::make());
  // A child that calls exit() would write our buffered output a second time.
  std::fflush(nullptr);
  // allow fork: the caller is single-threaded, as probe.h demands
  const pid_t child = ::fork();
  if (child < 0) {
    return Error(boost::system::error_code(errno, boost::system::system_category()), "no process to look at " + about);
  }
  if (child == 0) {
    report.read.reset();
    output.read.reset();
    run_child(image, report.write.get(), output.write.get());
  }
  ::setpgid(child, child);
  report.write.reset();
  output.write.reset();
  // By number: glibc 2.36 declares pidfd_open without extern "C".
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const auto seen = watch(process, std::move(report.read), std::move(output.read), timeout);
  // The whole group, while the child still holds its number: what it forked goes with it.
  ::kill(-child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  auto manifest = conclude(seen, status, timeout);
  if (!manifest.has_value()) return manifest.error().within(about);
  return manifest;
}

Result<channel::PluginManifest> probe(const std::string& path, Millis timeout) {
  auto image = Image::open(path);
  if (!image.has_value()) return image.error().within(fmt::format("plugin '{}'", path));
  return probe(image.value(), timeout);
}

}  // namespace conduitd::plugin
