#include "dispatch/dispatcher.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/text.h"
#include "dispatch/attempt_end.h"

namespace asio = boost::asio;

namespace conduitd::dispatch {

using channel::Executor;
using Reason = channel::Cancel::Reason;

namespace {

constexpr std::array kExecutors{Executor::async, Executor::thread, Executor::process};
constexpr Millis kWatchInterval{50};
// A staged attempt that still waits after this was sent ahead in error: another worker may be free for it.
constexpr Millis kStagedPatience{1'000};
// With devices it waits for a process that is pinned to them, which may load much before it is ready.
constexpr Millis kDevicesPatience{60'000};
// How often the broker is asked about jobs that do not fit.
constexpr Millis kOutlookInterval{1'000};
constexpr Millis kClaimWait{10'000};
constexpr Millis kFirstPause{50};
constexpr Millis kLongestPause{1'000};
// Beyond this the broker does not keep up (or is away), and claiming more would only grow the backlog.
constexpr std::size_t kMostUnconfirmed = 5'000;

std::size_t index(Executor executor) { return static_cast<std::size_t>(executor); }

}  // namespace

Dispatcher::Dispatcher(asio::any_io_executor executor, Clock& clock, broker::Broker& broker,
                       broker::Directory& directory, broker::Flows& flows, broker::Events& events, broker::Outlook& outlook, hosts::Hosts& hosts, Options options)
    : clock_(clock),
      broker_(broker),
      directory_(directory),
      flows_(flows),
      outlook_(outlook),
      hosts_(hosts),
      options_(std::move(options)),
      rng_(options_.seed),
      tasks_table_(std::make_shared<TaskTable>()),
      resources_(options_.resources),
      started_at_(clock.wall_now()),
      room_(executor, clock),
      drained_(executor, clock),
      settler_(executor, clock, broker,
               {[this](std::size_t most) { return collect_reports(most); },
                [this](const job::Lease& lease, broker::LeaseState state) { lease_state(lease, state); },
                [this](const job::Settlement& settlement, broker::Settled settled) { confirmed(settlement, settled); },
                [this](const std::string& fault) { broker_answered(BrokerUse::settle, fault); }}),
      lease_keeper_(executor, clock, broker, options_.lease,
                    {[this](SteadyTime before) { return leases_due(before); },
                     [this](const job::Lease& lease, broker::LeaseState state, SteadyTime sent_at) {
                       if (const auto handle = find(lease); handle != 0) attempts_.at(handle)->renewed_at = sent_at;
                       lease_state(lease, state);
                     },
                     [this](const std::string& fault) { broker_answered(BrokerUse::extend, fault); }}),
      upkeep_(executor, clock, broker, directory, {options_.lease, options_.quarantine_after, Millis{5'000}},
              {[this] { return announcement(); }, [this](BrokerUse use, const std::string& fault) { broker_answered(use, fault); },
               [this](const std::string& id) { tasks_.spawn("cancel the children of a job", cancel_children(id)); }}),
      calls_(executor, clock, broker, directory, flows, events,
             {[this](hosts::Handle handle) {
                const auto found = attempts_.find(handle);
                return found != attempts_.end() ? found->second.get() : nullptr;
              },
              [this](const std::string& name) { return tasks_table_->find(name); },
              [this](hosts::Handle handle) { return begin_wait(handle); },
              [this](hosts::Handle handle) { end_wait(handle); },
              [this](hosts::Handle handle, const channel::Reply& reply) { hosts_.reply(handle, reply); },
              [this] { return rng_(); },
              [this](hosts::Handle handle, std::string text) {
                if (attempts_.contains(handle)) say(handle, job::LogLevel::warning, std::move(text));
              }}),
      tasks_(executor) {
  calls_.limits = options_.limits;
}

void Dispatcher::set_tasks(std::shared_ptr<const TaskTable> tasks) {
  tasks_table_ = std::move(tasks);
  warn_of_resources();
  broker_.interrupt_claim();
  room_.notify();
  upkeep_.announce_soon();
}

void Dispatcher::reconfigure(const Options& options) {
  options_.only_queues = options.only_queues;
  options_.shares = options.shares;
  options_.strict_order = options.strict_order;
  options_.grace = options.grace;
  options_.process_grace = options.process_grace;
  calls_.limits = options_.limits = options.limits;
  options_.waiting_max = options.waiting_max;
  options_.log_attempts = options.log_attempts;
  resources_.declare(options.resources);
}

void Dispatcher::warn_of_resources() const {
  for (const auto& [name, task] : tasks_table_->all()) {
    std::string missing;
    if (resources_.could_give(task.needs, &missing)) continue;
    const auto declared = resources_.declared().find(missing);
    log::warning("this worker takes no jobs of a task, whose needs are more than its resources",
                 {{"task", name},
                  {"needs", job::describe(missing, task.needs.at(missing))},
                  {"has", declared != resources_.declared().end() ? job::format_units(missing, declared->second.units) : std::string("none")}});
  }
}

void Dispatcher::start() {
  broker_.on_notice([this](const broker::Notice& notice) {
    if (notice.kind != broker::Notice::Kind::cancel) return;
    const auto found = by_job_.find(notice.subject);
    if (found != by_job_.end()) ask_to_stop(found->second, *attempts_.at(found->second), Reason::requested);
  });
  settler_.start();
  lease_keeper_.start();
  upkeep_.start();
  tasks_.spawn("claim jobs", claim_jobs());
  tasks_.spawn("watch attempts", watch_attempts());
  tasks_.spawn("watch large jobs", watch_large_jobs());
}

Dispatcher::Stats Dispatcher::stats() const { return {attempts_.size(), settled_, broker_health_.fault()}; }

// --- Claiming ---------------------------------------------------------------------------------------------------

asio::awaitable<void> Dispatcher::claim_jobs() {
  unsigned faults = 0;
  while (!tasks_.stopping() && !draining_) {
    auto request = make_request();
    const bool any = std::any_of(request.groups.begin(), request.groups.end(), [](const auto& group) { return group.most > 0; });
    if (!any) {
      broker_answered(BrokerUse::claim, {});
      co_await room_.wait_until(clock_.now() + kLongestPause);
      continue;
    }
    // After a failure it does not wait for jobs: that the broker is back shall be known at once.
    if (faults > 0) request.wait = Millis{0};
    claiming_ = true;
    auto claims = co_await broker_.claim(std::move(request));
    claiming_ = false;
    broker_answered(BrokerUse::claim, claims.has_value() ? std::string() : claims.error().message());
    if (!claims.has_value()) {
      co_await clock_.sleep_for(std::min(kLongestPause, kFirstPause * (1U << std::min(faults++, 5U))));
      continue;
    }
    faults = 0;
    if (offered_ && std::ranges::none_of(claims.value(), [this](const auto& claim) { return claim.lease.task == saved_for_; })) {
      aging_.forget(saved_for_);  // somebody else took it, or a limit keeps it
    }
    for (auto& claim : claims.value()) begin(std::move(claim));
  }
}

std::size_t Dispatcher::room(Executor executor) const {
  const auto slots = hosts_.slots(executor);
  const auto& lane = lanes_[index(executor)];
  const auto window = slots + lane.pace.ahead(slots);
  if (lane.outstanding >= window || settler_.backlog() >= kMostUnconfirmed) return 0;
  const auto free = window - lane.outstanding;
  // With work staged the slots are busy: wait until a claim is worth its round trip.
  if (lane.outstanding > slots && free < window / 4) return 0;
  return std::min(free, options_.claim_most);
}

broker::ClaimRequest Dispatcher::make_request() {
  broker::ClaimRequest request;
  request.wait = kClaimWait;
  request.free = resources_.all_free();
  short_of_resources_ = false;
  offered_ = false;
  saved_for_ = aging_.turn(clock_.now());
  if (const auto* large = tasks_table_->find(saved_for_); large != nullptr && !resources_.has_free(large->needs)) {
    request.free = set_aside(std::move(request.free), large->needs);
  }
  const auto order = queues();
  for (const auto& share : options_.shares) {
    if (share.concurrency > 0) request.concurrency.emplace(share.name, share.concurrency);
  }
  for (const auto executor : kExecutors) {
    broker::ClaimGroup group;
    group.most = room(executor);
    asked_[index(executor)] = group.most > 0;
    if (group.most == 0) continue;
    hosts_.set_ahead(executor, lanes_[index(executor)].pace.ahead(hosts_.slots(executor)));
    std::vector<const Task*> tasks;
    for (const auto& [name, task] : tasks_table_->all()) {
      if (task.executor != executor || !resources_.could_give(task.needs)) continue;
      if (may_take(task, request.free)) {
        tasks.push_back(&task);
        // Whoever waits for the others shall not wait for long if it does not come.
        if (name == saved_for_) request.wait = Millis{0};
        offered_ = offered_ || name == saved_for_;
      } else {
        short_of_resources_ = true;
      }
    }
    // A task with a long backlog must not always come before the others of its queue.
    std::shuffle(tasks.begin(), tasks.end(), rng_);
    for (const auto& queue : order) {
      for (const auto* task : tasks) group.sources.push_back(source(queue, *task));
    }
    // What was left out for want of a free slot is to be asked for when there is one.
    if (std::any_of(group.sources.begin(), group.sources.end(), [](const auto& source) { return source.most == 0; })) asked_[index(executor)] = false;
    if (!group.sources.empty()) request.groups.push_back(std::move(group));
  }
  return request;
}

/// Smaller ones leave to the large one whose turn it is what it needs.
bool Dispatcher::may_take(const Task& task, const job::Needs& free) const {
  if (job::times_in(free, task.needs) == 0) return false;
  const auto* large = tasks_table_->find(saved_for_);
  return large == nullptr || large == &task || !resources_.has_free(large->needs) || !compete(task.needs, large->needs);
}

broker::Source Dispatcher::source(const std::string& queue, const Task& task) const {
  broker::Source out{queue, task.name, task.limits};
  out.weight = task.weight;
  out.needs = task.needs;
  if (task.never_ahead()) {
    // A rate is for starts: what is staged starts when its slot is free, perhaps many at once. So no more than there are slots,
    // and what the rate gives in a moment.
    constexpr Millis kMoment{10};
    const auto most = hosts_.slots(task.executor) + (task.needs.empty() ? task.starts_in(kMoment) : 0);
    out.most = most - std::min(most, lanes_[index(task.executor)].prompt);
  }
  return out;
}

std::vector<std::string> Dispatcher::queues() {
  std::vector<QueueShare> shares;
  const auto add = [&shares](const std::string& name, std::uint32_t weight) {
    const bool known = std::any_of(shares.begin(), shares.end(), [&name](const auto& share) { return share.name == name; });
    if (!known) shares.push_back({name, weight});
  };
  const auto weight_of = [this](const std::string& name) {
    const auto found = std::find_if(options_.shares.begin(), options_.shares.end(), [&name](const auto& share) { return share.name == name; });
    return found != options_.shares.end() ? found->weight : 1U;
  };
  if (!options_.only_queues.empty()) {
    for (const auto& name : options_.only_queues) add(name, weight_of(name));
  } else {
    for (const auto& share : options_.shares) add(share.name, share.weight);
    for (const auto& [name, task] : tasks_table_->all()) add(task.queue, 1);
    add("default", 1);
  }
  return draw_order(shares, options_.strict_order, rng_);
}

void Dispatcher::begin(job::Claim claim) {
  const Task* task = tasks_table_->find(claim.lease.task);
  auto attempt = std::make_unique<Attempt>();
  attempt->report.lease = claim.lease;
  attempt->given_at = attempt->renewed_at = clock_.now();
  attempt->started_at = clock_.wall_now();
  attempt->table = tasks_table_;
  attempt->task = task;
  attempt->claim = std::move(claim);
  const auto& remaining = attempt->claim.remaining;
  if (remaining) attempt->deadline_at = attempt->given_at + *remaining;
  const bool late = remaining && *remaining <= Millis{0};
  // A claim asks for no more than fits, but a reload meanwhile may have left less, or have other needs.
  const bool fits = task != nullptr && resources_.has_free(task->needs);
  if (!fits || attempt->claim.invalid || draining_ || late) return refuse(std::move(attempt));

  while (next_handle_ == 0 || attempts_.contains(next_handle_)) ++next_handle_;
  const auto handle = next_handle_++;
  by_job_[attempt->claim.lease.job_id] = handle;
  ++lanes_[index(task->executor)].outstanding;
  if (task->never_ahead()) ++lanes_[index(task->executor)].prompt;
  attempt->devices = resources_.take(task->needs);
  aging_.forget(task->name);
  auto& entered = *attempts_.emplace(handle, std::move(attempt)).first->second;
  if (failpoint::fails_at("claim.after_begin")) return end(handle, end_by_death(entered, false, {}));
  send(handle, entered);
}

void Dispatcher::refuse(AttemptPtr attempt) {
  job::AttemptEnd end;
  end.kind = job::AttemptEnd::Kind::returned;
  if (attempt->claim.invalid) {
    end.kind = job::AttemptEnd::Kind::invalid;
    end.failure = {"invalid_record", attempt->claim.error, {}};
  }
  if (attempt->claim.remaining && *attempt->claim.remaining <= Millis{0}) {
    end.kind = job::AttemptEnd::Kind::overdue;
    end.failure = {"deadline", "the job's deadline passed while it waited", {}};
  }
  // A reload may have taken the task away while the claim was on its way: it goes back for a worker that has it.
  settle(*attempt, job::decide({}, attempt->claim.counters, std::move(end), random()));
}

void Dispatcher::send(hosts::Handle handle, Attempt& attempt) {
  const auto& claim = attempt.claim;
  const auto retries = claim.retries ? static_cast<std::uint32_t>(*claim.retries) : attempt.task->retry.retries;
  const auto timeout = claim.timeout ? claim.timeout : attempt.task->timeout;
  channel::Start start;
  start.task = claim.lease.task;
  start.job_id = claim.lease.job_id;
  start.parent_id = claim.parent_id;
  start.root_id = claim.root_id.empty() ? claim.lease.job_id : claim.root_id;
  start.queue = claim.lease.queue;
  start.args = claim.args;
  start.metadata = claim.metadata;
  start.checkpoint = claim.checkpoint;
  start.traceparent = claim.traceparent;
  start.after = claim.after;
  start.devices = fmt::format("{}", fmt::join(attempt.devices, ","));
  start.attempt = claim.lease.attempt;
  start.max_attempts = claim.lease.attempt + (retries > claim.counters.failures ? retries - claim.counters.failures : 0);
  const auto until = claim.remaining && (!timeout || *claim.remaining < *timeout) ? claim.remaining : timeout;
  if (until) start.deadline_ms = to_unix_ms(clock_.wall_now() + *until);
  hosts_.start(handle, attempt.task->executor, start);
}

// --- Ending -----------------------------------------------------------------------------------------------------

void Dispatcher::end(hosts::Handle handle, job::AttemptEnd end) {
  const auto found = attempts_.find(handle);
  if (found == attempts_.end()) return;
  const auto attempt = std::move(found->second);
  attempts_.erase(found);
  calls_.end_wait(handle);
  by_job_.erase(attempt->claim.lease.job_id);
  give_back_resources(*attempt);
  slot_freed(*attempt);
  if (attempt->stop == Reason::lease_lost) return;  // another holds the job now: nothing of ours may be written

  settle(*attempt, attempt->concluded ? std::move(*attempt->concluded) : decide(*attempt, std::move(end)));
}

job::Settlement Dispatcher::decide(const Attempt& attempt, job::AttemptEnd end) {
  job::RetryPolicy policy = attempt.task->retry;
  if (attempt.claim.retries) policy.retries = static_cast<std::uint32_t>(*attempt.claim.retries);
  if (attempt.deadline_at) end.remaining = std::chrono::floor<Millis>(*attempt.deadline_at - clock_.now());
  return job::decide(policy, attempt.claim.counters, std::move(end), random());
}

void Dispatcher::settle(Attempt& attempt, job::Settlement settlement) {
  settlement.lease = attempt.claim.lease;
  settlement.started_at = attempt.started_at;
  // Whether earlier attempts have submitted jobs nobody here knows.
  const bool in_vain = settlement.kind == job::Settlement::Kind::fail || settlement.kind == job::Settlement::Kind::cancel;
  if (in_vain && (attempt.has_children || attempt.claim.counters.attempts > 1)) {
    tasks_.spawn("cancel the children of a job", cancel_children(settlement.lease.job_id));
  }
  // concluded_at: the time hooks take is not the attempt's.
  const auto ended_at = attempt.concluded_at.value_or(clock_.now());
  if (attempt.begun) settlement.duration = std::chrono::duration_cast<Millis>(ended_at - attempt.begun_at);
  settlement.worker = options_.worker;
  if (attempt.begun) {
    settlement.code = attempt.task->code;
    settlement.usage = attempt.usage;
  }
  if (options_.log_attempts && attempt.begun) log_end(attempt, settlement);
  settler_.settle(std::move(attempt.report), std::move(settlement));
}

void Dispatcher::give_back_resources(const Attempt& attempt) {
  resources_.give_back(attempt.task->needs, attempt.devices);
  if (attempt.task->needs.empty() || !short_of_resources_) return;
  room_.notify();
  if (claiming_) broker_.interrupt_claim();
}

void Dispatcher::slot_freed(const Attempt& attempt) {
  const auto executor = attempt.task->executor;
  auto& lane = lanes_[index(executor)];
  --(attempt.waiting ? lane.waiting : lane.outstanding);
  if (attempt.task->never_ahead() && !attempt.waiting) --lane.prompt;
  if (draining_ && attempts_.empty()) drained_.notify();
  room_made(executor);
}

void Dispatcher::room_made(Executor executor) {
  if (room(executor) == 0) return;
  room_.notify();
  // The claim that waits did not ask for this executor: let it ask again.
  if (claiming_ && !asked_[index(executor)]) broker_.interrupt_claim();
}

void Dispatcher::confirmed(const job::Settlement& settlement, broker::Settled settled) {
  ++settled_;
  if (settled == broker::Settled::lost) {
    log::warning("an attempt's end was refused: its lease had been lost",
                 {{"job", settlement.lease.job_id}, {"attempt", settlement.lease.attempt}});
  } else if (settlement.failure && settlement.kind != job::Settlement::Kind::complete) {
    log::warning(settlement.kind == job::Settlement::Kind::retry ? "an attempt failed" : "a job ended without a result",
                 {{"job", settlement.lease.job_id},
                  {"task", settlement.lease.task},
                  {"attempt", settlement.lease.attempt},
                  {"type", settlement.failure->type},
                  {"why", settlement.failure->message}});
  }
  if (claiming_ || settler_.backlog() >= kMostUnconfirmed) return;
  room_.notify();
}

void Dispatcher::ask_to_stop(hosts::Handle handle, Attempt& attempt, Reason reason) {
  // The first reason stays, except that a lost lease overrides all: then nothing may be written.
  if ((attempt.stop || attempt.concluded) && reason != Reason::lease_lost) return;
  attempt.stop = reason;
  const bool process = attempt.task->executor == Executor::process;
  if (attempt.begun) attempt.give_up_at = clock_.now() + (process ? options_.process_grace : options_.grace);
  hosts_.cancel(handle, reason);
  calls_.end_wait(handle);
}

/// What does not fit, or did not; nothing where no task needs anything, as in most workers.
broker::ClaimRequest Dispatcher::large_jobs() {
  broker::ClaimRequest request;
  request.groups.emplace_back().most = 1;
  const auto& all = tasks_table_->all();
  if (std::ranges::all_of(all, [](const auto& entry) { return entry.second.needs.empty(); })) return request;
  const auto order = queues();
  for (const auto& share : options_.shares) {
    if (share.concurrency > 0) request.concurrency.emplace(share.name, share.concurrency);
  }
  auto& group = request.groups.front();
  for (const auto& [name, task] : all) {
    if (!resources_.could_give(task.needs) || (resources_.has_free(task.needs) && !aging_.knows(name))) continue;
    for (const auto& queue : order) group.sources.push_back({queue, name, task.limits});
  }
  return request;
}

asio::awaitable<void> Dispatcher::watch_large_jobs() {
  while (!tasks_.stopping()) {
    co_await clock_.sleep_for(kOutlookInterval);
    auto request = large_jobs();
    std::vector<std::string> asked;
    for (const auto& source : request.groups.front().sources) asked.push_back(source.task);
    aging_.keep_only({asked.begin(), asked.end()});
    if (asked.empty() || draining_) continue;
    const auto answers = co_await outlook_.would_give(std::move(request));
    if (!answers.has_value()) continue;
    std::map<std::string, bool> waits;
    for (std::size_t i = 0; i < asked.size(); ++i) waits[asked[i]] = waits[asked[i]] || answers.value().at(i);
    const auto now = clock_.now();
    for (const auto& [task, any] : waits) {
      const auto* found = tasks_table_->find(task);
      // It may have begun to fit, and to be taken, while we asked.
      if (aging_.knows(task) || (found != nullptr && !resources_.has_free(found->needs))) aging_.heard(task, any, now);
    }
    if (aging_.turn(now) == saved_for_) continue;
    room_.notify();
    if (claiming_) broker_.interrupt_claim();
  }
}

asio::awaitable<void> Dispatcher::watch_attempts() {
  while (!tasks_.stopping()) {
    co_await clock_.sleep_for(kWatchInterval);
    watch_once(clock_.now());
    if (on_progress && broker_health_.away()) on_progress();
  }
}

void Dispatcher::watch_once(SteadyTime now) {
  std::vector<hosts::Handle> late;
  std::vector<hosts::Handle> overdue;
  std::vector<hosts::Handle> idle;
  for (const auto& [handle, attempt] : attempts_) {
    if (attempt->give_up_at && *attempt->give_up_at <= now) overdue.push_back(handle);
    const bool past_deadline = attempt->begun && attempt->deadline_at && *attempt->deadline_at <= now;
    const bool timed_out = attempt->timeout_at && *attempt->timeout_at <= now;
    if (!attempt->stop && !attempt->concluded && (timed_out || past_deadline)) {
      attempt->overdue = past_deadline;
      late.push_back(handle);
    }
    const auto patience = attempt->devices.empty() ? kStagedPatience : kDevicesPatience;
    if (!attempt->begun && !attempt->stop && attempt->given_at + patience <= now) idle.push_back(handle);
  }
  for (const auto handle : late) ask_to_stop(handle, *attempts_.at(handle), Reason::timeout);
  for (const auto handle : idle) return_staged(handle, now);
  for (const auto handle : overdue) {
    const auto& attempt = *attempts_.at(handle);
    const bool process = attempt.task->executor == Executor::process;
    if (attempt.concluded) {
      say(handle, job::LogLevel::warning, fmt::format("the hooks of this attempt did not end within {}; the job is not affected",
                                                      format_duration(kHookTime)));
    }
    log::warning(attempt.concluded ? "the hooks of an attempt did not end and were given up" : "an attempt did not stop and was given up",
                 {{"job", attempt.claim.lease.job_id}, {"task", attempt.task->name}});
    attempts_.at(handle)->usage = hosts_.give_up(handle);
    end(handle, end_by_giving_up(attempt, process ? options_.process_grace : options_.grace));
  }
}

void Dispatcher::return_staged(hosts::Handle handle, SteadyTime now) {
  auto& attempt = *attempts_.at(handle);
  // What runs in front of it takes longer than was thought.
  lanes_[index(attempt.task->executor)].pace.observe(
      std::chrono::duration_cast<std::chrono::microseconds>(now - attempt.given_at));
  hosts_.set_ahead(attempt.task->executor, 0);
  ask_to_stop(handle, attempt, Reason::shutdown);
}

// --- Stopping ---------------------------------------------------------------------------------------------------

asio::awaitable<bool> Dispatcher::drain(SteadyTime deadline) {
  constexpr Millis kSettleTime{5'000};
  draining_ = true;
  upkeep_.announce_soon();
  broker_.interrupt_claim();
  room_.notify();
  for (const auto handle : handles()) {
    if (!attempts_.contains(handle)) continue;
    auto& attempt = *attempts_.at(handle);
    if (!attempt.begun) ask_to_stop(handle, attempt, Reason::shutdown);
  }
  while ((!attempts_.empty() || claiming_) && !hurried_ && clock_.now() < deadline) {
    // A claim that was on its way may still bring jobs, which are handed back as they come.
    co_await drained_.wait_until(claiming_ ? clock_.now() + kFirstPause : deadline);
  }
  // Whatever still runs is handed back: it costs the job nothing.
  for (const auto handle : handles()) {
    if (!attempts_.contains(handle)) continue;
    auto& attempt = *attempts_.at(handle);
    if (!attempt.stop) attempt.stop = Reason::shutdown;
    attempt.usage = hosts_.give_up(handle);
    end(handle, end_by_giving_up(attempt, Millis{0}));
  }
  co_return co_await settler_.drain(clock_.now() + kSettleTime);
}

std::vector<hosts::Handle> Dispatcher::handles() const {
  std::vector<hosts::Handle> all;
  all.reserve(attempts_.size());
  for (const auto& [handle, attempt] : attempts_) all.push_back(handle);
  return all;
}

void Dispatcher::hurry() {
  hurried_ = true;
  drained_.notify();
}

asio::awaitable<void> Dispatcher::stop() {
  draining_ = true;
  co_await upkeep_.stop();
  co_await calls_.stop();
  co_await tasks_.stop();
  co_await lease_keeper_.stop();
  co_await settler_.stop();
}

}  // namespace conduitd::dispatch
