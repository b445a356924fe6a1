// Of a turn in a cluster: jobs that wait by the value of a key, which are taken one of each value in turn.

#include <fmt/format.h>

#include <algorithm>

#include "broker/redis/limited_claim.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

constexpr std::size_t kMostValues = 500;
constexpr std::size_t kFewestOfEach = 20;
constexpr std::size_t kMostOfEach = 100;
constexpr std::size_t kMostJobs = 5'000;
// Jobs that are gone are found only when they are reached for; and as many values as ever wait are looked at in a turn.
constexpr int kMostLooks = 40;

}  // namespace

asio::awaitable<Result<std::vector<LimitedClaim::Value>>> LimitedClaim::values(const std::string& name, Task& task, std::size_t wanted) {
  const auto limit_keys = server_.keys.limits(name);
  Words keys{limit_keys.parked};
  Words args{task.last_turn, task.had_turn ? "1" : "0", std::to_string(kMostValues), std::to_string(std::clamp(wanted, kFewestOfEach, kMostOfEach)),
             std::to_string(kMostJobs)};
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::values, std::move(keys), std::move(args)));
  std::vector<Value> out;
  Batch batch;
  std::vector<std::string> accounts;
  for (std::size_t i = 0; i < reply.view().size(); ++i) {
    auto& one = out.emplace_back();
    one.value = reply[i][0].text();
    for (std::size_t n = 1; n < reply[i].size(); ++n) {
      if (auto member = read_parked(reply[i][n].text())) one.jobs.push_back({std::move(member->second), 1});
    }
    for (auto& account : admission_.accounts_of(task.facts, true, one.value)) {
      batch.command({"ZSCORE", limit_keys.rates, account});
      accounts.push_back(std::move(account));
    }
  }
  CONDUIT_CO_TRY(const auto scores, co_await server_.exec(std::move(batch)));
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    // Those of this turn may be ahead of what is written down.
    if (scores[i].view().is_nil() || task.facts.accounts.contains(accounts[i])) continue;
    task.facts.accounts[accounts[i]] = static_cast<std::int64_t>(std::strtod(std::string(scores[i].view().text()).c_str(), nullptr));
  }
  CONDUIT_CO_TRY(co_await weigh(name, task, out));
  co_return out;
}

/// What each of them weighs, if jobs of the task may weigh more than one.
asio::awaitable<Result<>> LimitedClaim::weigh(const std::string& name, const Task& task, std::vector<Value>& values) {
  bool weighs = task.facts.weight > 1;
  for (const auto& [queue_name, queue] : queues_) {
    weighs = weighs || std::any_of(queue.streams.begin(), queue.streams.end(), [&](const Stream& one) { return one.task == name && one.weighs; });
  }
  if (!weighs) co_return ok();
  struct Question {
    Words keys;
    Words args;
    std::vector<Candidate*> about;
  };
  std::map<std::string, Question> questions;
  for (auto& value : values) {
    for (auto& job : value.jobs) {
      const auto at = read_place(job.place);
      if (!at) continue;
      auto& question = questions[at->queue];
      const auto stream = server_.keys.queue(at->queue).stream(name, at->lane == 'f' ? kFrontLane : at->lane - '0');
      auto key = std::find(question.keys.begin(), question.keys.end(), stream);
      if (key == question.keys.end()) key = question.keys.insert(key, stream);
      if (question.args.empty()) question.args.push_back(std::to_string(task.facts.weight));
      question.args.push_back(std::to_string(key - question.keys.begin() + 1));
      question.args.push_back(at->entry);
      question.about.push_back(&job);
    }
  }
  Batch batch;
  for (const auto& [queue, question] : questions) batch.script(Script::weights, question.keys, question.args);
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  std::size_t number = 0;
  for (const auto& [queue, question] : questions) {
    const auto& reply = replies[number++];
    for (std::size_t i = 0; i < question.about.size(); ++i) question.about[i]->weight = static_cast<std::uint32_t>(reply[i].integer_or(1));
  }
  co_return ok();
}

