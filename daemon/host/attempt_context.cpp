#include "host/attempt_context.h"

#include <boost/asio/detail/thread_context.hpp>

#include "host/running.h"
#include "plugin/abi_check.h"

namespace conduitd::host {
namespace {

using plugin::view;

static_assert(sizeof(void*) == 8, "a token holds a handle and a generation of 32 bits each");

thread_local bool t_on_event_loop = false;

conduit_attempt* to_token(std::uint32_t generation, std::uint32_t handle) {
  return reinterpret_cast<conduit_attempt*>(std::uintptr_t{generation} << 32 | handle);
}

/// Calls `member` of the attempt if it still runs.
template <auto member, class... Args>
void forward(const conduit_attempt* token, const Args&... args) {
  const auto attempt = attempts().find(token);
  if (attempt) (attempt.get()->*member)(args...);
}

const conduit_attempt_info* info(conduit_attempt* token) noexcept {
  static const conduit_attempt_info ended = [] {
    conduit_attempt_info empty{};
    empty.size = sizeof empty;
    return empty;
  }();
  const auto attempt = attempts().find(token);
  return attempt ? &attempt->info() : &ended;
}

int cancelled(conduit_attempt* token) noexcept {
  const auto attempt = attempts().find(token);
  return attempt && !attempt->cancelled() ? 0 : 1;
}

void on_cancel(conduit_attempt* token, conduit_cancel_fn fn, void* user) noexcept {
  forward<&Attempt::on_cancel>(token, fn, user);
}

void set_progress(conduit_attempt* token, double fraction, conduit_str message) noexcept {
  forward<&Attempt::set_progress>(token, fraction, view(message));
}

void set_metadata(conduit_attempt* token, conduit_str key, conduit_str value) noexcept {
  forward<&Attempt::set_metadata>(token, view(key), view(value));
}

void checkpoint(conduit_attempt* token, conduit_str value) noexcept {
  forward<&Attempt::checkpoint>(token, view(value));
}

void log(conduit_attempt* token, std::uint32_t level, conduit_str message, conduit_str fields) noexcept {
  forward<&Attempt::log>(token, level, view(message), view(fields));
}

void call(conduit_attempt* token, std::uint32_t kind, conduit_str payload, conduit_reply_fn fn, void* user) noexcept {
  const auto attempt = attempts().find(token);
  if (attempt) {
    attempt->call(kind, view(payload), fn, user);
  } else if (fn != nullptr) {
    fn(user, 0, plugin::to_abi("the attempt has ended"));
  }
}

void complete(conduit_attempt* token, conduit_str result) noexcept { forward<&Attempt::complete>(token, view(result)); }

void fail(conduit_attempt* token, const conduit_failure* failure) noexcept {
  static const conduit_failure unsaid{};
  forward<&Attempt::fail>(token, failure != nullptr ? *failure : unsaid);
}

int on_event_loop() noexcept { return t_on_event_loop ? 1 : 0; }

void* loop_thread() noexcept {
  return t_on_event_loop ? boost::asio::detail::thread_context::top_of_thread_call_stack() : nullptr;
}

std::uint32_t handle_of(const conduit_attempt* token) { return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(token)); }

// The handle is enough: what we return comes back here alone. A false one can blame nobody but an attempt of this host.
conduit_attempt* running(conduit_attempt* token) noexcept { return to_token(0, set_running_attempt(handle_of(token))); }

const conduit_inner_end* run_next(conduit_attempt* token, conduit_next* next) noexcept {
  const auto attempt = attempts().find(token);
  return attempt ? attempt->run_next(place_of(next)) : out_of_turn();
}

void start_next(conduit_attempt* token, conduit_next* next, conduit_inner_end_fn fn, void* user) noexcept {
  if (fn == nullptr) fn = [](void*, const conduit_inner_end*) {};
  const auto attempt = attempts().find(token);
  if (attempt) {
    attempt->start_next(place_of(next), fn, user);
  } else {
    fn(user, out_of_turn());
  }
}

}  // namespace

conduit_attempt* AttemptTable::add(const std::shared_ptr<Attempt>& attempt) {
  const std::lock_guard lock(mutex_);
  if (++generation_ == 0) ++generation_;  // so that no token is null
  const bool added = entries_.try_emplace(attempt->handle(), Entry{generation_, attempt}).second;
  return added ? to_token(generation_, attempt->handle()) : nullptr;
}

void AttemptTable::remove(const Attempt& attempt) {
  std::shared_ptr<Attempt> last;  // destroyed outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(attempt.handle());
  if (found == entries_.end() || found->second.attempt.get() != &attempt) return;
  last = std::move(found->second.attempt);
  entries_.erase(found);
}

std::shared_ptr<Attempt> AttemptTable::find(const conduit_attempt* token) const {
  const auto bits = reinterpret_cast<std::uintptr_t>(token);
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(static_cast<std::uint32_t>(bits));
  if (found == entries_.end() || found->second.generation != bits >> 32) return nullptr;
  return found->second.attempt;
}

std::shared_ptr<Attempt> AttemptTable::find(std::uint32_t handle) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(handle);
  return found == entries_.end() ? nullptr : found->second.attempt;
}

std::size_t AttemptTable::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

bool AttemptTable::tick(SteadyTime now) {
  std::vector<std::shared_ptr<Attempt>> all;
  {
    const std::lock_guard lock(mutex_);
    all.reserve(entries_.size());
    for (const auto& [handle, entry] : entries_) all.push_back(entry.attempt);
  }
  bool waiting = false;
  for (const auto& attempt : all) waiting = attempt->tick(now) || waiting;
  return waiting;
}

AttemptTable& attempts() {
  static AttemptTable* const table = new AttemptTable;  // outlives every thread of user code
  return *table;
}

const conduit_api& context_api() {
  static const conduit_api api{
      sizeof(conduit_api), CONDUIT_ABI_MAJOR, CONDUIT_ABI_MINOR, 0,    info, cancelled, on_cancel, set_progress,
      set_metadata,        checkpoint,        log,               call, complete, fail, on_event_loop, loop_thread,
      running,             run_next,          start_next};
  return api;
}

void enter_event_loop() { t_on_event_loop = true; }

}  // namespace conduitd::host
