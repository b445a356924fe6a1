#include "broker/redis/enqueuer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

// A script must not hold the server up: so many jobs in one call.
constexpr std::size_t kMostScripted = 100;
// How often to look again at a holder that moves on while we look.

bool is_plain(const job::NewJob& job) {
  return !job.delay && !job.at && !job.expires && !job.deadline && job.unique.empty() && job.idempotency_key.empty() && job.after.empty();
}

std::string in_ms(const std::optional<Millis>& duration) { return duration ? std::to_string(duration->count()) : ""; }

/// Which reply answers which jobs.
struct Step {
  std::vector<std::size_t> jobs;
  bool scripted = false;  ///< by enqueue.lua
};

/// A call of children.lua for plain jobs of one parent, in one queue.
struct Brood {
  Brood(const Server& server, const job::NewJob& first) : keys(server.keys.queue(first.queue)), parent(first.parent_id) {
    names = {keys.children(parent)};
    args = {std::to_string(server.options.result_ttl.count())};
  }

  [[nodiscard]] bool takes(const job::NewJob& job) const {
    return count < kMostScripted * 2 && is_plain(job) && job.parent_id == parent && job.queue == keys.queue();
  }
  void add(const job::NewJob& job) {
    const auto stream = keys.stream(job.task, job.priority);
    auto found = std::find(names.begin() + 1, names.end(), stream);
    if (found == names.end()) found = names.insert(found, stream);
    for (auto& word : Words{std::to_string(found - names.begin()), std::string(1, lane_letter(job.priority)) + '/', '/' + job.task,
                            encode(header_for(job)), job.args}) {
      args.push_back(std::move(word));
    }
    ++count;
  }

  const QueueKeys keys;
  const std::string parent;
  Words names;
  Words args;
  std::size_t count = 0;
};

/// A call of enqueue.lua for jobs of one queue.
struct Call {
  Call(const Server& server, const QueueKeys& with) : keys(with) {
    names = {keys.due(), keys.deadlines(), keys.index(job::JobStatus::scheduled), keys.placed()};
    head = {std::to_string(server.options.result_ttl.count()), keys.ended_channel(), server.keys.notices(), keys.queue()};
  }

  void add(const job::NewJob& job, const std::string& ulid) {
    auto header = header_for(job);
    header.ulid = ulid;
    header.priority = job.priority;
    const auto own = keys.job(ulid);
    names.push_back(keys.stream(job.task, job.priority));
    names.push_back(own);
    names.push_back(job.unique.empty() ? own : keys.unique(job.unique));
    names.push_back(job.idempotency_key.empty() ? own : keys.submit(job.idempotency_key));
    names.push_back(job.parent_id.empty() ? own : keys.children(job.parent_id));
    names.push_back(job.after.empty() ? own : keys.held(ulid));
    const auto kind = !job.after.empty() ? "after" : job.delay ? "in" : job.at ? "at" : "";
    const auto when = job.delay ? job.delay->count() : job.at ? to_unix_ms(*job.at) : 0;
    auto value = std::to_string(when);
    if (!job.after.empty()) value = (job.after_rule == job::AfterRule::ended ? 'e' : 'c') + job::ids_to_json(job.after);
    const Words more{ulid, job.task, std::string(1, lane_letter(job.priority)), kind, std::move(value),
                     in_ms(job.expires), in_ms(job.deadline), in_ms(job.unique_window),
                     std::string(key_suffix(header.unique_waiting)), encode(header), job.args};
    words.insert(words.end(), more.begin(), more.end());
    ++count;
  }

  void send(Batch& batch, const Words& more_names = {}, const Words& more_args = {}) const {
    auto all_names = names;
    all_names.insert(all_names.end(), more_names.begin(), more_names.end());
    auto args = head;
    args.push_back(std::to_string(count));
    args.insert(args.end(), words.begin(), words.end());
    args.insert(args.end(), more_args.begin(), more_args.end());
    batch.script(Script::enqueue, all_names, args);
  }

  const QueueKeys keys;
  Words names;
  Words head;
  Words words;
  std::size_t count = 0;
};

Enqueued kept_out(std::string id, const job::NewJob& job) {
  Enqueued out;
  out.id = std::move(id);
  out.created = false;
  out.rejected = job.on_conflict != job::OnConflict::existing;
  return out;
}

