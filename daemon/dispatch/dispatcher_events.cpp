// What hosts and the broker tell the dispatcher while attempts run.

#include <algorithm>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/text.h"
#include "broker/kin.h"
#include "dispatch/attempt_end.h"
#include "dispatch/dispatcher.h"

namespace asio = boost::asio;

namespace conduitd::dispatch {

using channel::FrameType;
using Reason = channel::Cancel::Reason;

namespace {

// What one attempt may have waiting for the broker while it is away.
constexpr std::size_t kMostLogLines = 1'000;
constexpr std::size_t kMostMetadata = 1'000;

void merge_metadata(job::Report& report, channel::Metadata entry) {
  const auto old = std::find_if(report.metadata.begin(), report.metadata.end(), [&entry](const auto& pair) { return pair.first == entry.key; });
  if (old != report.metadata.end()) {
    old->second = std::move(entry.value);
  } else if (report.metadata.size() < kMostMetadata) {
    report.metadata.emplace_back(std::move(entry.key), std::move(entry.value));
  }
}

}  // namespace

void Dispatcher::began(hosts::Handle handle) {
  const auto found = attempts_.find(handle);
  if (found == attempts_.end()) return;
  auto& attempt = *found->second;
  attempt.begun = true;
  attempt.begun_at = clock_.now();
  attempt.started_at = clock_.wall_now();
  const auto timeout = attempt.claim.timeout ? attempt.claim.timeout : attempt.task->timeout;
  if (timeout) attempt.timeout_at = attempt.begun_at + *timeout;
  // It began while it was being asked to stop: patience with it counts from now.
  if (attempt.stop) attempt.give_up_at = attempt.begun_at + options_.grace;
  if (options_.log_attempts) log_begin(attempt);
  static_cast<void>(failpoint::fails_at("run.mid"));
}

void Dispatcher::log_begin(const Attempt& attempt) const {
  const auto& claim = attempt.claim;
  log::info("an attempt began", {{"job", claim.lease.job_id},
                                 {"task", claim.lease.task},
                                 {"queue", claim.lease.queue},
                                 {"attempt", claim.lease.attempt},
                                 {"executor", channel::to_string(attempt.task->executor)},
                                 {"plugin", attempt.task->code.plugin},
                                 {"traceparent", claim.traceparent}});
}

void Dispatcher::log_end(const Attempt& attempt, const job::Settlement& settlement) const {
  const auto& claim = attempt.claim;
  log::info("an attempt ended", {{"job", claim.lease.job_id},
                                 {"task", claim.lease.task},
                                 {"queue", claim.lease.queue},
                                 {"attempt", claim.lease.attempt},
                                 {"outcome", job::outcome_word(settlement)},
                                 {"type", settlement.failure ? settlement.failure->type : std::string()},
                                 {"duration_ms", settlement.duration.count()},
                                 {"cpu_us", attempt.usage.cpu_us},
                                 {"traceparent", claim.traceparent}});
}

void Dispatcher::command(hosts::Handle handle, FrameType type, std::string_view body) {
  const auto found = attempts_.find(handle);
  if (found == attempts_.end()) return;
  auto& attempt = *found->second;
  if (type == FrameType::progress) {
    if (auto progress = channel::decode<channel::Progress>(body); progress.has_value()) {
      attempt.report.progress = job::Progress{progress.value().fraction, std::move(progress.value().message)};
    }
  } else if (type == FrameType::metadata) {
    if (auto entry = channel::decode<channel::Metadata>(body); entry.has_value()) {
      merge_metadata(attempt.report, std::move(entry.value()));
    }
  } else if (type == FrameType::checkpoint) {
    attempt.report.checkpoint = std::string(body);
  } else if (auto log = channel::decode<channel::Log>(body); log.has_value()) {
    append_log(attempt, {from_unix_ms(log.value().time_ms), attempt.claim.lease.attempt, log.value().level,
                         std::move(log.value().message), std::move(log.value().fields)});
  }
  mark_dirty(handle, attempt);
}

void Dispatcher::printed(hosts::Handle handle, std::string line) {
  const auto found = attempts_.find(handle);
  if (found == attempts_.end()) return;
  if (!is_utf8(line)) line = escape_control(line);
  say(handle, job::LogLevel::info, std::move(line));
}

void Dispatcher::blocked(hosts::Handle handle, Millis lasted) {
  const auto found = attempts_.find(handle);
  if (found == attempts_.end()) return;
  const auto& lease = found->second->claim.lease;
  log::warning("a task blocks its event loop: nothing else on that loop goes on meanwhile",
               {{"job", lease.job_id}, {"task", found->second->task->name}, {"attempt", lease.attempt}, {"for_ms", lasted.count()}});
  say(handle, job::LogLevel::warning,
      fmt::format("blocks its event loop, for {} ms so far: run it on a thread or in a process, or let it co_await", lasted.count()));
}

void Dispatcher::append_log(Attempt& attempt, job::LogLine line) {
  auto& logs = attempt.report.logs;
  if (logs.size() >= kMostLogLines) logs.erase(logs.begin(), logs.begin() + kMostLogLines / 4);  // the newest matter most
  logs.push_back(std::move(line));
}

void Dispatcher::mark_dirty(hosts::Handle handle, Attempt& attempt) {
  if (attempt.dirty) return;
  attempt.dirty = true;
  dirty_.push_back(handle);
  settler_.reports_pending();
}

std::vector<job::Report> Dispatcher::collect_reports(std::size_t most) {
  std::vector<job::Report> reports;
  std::size_t taken = 0;
  for (; taken < dirty_.size() && reports.size() < most; ++taken) {
    const auto found = attempts_.find(dirty_[taken]);
    if (found == attempts_.end() || !found->second->dirty) continue;  // it has ended, and its report with it
    auto& attempt = *found->second;
    attempt.dirty = false;
    job::Report fresh;
    fresh.lease = attempt.claim.lease;
    reports.push_back(std::exchange(attempt.report, std::move(fresh)));
  }
  dirty_.erase(dirty_.begin(), dirty_.begin() + static_cast<std::ptrdiff_t>(taken));
  if (!dirty_.empty()) settler_.reports_pending();
  return reports;
}

void Dispatcher::outcome(hosts::Handle handle, channel::Outcome outcome) {
  const auto found = attempts_.find(handle);
  if (found == attempts_.end()) return;
  auto& attempt = *found->second;
  if (attempt.concluded) return end(handle, {});  // that was said before its hooks ran
  if (attempt.begun && !attempt.waited) {
    lanes_[static_cast<std::size_t>(attempt.task->executor)].pace.observe(std::chrono::microseconds(outcome.duration_us));
  }
  attempt.usage = {outcome.cpu_us, outcome.peak_rss_kib};
  end(handle, end_by_outcome(attempt, std::move(outcome)));
}

void Dispatcher::conclude(hosts::Handle handle, const channel::Call& call) {
  const auto found = attempts_.find(handle);
  auto outcome = channel::decode<channel::Outcome>(call.payload);
  if (found == attempts_.end() || !outcome.has_value() || found->second->concluded) return;
  auto& attempt = *found->second;
  if (!attempt.waited) {
    lanes_[static_cast<std::size_t>(attempt.task->executor)].pace.observe(std::chrono::microseconds(outcome.value().duration_us));
  }
  attempt.usage = {outcome.value().cpu_us, outcome.value().peak_rss_kib};
  auto end = end_by_outcome(attempt, std::move(outcome.value()));
  const auto kind = end.kind;
  attempt.concluded = decide(attempt, std::move(end));
  attempt.concluded_at = clock_.now();
  attempt.give_up_at = *attempt.concluded_at + kHookTime;
  hosts_.reply(handle, {call.id, true, channel::encode(verdict_of(*attempt.concluded, kind))});
}

void Dispatcher::say(hosts::Handle handle, job::LogLevel level, std::string message) {
  auto& attempt = *attempts_.at(handle);
  append_log(attempt, {clock_.wall_now(), attempt.claim.lease.attempt, level, std::move(message), {}});
  mark_dirty(handle, attempt);
}

void Dispatcher::lost(hosts::Handle handle, bool had_begun, const hosts::HostDeath& death) {
  const auto found = attempts_.find(handle);
  if (found == attempts_.end()) return;
  if (found->second->concluded) {
    say(handle, job::LogLevel::warning, "its host ended while the hooks of this attempt ran; the job is not affected");
    return end(handle, {});
  }
  found->second->begun = had_begun;
  found->second->usage = death.usage;
  end(handle, end_by_death(*found->second, had_begun, death));
}

void Dispatcher::capacity_changed() {
  room_.notify();
  upkeep_.announce_soon();
  for (const auto executor : {channel::Executor::async, channel::Executor::thread, channel::Executor::process}) {
    if (claiming_ && !asked_[static_cast<std::size_t>(executor)] && room(executor) > 0) broker_.interrupt_claim();
  }
}

void Dispatcher::call(hosts::Handle handle, channel::Call call) {
  if (call.kind == channel::Call::Kind::conclude) return conclude(handle, call);
  calls_.answer(handle, std::move(call));
}

Result<> Dispatcher::begin_wait(hosts::Handle handle) {
  const auto found = attempts_.find(handle);
  if (found == attempts_.end()) return Error(Errc::conflict, "the attempt has ended");
  auto& attempt = *found->second;
  const auto executor = attempt.task->executor;
  auto& lane = lanes_[static_cast<std::size_t>(executor)];
  const auto most = options_.waiting_max[static_cast<std::size_t>(executor)];
  if (attempt.waiting) return Error(Errc::conflict, "the attempt waits already: wait for all of them at once");
  if (lane.waiting >= most) {
    return Error(Errc::unavailable, fmt::format("{} attempts of the {} executor wait for other jobs already, which is the most: raise "
                                                "'waiting' of the executor, or submit jobs that run after others", most, channel::to_string(executor)));
  }
  attempt.waiting = attempt.waited = true;
  ++lane.waiting;
  --lane.outstanding;
  if (attempt.task->never_ahead()) --lane.prompt;
  for (const auto behind : hosts_.set_waiting(handle, true)) {
    if (attempts_.contains(behind)) ask_to_stop(behind, *attempts_.at(behind), Reason::shutdown);
  }
  room_made(executor);
  return ok();
}

void Dispatcher::end_wait(hosts::Handle handle) {
  const auto found = attempts_.find(handle);
  if (found == attempts_.end() || !found->second->waiting) return;
  auto& attempt = *found->second;
  auto& lane = lanes_[static_cast<std::size_t>(attempt.task->executor)];
  attempt.waiting = false;
  --lane.waiting;
  ++lane.outstanding;
  if (attempt.task->never_ahead()) ++lane.prompt;
  static_cast<void>(hosts_.set_waiting(handle, false));
  attempt.report.waits_for.emplace();
  mark_dirty(handle, attempt);
}

asio::awaitable<void> Dispatcher::cancel_children(std::string id) {
  const auto cancelled = co_await broker::cancel_children(directory_, flows_, id, false);
  if (!cancelled.has_value()) {
    log::warning("the children of a job could not be cancelled", {{"job", id}, {"why", cancelled.error().message()}});
  } else if (cancelled.value() > 0) {
    log::info("a job ended in vain, and its children were cancelled", {{"job", id}, {"children", cancelled.value()}});
  }
}

hosts::Handle Dispatcher::find(const job::Lease& lease) const {
  const auto found = by_job_.find(lease.job_id);
  if (found == by_job_.end()) return 0;
  return attempts_.at(found->second)->claim.lease.attempt == lease.attempt ? found->second : 0;
}

void Dispatcher::lease_state(const job::Lease& lease, broker::LeaseState state) {
  const auto handle = find(lease);
  if (handle == 0 || state == broker::LeaseState::held) return;
  auto& attempt = *attempts_.at(handle);
  if (state == broker::LeaseState::lost && attempt.stop != Reason::lease_lost) {
    log::warning("the lease of a running attempt was lost; it is stopped",
                 {{"job", lease.job_id}, {"attempt", lease.attempt}});
  }
  ask_to_stop(handle, attempt, state == broker::LeaseState::lost ? Reason::lease_lost : Reason::requested);
}

std::vector<job::Lease> Dispatcher::leases_due(SteadyTime before) const {
  // What has ended and is not confirmed yet needs its lease most of all.
  auto due = settler_.unconfirmed();
  for (const auto& [handle, attempt] : attempts_) {
    if (attempt->renewed_at <= before && attempt->stop != Reason::lease_lost) due.push_back(attempt->claim.lease);
  }
  return due;
}

void Dispatcher::broker_answered(BrokerUse use, const std::string& fault) {
  if (on_progress) on_progress();
  if (!broker_health_.answered(use, fault)) return;
  if (broker_health_.away()) {
    log::error("the broker is away", {{"why", fault}});
  } else {
    log::info("the broker is back");
  }
  if (on_broker) on_broker(fault);
}

std::pair<broker::WorkerInfo, std::vector<broker::TaskInfo>> Dispatcher::announcement() {
  broker::WorkerInfo worker;
  worker.id = options_.worker;
  worker.host = options_.host;
  worker.pid = ::getpid();
  worker.version = options_.version;
  worker.started_at = started_at_;
  worker.state = draining_ ? "draining" : "running";
  worker.queues = queues();
  std::sort(worker.queues.begin(), worker.queues.end());
  worker.running = attempts_.size();
  worker.done = settled_;
  Json detail;
  for (const auto executor : {channel::Executor::async, channel::Executor::thread, channel::Executor::process}) {
    const auto slots = hosts_.slots(executor);
    worker.slots += slots;
    Json lane;
    lane.set("slots", slots).set("given", lanes_[static_cast<std::size_t>(executor)].outstanding);
    if (const auto waiting = lanes_[static_cast<std::size_t>(executor)].waiting; waiting > 0) lane.set("waiting", waiting);
    if (const auto stuck = hosts_.stuck(executor); stuck > 0) lane.set("stuck", stuck);
    detail.set(std::string(channel::to_string(executor)), std::move(lane));
  }
  Json resources{Json::Object{}};
  for (const auto& [name, resource] : resources_.declared()) {
    Json one;
    one.set("units", resource.units).set("free", resources_.free(name));
    if (!resource.devices.empty()) one.set("devices", Json(Json::Array(resource.devices.begin(), resource.devices.end())));
    resources.set(name, std::move(one));
  }
  detail.set("resources", std::move(resources));
  Json limited;
  Json weights;
  for (const auto& share : options_.shares) {
    if (share.concurrency > 0) limited.set(share.name, share.concurrency);
    if (share.weight != 1) weights.set(share.name, share.weight);
  }
  if (!weights.is_null()) detail.set("weight", std::move(weights));
  if (!limited.is_null()) detail.set("concurrency", std::move(limited));
  worker.detail = detail.text();
  for (const auto& [name, task] : tasks_table_->all()) worker.tasks.push_back(name);
  return {std::move(worker), tasks_table_->announce()};
}

}  // namespace conduitd::dispatch