/// The first job of a value, from the `next` on, that this claim may take. One that is too heavy now holds up those behind it.
std::optional<LimitedClaim::Pick> LimitedClaim::pick_of(const std::string& name, Task& task, const Value& value, std::size_t& next, std::size_t group) {
  for (; next < value.jobs.size(); ++next) {
    const auto& job = value.jobs[next];
    const auto at = read_place(job.place);
    if (!at || task.run.contains(job.place)) continue;
    const bool heavy = job.weight > 1;
    if (heavy && (admission_.room(task.facts, true, value.value, 1, job.weight) == 0 || admission_.room(task.facts, false, "", 1, job.weight) == 0)) break;
    const auto line = std::find_if(plan_.lines.begin(), plan_.lines.end(), [&](const Claimer::Line& one) {
      return one.group == group && one.task == name && lane_letter(one.lane) == at->lane && plan_.queues[one.queue] == at->queue;
    });
    if (line == plan_.lines.end()) continue;
    const auto& queue = queues_.at(at->queue);
    if (queue.paused.contains("*") || queue.paused.contains(name)) continue;
    if (queue.most && admission_.places(queue.running(), *queue.most, 1, job.weight) == 0) continue;
    ++next;
    return Pick{value.value, job.place, static_cast<std::size_t>(line - plan_.lines.begin()), at->entry, job.weight};
  }
  return std::nullopt;
}

std::vector<LimitedClaim::Pick> LimitedClaim::choose(const std::string& name, Task& task, const std::vector<Value>& values, std::size_t group,
                                                     std::size_t wanted, Writes& writes) {
  const auto keys = server_.keys.limits(name);
  std::vector<Pick> out;
  std::vector<std::size_t> next(values.size(), 0);
  std::map<std::string, std::int64_t> charged;
  // One of each value, then the next of each.
  bool any_room = true;
  for (bool some = true; some && any_room && out.size() < wanted;) {
    some = false;
    for (std::size_t v = 0; v < values.size() && out.size() < wanted; ++v) {
      const auto& value = values[v].value;
      if (next[v] >= values[v].jobs.size()) continue;
      any_room = admission_.room(task.facts, false, "", 1, 1) > 0;
      if (!any_room) break;
      if (admission_.room(task.facts, true, value, 1, 1) == 0) continue;
      const auto pick = pick_of(name, task, values[v], next[v], group);
      if (!pick) continue;
      some = true;
      out.push_back(*pick);
      for (const auto& [account, time] : admission_.charge(task.facts, true, value, 1, pick->weight)) charged[account] = time;
      for (const auto& [account, time] : admission_.charge(task.facts, false, "", 1, pick->weight)) charged[account] = time;
      Admission::took(task.facts, value, pick->weight);
      count(plan_.queues[plan_.lines[pick->line].queue], plan_.lines[pick->line].key, pick->weight);
      task.run[pick->place] = {server_.options.worker, value};
      writes.add("HSET", keys.run, {pick->place, server_.options.worker + '\0' + value});
      task.last_turn = value;
      task.had_turn = true;
    }
  }
  for (const auto& [account, time] : charged) writes.add("ZADD", keys.rates, {std::to_string(time), account});
  return out;
}