/// What enqueue.lua said of a job; nothing if the holder of its unique key must be looked at.
std::optional<Enqueued> outcome_of(const job::NewJob& job, const std::string& ulid, std::string_view said) {
  Enqueued out;
  if (said.empty()) {
    out.id = fmt::format("{}:{}", job.queue, ulid);
    return out;
  }
  if (said.starts_with('r')) {
    out.id = fmt::format("{}:{}", job.queue, said.substr(1));
    out.created = false;
    out.repeated = true;
    return out;
  }
  // A key that counts as long as its holder lives counts now; only then nothing more need be known.
  const bool plain = !said.ends_with(kUntilStarted) && said != "?" && job.on_conflict != job::OnConflict::replace;
  if (!plain) return std::nullopt;
  return kept_out(fmt::format("{}:{}", job.queue, said), job);
}

/// Jobs whose turn depends on one before them in the batch: a key that one of its bearers would take from another.
std::vector<bool> dependent(const std::vector<job::NewJob>& jobs) {
  struct Bearers {
    std::size_t count = 0;
    bool replace = false;
  };
  std::map<std::pair<std::string_view, std::string_view>, Bearers> keys;
  for (const auto& job : jobs) {
    if (job.unique.empty()) continue;
    auto& bearers = keys[{job.queue, job.unique}];
    ++bearers.count;
    bearers.replace |= job.on_conflict == job::OnConflict::replace;
  }
  std::vector<bool> out(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].unique.empty()) continue;
    const auto& bearers = keys.at({jobs[i].queue, jobs[i].unique});
    out[i] = bearers.count > 1 && bearers.replace;
  }
  return out;
}

}  // namespace

asio::awaitable<Result<>> Enqueuer::announce_weights(const std::vector<job::NewJob>& jobs) {
  std::set<std::pair<std::string, std::string>> tasks;
  for (const auto& job : jobs) {
    if (job.weight && *job.weight > 1) tasks.emplace(job.queue, job.task);
  }
  if (tasks.empty()) co_return ok();
  Batch batch;
  for (const auto& [queue, task] : tasks) batch.command({"HSET", server_.keys.queue(queue).heavy(), "!" + task, "1"});
  CONDUIT_CO_TRY(co_await server_.exec(std::move(batch)));
  co_return ok();
}

asio::awaitable<Result<>> Enqueuer::send_all(Order& order) {
  const auto& jobs = order.jobs;
  CONDUIT_CO_TRY(co_await announce_weights(jobs));
  const auto waits = dependent(jobs);
  std::set<std::string> queues;
  Batch batch;
  std::vector<Step> steps;
  for (std::size_t i = 0; i < jobs.size();) {
    const auto& job = jobs[i];
    const auto keys = server_.keys.queue(job.queue);
    queues.insert(job.queue);
    Step step{{}, !is_plain(job)};
    if (!step.scripted && !job.parent_id.empty()) {
      Brood brood(server_, job);
      for (; i < jobs.size() && brood.takes(jobs[i]); ++i) {
        brood.add(jobs[i]);
        step.jobs.push_back(i);
      }
      batch.script(Script::children, brood.names, brood.args);
      steps.push_back(std::move(step));
      continue;
    }
    if (!step.scripted) {
      batch.command({"XADD", keys.stream(job.task, job.priority), "*", "h", encode(header_for(job)), "a", job.args});
      step.jobs.push_back(i++);
      steps.push_back(std::move(step));
      continue;
    }
    Call call(server_, keys);
    for (; i < jobs.size() && call.count < kMostScripted && !is_plain(jobs[i]) && jobs[i].queue == job.queue; ++i) {
      if (waits[i]) {
        order.open.push_back(i);
        continue;
      }
      call.add(jobs[i], order.ulids[i]);
      step.jobs.push_back(i);
    }
    if (call.count == 0) continue;
    call.send(batch);
    steps.push_back(std::move(step));
  }
  for (const auto& queue : queues) batch.command({"ZCARD", server_.keys.queue(queue).lanes()});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));

  for (std::size_t s = 0; s < steps.size(); ++s) {
    for (std::size_t n = 0; n < steps[s].jobs.size(); ++n) {
      const auto i = steps[s].jobs[n];
      const auto& job = jobs[i];
      if (steps[s].scripted) {
        const auto outcome = outcome_of(job, order.ulids[i], replies[s][n].text());
        if (!outcome) order.open.push_back(i);
        if (outcome) order.out[i] = *outcome;
        continue;
      }
      const auto entry = parse_entry_id(replies[s].view().is_array() ? replies[s][n].text() : replies[s].view().text());
      if (!entry) co_return Error(Errc::protocol, fmt::format("{}: XADD: the reply is no entry id", server_.name()));
      order.out[i].id = job::make_id(job.queue, ulid_at({*entry, job.priority, hash_of_task(job.task)}));
    }
  }
  std::size_t reply = steps.size();
  for (const auto& queue : queues) {
    const auto counted = static_cast<std::size_t>(replies[reply++].view().integer_or(0));
    // Everything was flushed between two batches: without this no worker would find these jobs.
    if (counted < lanes_.known(queue).size()) {
      CONDUIT_CO_TRY(co_await lanes_.restore(queue));
    }
  }
  co_return ok();
}

