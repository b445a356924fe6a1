#include "host/running.h"

namespace conduitd::host {
namespace {

thread_local constinit std::atomic<Turn> t_turn = 0;  // in the upper half, how often it has changed

}  // namespace

std::uint32_t set_running_attempt(std::uint32_t handle) {
  const auto before = t_turn.load(std::memory_order_relaxed);
  t_turn.store(((before >> 32) + 1) << 32 | handle, std::memory_order_relaxed);
  return attempt_of(before);
}

std::uint32_t running_attempt() { return attempt_of(t_turn.load(std::memory_order_relaxed)); }

const std::atomic<Turn>& turn_of_this_thread() { return t_turn; }

}  // namespace conduitd::host
