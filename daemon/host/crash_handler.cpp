#include "host/crash_handler.h"

#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "channel/crash.h"
#include "host/running.h"
#include "plugin/symbols.h"

namespace conduitd::host {
namespace {

constexpr std::array kFatal{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};

// Everything here is async-signal-safe: no allocation, no stdio, no locks.
void put(std::string_view text) { (void)!::write(STDERR_FILENO, text.data(), text.size()); }

void put_hex(std::uintptr_t number) {
  std::array<char, 2 * sizeof number> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  put("0x");
  put({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void put_attempt(std::uint32_t handle) {
  std::array<char, 10> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), handle).ptr;
  put(channel::kCrashedAttempt);
  put({digits.data(), static_cast<std::size_t>(end - digits.data())});
  put("\n");
}

/// Where the signal struck; 0 if this machine's registers are not known.
std::uintptr_t struck_at(const void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return machine.pc;
#else
  (void)machine;
  return 0;
#endif
}

void put_frame(void* frame, std::uintptr_t struck) {
  const auto address = reinterpret_cast<std::uintptr_t>(frame);
  // Where a call returns to: one byte before it is still in the caller. Where the signal struck nothing was called.
  const std::uintptr_t back = address == struck ? 0 : 1;
  const auto symbol = plugin::find_symbol(address - back);
  if (symbol.plugin == nullptr) {
    ::backtrace_symbols_fd(&frame, 1, STDERR_FILENO);
    return;
  }
  put(channel::kPluginFrame);
  put(symbol.plugin);
  put(" ");
  put(symbol.function.empty() ? "?" : symbol.function);
  put(" +");
  put_hex(symbol.offset + back);
  put("\n");
}

void tell_and_die(int number, siginfo_t* info, void* context) {
  const char* const name = ::sigabbrev_np(number);
  put(channel::kCrashLine);
  put(name != nullptr ? name : "?");
  // The others come with no address, or with the sender's number in its place.
  if ((number == SIGSEGV || number == SIGBUS) && info->si_code > 0) {
    put(" at ");
    put_hex(reinterpret_cast<std::uintptr_t>(info->si_addr));
  }
  put("\n");
  std::array<void*, channel::kMostFrames> frames{};
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  for (int i = 0; i < count; ++i) put_frame(frames[static_cast<std::size_t>(i)], struck_at(context));
  if (const auto attempt = running_attempt(); attempt != 0) put_attempt(attempt);
  // SA_RESETHAND gave the default back. Raised rather than returned from: it may have come by kill(2).
  sigset_t only;
  ::sigemptyset(&only);
  ::sigaddset(&only, number);
  ::sigprocmask(SIG_UNBLOCK, &only, nullptr);
  ::raise(number);
}

}  // namespace

void install_crash_handler() {
  // The first call loads a library, which a signal handler may not.
  std::array<void*, 1> frame{};
  (void)::backtrace(frame.data(), 1);
  use_signal_stack();
  struct sigaction action {};
  action.sa_sigaction = tell_and_die;
  action.sa_flags = static_cast<int>(SA_ONSTACK | SA_RESETHAND | SA_SIGINFO);
  for (const int number : kFatal) ::sigaction(number, &action, nullptr);
}

void use_signal_stack() {
  // A sanitizer gives every thread one, and takes back what it finds there.
  stack_t current{};
  if (::sigaltstack(nullptr, &current) == 0 && (current.ss_flags & SS_DISABLE) == 0) return;
  alignas(16) thread_local std::array<std::byte, 64 * 1024> memory;
  const stack_t stack{.ss_sp = memory.data(), .ss_flags = 0, .ss_size = memory.size()};
  ::sigaltstack(&stack, nullptr);
}

}  // namespace conduitd::host