asio::awaitable<Result<bool>> LimitedClaim::take_picks(const std::string& name, Task& task, std::vector<Pick> picks) {
  const auto keys = server_.keys.limits(name);
  std::map<std::string, std::vector<std::size_t>> by_queue;
  for (std::size_t i = 0; i < picks.size(); ++i) by_queue[plan_.queues[plan_.lines[picks[i].line].queue]].push_back(i);
  Batch batch;
  std::vector<ClaimPart> parts;
  for (const auto& [queue, numbers] : by_queue) {
    auto& part = parts.emplace_back();
    part.plan.queues = {queue};
    part.plan.most = most_;
    Words words{server_.keys.queue(queue).fence(), server_.keys.queue(queue).heavy()};
    Words args{turn_.number(), server_.options.worker, "0"};
    for (const auto number : numbers) {
      const auto& pick = picks[number];
      auto found = std::find(part.lines.begin(), part.lines.end(), pick.line);
      if (found == part.lines.end()) {
        found = part.lines.insert(found, pick.line);
        part.plan.lines.push_back(plan_.lines[pick.line]);
        part.plan.lines.back().queue = 0;
        words.push_back(plan_.lines[pick.line].key);
      }
      args.push_back(std::to_string(found - part.lines.begin() + 1));
      args.push_back(pick.entry);
      args.push_back(std::to_string(pick.weight));
    }
    batch.script(Script::pick, words, args);
  }
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  Words unparked;
  Words places;
  Words not_running;
  bool ours = true;
  std::size_t at = 0;
  for (const auto& [queue, numbers] : by_queue) {
    const auto reply = replies[at].view();
    CONDUIT_CO_TRY(const bool taken, accept(parts[at++], reply));
    ours = ours && taken;
    if (!taken) continue;
    for (const auto number : numbers) {
      unparked.push_back(parked_as(picks[number].value, picks[number].place));
      places.push_back(picks[number].place);
    }
    const auto gone = reply[3][0];
    for (std::size_t n = 0; n < gone.size(); ++n) {
      // Ended while it waited: its start is lost to the rates, which costs a little time.
      const auto& pick = picks[numbers.at(static_cast<std::size_t>(gone[n].integer_or(1)) - 1)];
      not_running.push_back(pick.place);
      task.run.erase(pick.place);
      task.facts.of_value[pick.value] -= pick.weight;
      task.facts.own_of_value[pick.value] -= pick.weight;
      task.facts.running -= pick.weight;
      task.facts.own -= pick.weight;
    }
  }
  Writes writes;
  if (!unparked.empty()) writes.add("ZREM", keys.parked, unparked);
  if (!places.empty()) writes.add("HDEL", keys.where, places);
  if (!not_running.empty()) writes.add("HDEL", keys.run, not_running);
  CONDUIT_CO_TRY(const bool written, co_await turn_.write(std::move(writes)));
  co_return ours && written;
}

asio::awaitable<Result<bool>> LimitedClaim::take_by_value(std::string name, std::size_t group) {
  auto& task = tasks_.at(name);
  if (!task.all_sorted) {
    plan_.again = std::chrono::microseconds{0};
    co_return true;
  }
  const auto keys = server_.keys.limits(name);
  std::optional<std::string> since;  // the first of those that were looked at in vain
  for (int looks = 0; looks < kMostLooks; ++looks) {
    const auto wanted = fitting(name, std::min(most_[group], Broker::kMaxBatch));
    if (wanted == 0) break;
    CONDUIT_CO_TRY(const auto found, co_await values(name, task, wanted));
    if (found.empty()) break;
    Writes writes;
    auto picks = choose(name, task, found, group, wanted, writes);
    if (picks.empty()) {
      // Of very many values those that come first may all be at their limits: on, once around.
      const bool around = since && std::any_of(found.begin(), found.end(), [&](const Value& one) { return one.value == *since; });
      if (found.size() < kMostValues || around) break;
      if (!since) since = found.front().value;
      task.last_turn = found.back().value;
      task.had_turn = true;
      continue;
    }
    since.reset();
    writes.add("HSET", keys.run, {"@", task.last_turn});
    CONDUIT_CO_TRY(const bool written, co_await turn_.write(std::move(writes)));
    if (!written) co_return false;
    const auto chosen = picks.size();
    const auto before = out_.claims.size() + out_.expired.size();
    CONDUIT_CO_TRY(const bool ours, co_await take_picks(name, task, std::move(picks)));
    if (!ours) co_return false;
    // Only if some were not there is it worth another look.
    if (out_.claims.size() + out_.expired.size() - before == chosen) break;
  }
  co_return true;
}

}  // namespace conduitd::broker::redis