asio::awaitable<Result<Enqueued>> Enqueuer::settle_key(job::NewJob job, std::string ulid) {
  Call call(server_, server_.keys.queue(job.queue));
  call.add(job, ulid);
  Words over_names;  // the holder as it was seen last, whose place this job may take
  Words over;
  std::string replaced;
  std::string value;
  for (int tries = 0; tries < kMostTries; ++tries) {
    Batch batch;
    call.send(batch, over_names, over);
    CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
    const auto said = std::string(replies[0][0].text());
    if (auto outcome = outcome_of(job, ulid, said)) {
      if (outcome->created) outcome->replaced = replaced;
      co_return std::move(*outcome);
    }
    if (said != "?") value = said;
    CONDUIT_CO_TRY(auto holder, co_await look_at_holder(finder_, job.queue, value));
    const bool replace = job.on_conflict == job::OnConflict::replace && holder.replaceable;
    if (holder.counts && !replace) co_return kept_out(std::move(holder.id), job);
    over = {value, replace ? "end" : "take"};
    over_names.clear();
    if (replace) {
      over_names = {call.keys.index(job::JobStatus::retrying), call.keys.index(job::JobStatus::cancelled), call.keys.expiry(false),
                    call.keys.waiters()};
      add_waiting(over_names, over, call.keys, *holder.replaceable);
    }
    replaced = replace ? holder.id : std::string();
  }
  co_return Error(Errc::unavailable, fmt::format("the unique key '{}' changes hands faster than it can be reached; try again", job.unique));
}

asio::awaitable<Result<std::vector<Enqueued>>> Enqueuer::enqueue(std::vector<job::NewJob> jobs, std::vector<std::string> ulids) {
  CONDUIT_CO_TRY(co_await check_after(jobs));
  std::map<std::string, std::set<LaneName>> wanted;
  Order order;
  order.ulids = std::move(ulids);
  order.ulids.resize(jobs.size());
  order.out.resize(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!is_plain(jobs[i]) && order.ulids[i].empty()) order.ulids[i] = job::to_string(server_.fresh_ulid());
    wanted[jobs[i].queue].insert({jobs[i].task, jobs[i].priority});
  }
  order.jobs = std::move(jobs);
  for (auto& [queue, lanes] : wanted) {
    CONDUIT_CO_TRY(co_await lanes_.ensure(queue, lanes));
  }
  CONDUIT_CO_TRY(co_await send_all(order));
  std::sort(order.open.begin(), order.open.end());
  for (const auto i : order.open) {
    CONDUIT_CO_TRY(order.out[i], co_await settle_key(order.jobs[i], order.ulids[i]));
  }
  // They are accepted, whatever becomes of this: whoever promotes jobs does the same.
  const auto bound = co_await bind(order);
  static_cast<void>(bound.has_value());
  co_return std::move(order.out);
}

asio::awaitable<Result<>> Enqueuer::check_after(const std::vector<job::NewJob>& jobs) {
  std::set<std::string> ids;
  for (const auto& job : jobs) ids.insert(job.after.begin(), job.after.end());
  if (ids.empty()) co_return ok();
  std::vector<std::string> all(ids.begin(), ids.end());
  const auto seen = co_await glancer_.look(std::move(all), false);
  // Who may only submit cannot look: then the worker finds it out, and ends the job.
  if (!seen.has_value() && seen.error().is(Errc::refused)) co_return ok();
  if (!seen.has_value()) co_return seen.error();
  for (const auto& one : seen.value()) {
    if (!one.exists) co_return Error(Errc::not_found, fmt::format("after: there is no job {}", one.id));
  }
  co_return ok();
}

asio::awaitable<Result<>> Enqueuer::bind(const Order& order) {
  for (std::size_t i = 0; i < order.jobs.size(); ++i) {
    const auto& job = order.jobs[i];
    if (job.after.empty() || !order.out[i].created) continue;
    DueMember follower{order.ulids[i], {job.task, job.priority}};
    CONDUIT_CO_TRY(co_await followers_.bind(job.queue, std::move(follower)));
  }
  co_return ok();
}

}  // namespace conduitd::broker::redis
