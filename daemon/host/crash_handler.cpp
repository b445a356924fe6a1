#include "host/crash_handler.h"

#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <cstddef>

namespace conduitd::host {
namespace {

constexpr std::array kFatal{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS};

// Everything here is async-signal-safe: no allocation, no stdio, no locks.
void put(const char* text) { (void)!::write(STDERR_FILENO, text, ::strlen(text)); }

void tell_and_die(int number) {
  const char* const name = ::sigabbrev_np(number);
  put("crashed: SIG");
  put(name != nullptr ? name : "?");
  put("\n");
  std::array<void*, 48> frames{};
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  ::backtrace_symbols_fd(frames.data(), count, STDERR_FILENO);
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
  action.sa_handler = tell_and_die;
  action.sa_flags = static_cast<int>(SA_ONSTACK | SA_RESETHAND);
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
