#include "hosts/host_pool.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/words.h"
#include "channel/crash.h"
#include "hosts/pooled_host.h"
#include "hosts/process_usage.h"

namespace asio = boost::asio;

namespace conduitd::hosts {

using channel::FrameType;

namespace {

std::string how_it_ended(const HostDeath& death) {
  return death.signal != 0 ? signal_name(death.signal) : fmt::format("exit code {}", death.exit_code);
}

}  // namespace

HostPool::HostPool(asio::any_io_executor executor, Clock& clock, ZygoteLink& zygote, AttemptEvents& events,
                   Options options)
    : executor_(executor),
      clock_(clock),
      zygote_(zygote),
      events_(events),
      options_(options),
      changed_(executor, asio::steady_timer::time_point::max()),
      started_(executor, asio::steady_timer::time_point::max()),
      tasks_(executor) {}

void HostPool::start() { tasks_.spawn("keep hosts", keep_hosts()); }

asio::awaitable<Result<>> HostPool::first_start(SteadyTime deadline) {
  while (slots() == 0 && !refusal_ && clock_.now() < deadline && !tasks_.stopping()) {
    started_.expires_at(deadline);
    boost::system::error_code woken;
    co_await started_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  if (slots() > 0) co_return ok();
  if (refusal_) co_return *refusal_;
  co_return Error(Errc::timed_out, fmt::format("no host of the {} executor has started in time", channel::to_string(options_.spawn.executor)));
}

std::size_t HostPool::slots() const {
  const auto ready = std::count_if(hosts_.begin(), hosts_.end(), [this](const auto& entry) {
    return entry.second->state == Host::State::ready && may_take(*entry.second);
  });
  return static_cast<std::size_t>(ready) * options_.slots_per_host;
}

std::size_t HostPool::room_per_host() const {
  return options_.slots_per_host + (ahead_ + options_.hosts - 1) / std::max<std::size_t>(options_.hosts, 1);
}

std::size_t HostPool::serving() const {
  return static_cast<std::size_t>(std::count_if(hosts_.begin(), hosts_.end(), [this](const auto& entry) {
    return entry.second->state != Host::State::retiring && may_take(*entry.second);
  }));
}

/// A process child runs one thing at a time: while that waits, another child has its slot.
bool HostPool::may_take(const Host& host) const {
  return options_.spawn.executor != channel::Executor::process || host.waiting.empty();
}

std::vector<Handle> HostPool::set_waiting(Handle handle, bool waiting) {
  std::vector<Handle> behind;
  const auto host = owner(handle);
  if (host == nullptr) return behind;
  if (waiting) {
    host->waiting.insert(handle);
  } else {
    host->waiting.erase(handle);
  }
  if (options_.spawn.executor == channel::Executor::process && waiting) {
    for (const auto& [other, begun] : host->attempts) {
      if (!begun) behind.push_back(other);
    }
  }
  changed_.cancel();
  if (waiting) pump();
  retire_surplus();
  return behind;
}

/// Children that stood in for those that waited go when they have nothing to do.
void HostPool::retire_surplus() {
  if (options_.spawn.executor != channel::Executor::process || retiring_ || hosts_.size() <= options_.hosts) return;
  for (const auto& [number, host] : std::map(hosts_)) {
    if (serving() <= options_.hosts) return;
    if (host->state == Host::State::ready && host->attempts.empty()) begin_retiring(host);
  }
}

HostPool::HostPtr HostPool::owner(Handle handle) const {
  const auto found = owners_.find(handle);
  return found != owners_.end() ? hosts_.at(found->second) : nullptr;
}

void HostPool::set_ahead(std::size_t ahead) {
  const bool more = ahead > ahead_;
  ahead_ = ahead;
  if (more) pump();
}

void HostPool::start_attempt(Handle handle, const channel::Start& start) {
  const bool pinned = !start.devices.empty() && options_.spawn.executor == channel::Executor::process;
  if (pinned) {
    waiting_pinned_.push_back({handle, channel::encode(start), start.devices, clock_.now()});
  } else {
    waiting_.push_back({handle, channel::encode(start), {}, {}});
  }
  pump();
}

void HostPool::run_hooks(Handle handle, const channel::LateHooks& hooks) {
  waiting_hooks_.push_back({handle, channel::encode(hooks), {}, {}, FrameType::hooks});
  pump();
}

HostPool::HostPtr HostPool::least_loaded() const {
  HostPtr best;
  for (const auto& [number, host] : hosts_) {
    // One that is being killed would take it along.
    if (host->state != Host::State::ready || !host->fault.empty() || !may_take(*host)) continue;
    // One that is pinned to devices is rather left to those who need them: nothing is staged there.
    if (host->active() >= (host->devices.empty() ? room_per_host() : options_.slots_per_host)) continue;
    const auto cost = [](const HostPtr& of) { return std::pair(of->active(), !of->devices.empty()); };
    if (best == nullptr || cost(host) < cost(best)) best = host;
  }
  return best;
}

void HostPool::pump() {
  for (auto next = waiting_pinned_.begin(); next != waiting_pinned_.end();) {
    const auto host = pinned_to(next->devices);
    if (host != nullptr) give(*next, host);
    next = host != nullptr ? waiting_pinned_.erase(next) : std::next(next);
  }
  for (auto* queue : {&waiting_hooks_, &waiting_}) {
    while (!queue->empty()) {
      const auto host = least_loaded();
      if (host == nullptr) break;
      give(queue->front(), host);
      queue->pop_front();
    }
  }
  if (!waiting_pinned_.empty()) make_way();
}

void HostPool::give(const Waiting& waiting, const HostPtr& host) {
  host->link->send(waiting.type, waiting.handle, waiting.body);
  host->attempts.emplace(waiting.handle, false);
  owners_[waiting.handle] = host->link->number();
  // A worn-out host takes no more; it goes when it has finished what it has.
  if (options_.attempts_per_host != 0 && ++host->given >= options_.attempts_per_host) begin_retiring(host);
}

void HostPool::cancel(Handle handle, channel::Cancel::Reason reason) {
  if (const auto host = owner(handle)) {
    channel::Cancel cancel;
    cancel.reason = reason;
    host->link->send(FrameType::cancel, handle, channel::encode(cancel));
    // Whatever the task started itself gets the customary signal; the child's own code learns it from the frame.
    if (options_.spawn.executor == channel::Executor::process && host->attempts.at(handle)) kill_host(*host, SIGTERM);
    return;
  }
  const auto here = [handle](const Waiting& waiting) { return waiting.handle == handle; };
  if (std::erase_if(waiting_, here) + std::erase_if(waiting_pinned_, here) + std::erase_if(waiting_hooks_, here) == 0) return;
  channel::Outcome outcome;
  outcome.kind = channel::Outcome::Kind::cancelled;
  events_.outcome(handle, std::move(outcome));
}

job::Usage HostPool::give_up(Handle handle) {
  const auto host = owner(handle);
  if (host == nullptr) return {};
  const bool begun = host->attempts.at(handle);
  owners_.erase(handle);
  host->attempts.erase(handle);
  host->waiting.erase(handle);
  if (begun) ++stuck_;
  host->fault = "an attempt in it did not stop";
  if (options_.spawn.executor != channel::Executor::process) {
    host->link->send(FrameType::forget, handle, {});
    begin_retiring(host);
    if (begun && options_.spawn.executor == channel::Executor::async) tasks_.spawn("probe an event loop", probe(host, handle));
    return {};
  }
  auto used = begun ? usage_of(host->link->pid()) : job::Usage{};
  if (used.cpu_us >= 0) used.cpu_us = std::max<std::int64_t>(used.cpu_us - host->cpu_us, 0);
  kill_host(*host, SIGKILL);
  return used;
}

/// A coroutine that does not stop harms nobody but itself, as long as it waits; one that blocks its loop keeps all others
/// on it from ever going on, being cancelled or timing out.
asio::awaitable<void> HostPool::probe(HostPtr host, Handle handle) {
  host->probes.insert(handle);
  host->link->send(FrameType::probe, handle, {});
  co_await clock_.sleep_for(options_.probe_patience);
  if (!host->probes.contains(handle) || host->exited || host->blocked) co_return;
  log::warning("an attempt blocks its event loop: the host is ended, and what else ran in it is run again",
               {{"pid", host->link->pid()}, {"attempts", host->attempts.size()}});
  host->blocked = true;
  kill_host(*host, SIGKILL);
}

void HostPool::reply(Handle handle, const channel::Reply& reply) {
  if (const auto host = owner(handle)) host->link->send(FrameType::reply, handle, channel::encode(reply));
}

void HostPool::kill_host(const Host& host, int signal) const {
  const auto pid = static_cast<pid_t>(host.link->pid());
  // A process child leads a group of its own, so what it started is reached too.
  ::kill(options_.spawn.executor == channel::Executor::process ? -pid : pid, signal);
}

void HostPool::begin_retiring(const HostPtr& host) {
  if (host->state != Host::State::retiring) {
    host->state = Host::State::retiring;
    changed_.cancel();
  }
  if (!host->attempts.empty() || host->ending || host->exited) return;
  host->ending = true;
  tasks_.spawn("end host", end_host(host));
}

asio::awaitable<void> HostPool::end_host(HostPtr host) {
  boost::system::error_code error;
  // A host with a stuck thread cannot end by itself.
  if (host->fault.empty()) {
    host->link->send(FrameType::stop, 0, {});
    host->ended.expires_at(clock_.now() + options_.stop_grace);
    if (!host->exited) co_await host->ended.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
  if (!host->exited) kill_host(*host, SIGKILL);
}

asio::awaitable<void> HostPool::keep_hosts() {
  constexpr Millis kFirstPause{100};
  constexpr Millis kLongestPause{10'000};
  while (!tasks_.stopping()) {
    if (!retiring_ && serving() < options_.hosts) {
      // A host that dies at once must not be replaced in a tight loop.
      if (failures_ > 0) co_await clock_.sleep_for(std::min(kLongestPause, kFirstPause * (1U << std::min(failures_, 7U))));
      if (!retiring_ && !co_await add_host()) ++failures_;
      continue;
    }
    if (retiring_ && hosts_.empty() && on_empty) on_empty();
    changed_.expires_at(asio::steady_timer::time_point::max());
    boost::system::error_code woken;
    co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

asio::awaitable<bool> HostPool::add_host() {
  auto spawn = options_.spawn;
  if (const auto wanted = devices_wanted(); !wanted.empty()) spawn.devices = wanted.front();
  awaited_devices_ = spawn.devices;
  awaiting_host_ = true;
  auto ends = co_await zygote_.spawn(spawn);
  awaiting_host_ = false;
  const auto early_exits = std::exchange(early_exits_, {});
  if (!ends.has_value()) {
    log::error(ends.error().message(), {{"executor", channel::to_string(options_.spawn.executor)}});
    co_return false;
  }
  auto host = std::make_shared<Host>(executor_);
  const auto number = ends.value().number;
  host->devices = std::move(spawn.devices);
  host->link = std::make_unique<HostLink>(executor_, number, ends.value().pid, std::move(ends.value().channel),
                                          std::move(ends.value().output), *this);
  hosts_[number] = host;
  host->link->start();
  if (const auto early = early_exits.find(host->link->pid()); early != early_exits.end()) host_exited(early->second);
  co_return true;
}

void HostPool::frame(HostLink& link, const channel::FrameReader::Frame& frame) {
  const auto host = hosts_.at(link.number());
  if (frame.type == FrameType::ready) return take_ready(*host, frame.body);
  if (frame.type == FrameType::turning) {
    host->probes.erase(frame.handle);
    return;
  }
  if (frame.type == FrameType::blocked) return take_blocked(*host, frame.handle, frame.body);
  const auto attempt = host->attempts.find(frame.handle);
  if (attempt == host->attempts.end()) return answer_given_up(*host, frame);
  switch (frame.type) {
    case FrameType::began:
      attempt->second = true;
      events_.began(frame.handle);
      break;
    case FrameType::progress:
    case FrameType::metadata:
    case FrameType::checkpoint:
    case FrameType::log:
      events_.command(frame.handle, frame.type, frame.body);
      break;
    case FrameType::call:
      if (auto call = channel::decode<channel::Call>(frame.body); call.has_value()) {
        events_.call(frame.handle, std::move(call.value()));
      }
      break;
    case FrameType::end:
      break;  // the outcome follows in the same pipe, so order is kept without doing anything here
    case FrameType::outcome:
      take_outcome(*host, frame.handle, frame.body);
      if (host->worn || (host->state == Host::State::retiring && host->attempts.empty())) begin_retiring(host);
      break;
    default:
      host->fault = "it sent a frame that only the supervisor sends";
      kill_host(*host, SIGKILL);
  }
}

/// Of an attempt that was given up, or that the host was never given, nothing is heard any more; but one that has ended
/// at last, and has hooks to run, must not wait for ever.
void HostPool::answer_given_up(Host& host, const channel::FrameReader::Frame& frame) {
  if (frame.type != FrameType::call) return;
  const auto call = channel::decode<channel::Call>(frame.body);
  if (!call.has_value() || call.value().kind != channel::Call::Kind::conclude) return;
  channel::Verdict verdict;
  verdict.kind = channel::Verdict::Kind::returned;
  host.link->send(FrameType::reply, frame.handle, channel::encode(channel::Reply{0, true, channel::encode(verdict)}));
}

void HostPool::take_ready(Host& host, std::string_view body) {
  const auto ready = channel::decode<channel::Ready>(body);
  if (!ready.has_value() || !ready.value().fault.empty()) {
    log::error("a host could not start",
               {{"executor", channel::to_string(options_.spawn.executor)},
                {"pid", host.link->pid()},
                {"why", ready.has_value() ? ready.value().fault : ready.error().message()}});
    refusal_ = ready.has_value() ? Error(Errc::refused, ready.value().fault) : ready.error();
    started_.cancel();
    return;  // it ends by itself
  }
  if (host.state == Host::State::starting) host.state = Host::State::ready;
  failures_ = 0;
  refusal_.reset();
  started_.cancel();
  events_.capacity_changed();
  pump();
}

void HostPool::take_blocked(const Host& host, Handle handle, std::string_view body) const {
  const auto blocked = channel::decode<channel::Blocked>(body);
  if (!blocked.has_value()) return;
  const Millis lasted{blocked.value().for_ms};
  if (blocked.value().over) {
    log::info("an event loop turns again", {{"pid", host.link->pid()}, {"after_ms", lasted.count()}});
  } else if (host.attempts.contains(handle)) {
    events_.blocked(handle, lasted);
  } else {
    log::warning("an event loop does not turn, and no attempt that is known is to blame",
                 {{"pid", host.link->pid()}, {"for_ms", lasted.count()}, {"attempts", host.attempts.size()}});
  }
}

void HostPool::take_outcome(Host& host, Handle handle, std::string_view body) {
  auto outcome = channel::decode<channel::Outcome>(body);
  host.attempts.erase(handle);
  host.waiting.erase(handle);
  owners_.erase(handle);
  if (outcome.has_value()) {
    host.cpu_us += std::max<std::int64_t>(outcome.value().cpu_us, 0);
    host.worn |= outcome.value().worn;
    events_.outcome(handle, std::move(outcome.value()));
  } else {
    channel::Outcome broken;
    broken.kind = channel::Outcome::Kind::retry;
    broken.error_type = "protocol";
    broken.error_message = "the host's outcome could not be read: " + outcome.error().message();
    events_.outcome(handle, std::move(broken));
  }
  pump();
  retire_surplus();
}

void HostPool::output_line(HostLink& link, std::string line) {
  const auto host = hosts_.at(link.number());
  if (options_.spawn.executor == channel::Executor::process) {
    for (const auto& [handle, begun] : host->attempts) {
      if (begun) return events_.printed(handle, std::move(line));
    }
  }
  log::info(line, {{"executor", channel::to_string(options_.spawn.executor)}, {"pid", link.pid()}});
}

void HostPool::closed(HostLink& link, std::string fault) {
  const auto host = hosts_.at(link.number());
  host->closed = true;
  if (!fault.empty()) {
    host->fault = fault;
    log::error("a host broke the protocol", {{"pid", link.pid()}, {"what", fault}});
  }
  // End of file means it is done for, whatever else it still does.
  if (!host->exited) kill_host(*host, SIGKILL);
  if (orphaned_ && !host->exited) return host_exited({.pid = link.pid(), .wait_status = SIGKILL});
  fail_if_gone(host);
}

void HostPool::host_exited(const channel::Exited& exited) {
  const auto found = std::find_if(hosts_.begin(), hosts_.end(),
                                  [&exited](const auto& entry) { return entry.second->link->pid() == exited.pid; });
  if (found == hosts_.end()) {
    // Every pool is told of every exit. One that waits for no host has no use for it, and the number may come again.
    if (awaiting_host_) early_exits_[exited.pid] = exited;
    return;
  }
  const auto host = found->second;
  host->exited = true;
  host->end = exited;
  host->ended.cancel();
  if (options_.spawn.executor == channel::Executor::process) kill_host(*host, SIGKILL);  // what it left behind
  if (!host->closed) tasks_.spawn("await host's last frames", await_close(host));
  fail_if_gone(host);
}

void HostPool::orphan() {
  orphaned_ = true;
  for (const auto& [number, host] : std::map(hosts_)) {
    if (host->closed && !host->exited) host_exited({.pid = host->link->pid(), .wait_status = SIGKILL});
  }
}

asio::awaitable<void> HostPool::await_close(HostPtr host) {
  // What it wrote before it died is still to be read; but a grandchild may hold the pipe open for ever.
  constexpr Millis kPatience{500};
  co_await clock_.sleep_for(kPatience);
  if (!host->closed) {
    host->closed = true;
    fail_if_gone(host);
  }
}

void HostPool::fail_if_gone(const HostPtr& host) {
  if (!host->closed || !host->exited || host->buried) return;
  host->buried = true;
  host->link->read_last_output();
  HostDeath death;
  death.pid = host->link->pid();
  const int status = host->end.wait_status;
  death.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  death.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  death.oom = host->end.oom;
  if (options_.spawn.executor == channel::Executor::process) {
    death.usage.cpu_us = host->end.cpu_us < 0 ? -1 : std::max<std::int64_t>(host->end.cpu_us - host->cpu_us, 0);
    death.usage.peak_rss_kib = host->end.peak_rss_kib;
  }
  death.fault = host->fault;
  death.output.assign(host->link->output_tail().begin(), host->link->output_tail().end());
  if (host->state == Host::State::starting) {
    ++failures_;
    if (!refusal_) {
      refusal_ = Error(Errc::refused, fmt::format("a host of the {} executor died as it started ({})",
                                                  channel::to_string(options_.spawn.executor), how_it_ended(death)));
    }
    started_.cancel();
  }
  if (!host->ending && !retiring_ && host->attempts.empty() && host->fault.empty()) {
    log::warning("a host ended by itself", {{"executor", channel::to_string(options_.spawn.executor)},
                                            {"pid", death.pid},
                                            {"how", how_it_ended(death)}});
  }
  host->state = Host::State::retiring;
  host->waiting.clear();
  const auto attempts = std::exchange(host->attempts, {});
  const auto culprit = channel::read_crash(death.output).attempt.value_or(0);
  const bool known = death.signal != 0 && attempts.contains(culprit);
  for (const auto& [handle, begun] : attempts) {
    owners_.erase(handle);
    death.innocent = host->blocked || (known && handle != culprit);
    events_.lost(handle, begun, death);
  }
  tasks_.spawn("bury host", bury(host));
}

asio::awaitable<void> HostPool::bury(HostPtr host) {
  const auto number = host->link->number();
  co_await host->link->stop();
  hosts_.erase(number);
  changed_.cancel();
  events_.capacity_changed();
  pump();
}

void HostPool::retire() {
  retiring_ = true;
  // What no host has taken goes back, for those that come after us.
  for (const auto& waiting : std::exchange(waiting_, {})) events_.lost(waiting.handle, false, {});
  for (const auto& waiting : std::exchange(waiting_pinned_, {})) events_.lost(waiting.handle, false, {});
  for (const auto& waiting : std::exchange(waiting_hooks_, {})) events_.lost(waiting.handle, false, {});
  // Ending a host may change the map: walk a copy.
  for (const auto& [number, host] : std::map(hosts_)) begin_retiring(host);
  changed_.cancel();
}

asio::awaitable<void> HostPool::stop() {
  retiring_ = true;
  co_await tasks_.stop();
  for (const auto& [number, host] : hosts_) {
    if (!host->exited) kill_host(*host, SIGKILL);
    co_await host->link->stop();
  }
  hosts_.clear();
}

}  // namespace conduitd::hosts
