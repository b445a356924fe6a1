#include "host/host_main.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "channel/pipe_queue.h"
#include "host/attempt_context.h"
#include "host/crash_handler.h"
#include "host/exit.h"
#include "host/process_setup.h"
#include "host/runner.h"
#include "plugin/library.h"

namespace conduitd::host {
namespace {

constexpr int kChannelFd = 3;

/// Puts the descriptors where a host has them.
bool arrange_descriptors(HostSetup& setup) {
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int output = setup.output.release();
  const int channel = setup.channel.release();
  return null >= 0 && move_fd(null, STDIN_FILENO) && ::dup2(output, STDERR_FILENO) >= 0 && move_fd(output, STDOUT_FILENO) &&
         move_fd(channel, kChannelFd) && ::fcntl(kChannelFd, F_SETFL, O_NONBLOCK) == 0;
}

Result<> load_late(HostSetup& setup) {
  for (auto& image : setup.late) {
    const auto about = fmt::format("plugin '{}'", image.path);
    const auto plugin = plugin::load_library(std::move(image));
    if (!plugin.has_value()) return plugin.error().within(about);
    const auto loaded = setup.registry.load(*plugin.value(), context_api());
    if (!loaded.has_value()) return loaded.error().within(about);
  }
  setup.late.clear();
  return ok();
}

Result<> run_hook(const plugin::HostHook& hook, std::string_view which) {
  std::array<char, 1024> text{};
  if (hook.fn(hook.user, text.data(), text.size()) == 0) return ok();
  text.back() = '\0';
  return Error(Errc::internal, fmt::format("{} of plugin '{}' failed: {}", which, hook.plugin, text.data()));
}

Result<> run_start_hooks(const plugin::Registry& registry) {
  for (const auto& hook : registry.start_hooks()) {
    CONDUIT_TRY(run_hook(hook, "on_host_start"));
  }
  return ok();
}

void run_stop_hooks(const plugin::Registry& registry) {
  for (const auto& hook : registry.stop_hooks()) {
    const auto stopped = run_hook(hook, "on_host_stop");
    // There is nobody left to report to but the reader of our output.
    if (!stopped.has_value()) std::fprintf(stderr, "%s\n", stopped.error().message().c_str());
  }
}

std::unique_ptr<Runner> make_runner(channel::Executor executor, const RunnerSetup& setup) {
  switch (executor) {
    case channel::Executor::async: return make_async_runner(setup);
    case channel::Executor::thread: return make_thread_runner(setup);
    case channel::Executor::process: return make_process_runner(setup);
  }
  std::abort();
}

Result<> prepare(HostSetup& setup) {
  CONDUIT_TRY(load_late(setup));
  CONDUIT_TRY(set_limits(setup.spawn));
  return run_start_hooks(setup.registry);
}

}  // namespace

void end_with_group(int code) {
  // A leader's group is its own: the signal reaches the leader too, and then the code does not matter.
  if (::getpgrp() == ::getpid()) ::kill(0, SIGKILL);
  ::_exit(code);
}

void host_main(HostSetup setup) {
  set_up_host(setup.spawn);
  if (!arrange_descriptors(setup)) ::_exit(kExitSetup);
  // A line at a time, so that the last words before a crash are not lost in a buffer.
  std::setvbuf(stdout, nullptr, _IOLBF, 4096);
  install_crash_handler();

  channel::PipeQueue pipe(kChannelFd);
  const auto prepared = prepare(setup);
  channel::Ready ready{::getpid(), prepared.has_value() ? "" : prepared.error().message()};
  pipe.push(0, channel::FrameType::ready, channel::encode(ready));
  if (!prepared.has_value()) ::_exit(kExitSetup);

  const auto runner = make_runner(setup.spawn.executor, {kChannelFd, pipe, setup.registry, setup.spawn.width, setup.spawn.cpu_seconds,
                                                           setup.spawn.recycle_bytes});
  runner->run();
  run_stop_hooks(setup.registry);
  std::fflush(nullptr);
  ::_exit(0);
}

}  // namespace conduitd::host
