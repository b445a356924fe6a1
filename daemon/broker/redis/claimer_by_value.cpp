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

asio::awaitable<Result<std::vector<std::vector<std::string>>>> LimitedClaim::values(const std::string& name, Task& task, std::size_t wanted) {
  const auto limit_keys = server_.keys.limits(name);
  Words keys{limit_keys.parked};
  Words args{task.last_turn, task.had_turn ? "1" : "0", std::to_string(kMostValues), std::to_string(std::clamp(wanted, kFewestOfEach, kMostOfEach)),
             std::to_string(kMostJobs)};
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::values, std::move(keys), std::move(args)));
  std::vector<std::vector<std::string>> out;
  Batch batch;
  std::vector<std::string> accounts;
  for (std::size_t i = 0; i < reply.view().size(); ++i) {
    auto& one = out.emplace_back();
    for (std::size_t n = 0; n < reply[i].size(); ++n) one.emplace_back(reply[i][n].text());
    for (auto& account : admission_.accounts_of(task.facts, true, one.front())) {
      batch.command({"ZSCORE", limit_keys.rates, account});
      accounts.push_back(std::move(account));
    }
  }
  CONDUIT_CO_TRY(const auto scores, co_await server_.exec(std::move(batch)));
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    if (scores[i].view().is_nil()) continue;
    task.facts.accounts[accounts[i]] = static_cast<std::int64_t>(std::strtod(std::string(scores[i].view().text()).c_str(), nullptr));
  }
  co_return out;
}

std::vector<LimitedClaim::Pick> LimitedClaim::choose(const std::string& name, Task& task, const std::vector<std::vector<std::string>>& values,
                                                     std::size_t group, std::size_t wanted, Writes& writes) {
  const auto keys = server_.keys.limits(name);
  std::vector<Pick> out;
  std::vector<std::size_t> next(values.size(), 1);
  std::map<std::string, std::int64_t> charged;
  // One of each value, then the next of each.
  bool any_room = true;
  for (bool some = true; some && any_room && out.size() < wanted;) {
    some = false;
    for (std::size_t v = 0; v < values.size() && out.size() < wanted; ++v) {
      const auto& value = values[v].front();
      if (next[v] >= values[v].size()) continue;
      any_room = admission_.room(task.facts, false, "", 1) > 0;
      if (!any_room) break;
      if (admission_.room(task.facts, true, value, 1) == 0) continue;
      for (; next[v] < values[v].size(); ++next[v]) {
        const auto member = read_parked(values[v][next[v]]);
        const auto at = member ? read_place(member->second) : std::nullopt;
        if (!at || task.run.contains(member->second)) continue;
        const auto line = std::find_if(plan_.lines.begin(), plan_.lines.end(), [&](const Claimer::Line& one) {
          return one.group == group && one.task == name && lane_letter(one.lane) == at->lane && plan_.queues[one.queue] == at->queue;
        });
        auto& queue = queues_[at->queue];
        if (line == plan_.lines.end() || queue.paused.contains("*") || queue.paused.contains(name)) continue;
        if (queue.most && admission_.places(queue.running(), *queue.most, 1) == 0) continue;
        out.push_back({value, member->second, static_cast<std::size_t>(line - plan_.lines.begin()), at->entry});
        ++next[v];
        some = true;
        for (const auto& [account, time] : admission_.charge(task.facts, true, value, 1)) charged[account] = time;
        for (const auto& [account, time] : admission_.charge(task.facts, false, "", 1)) charged[account] = time;
        admission_.took(task.facts, value, 1);
        count(at->queue, line->key, 1);
        task.run[member->second] = {server_.options.worker, value};
        writes.add("HSET", keys.run, {member->second, server_.options.worker + '\0' + value});
        task.last_turn = value;
        task.had_turn = true;
        break;
      }
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
    Words words{server_.keys.queue(queue).fence()};
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
    CONDUIT_CO_TRY(const bool taken, accept(parts[at++], reply, true));
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
      --task.facts.of_value[pick.value];
      --task.facts.own_of_value[pick.value];
      --task.facts.running;
      --task.facts.own;
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
      const bool around = since && std::any_of(found.begin(), found.end(), [&](const auto& one) { return one.front() == *since; });
      if (found.size() < kMostValues || around) break;
      if (!since) since = found.front().front();
      task.last_turn = found.back().front();
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
