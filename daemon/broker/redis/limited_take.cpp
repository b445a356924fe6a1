// Of a turn in a cluster: how many jobs of a stream are taken, and what is charged for them.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "broker/redis/limited_claim.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {

void LimitedClaim::count(const std::string& queue, const std::string& key, std::uint64_t units) {
  if (auto* stream = stream_of(queue, key)) stream->running += units;
}

std::size_t LimitedClaim::waiting(const std::string& queue, const std::string& task) const {
  const auto found = queues_.find(queue);
  if (found == queues_.end()) return 0;
  std::size_t out = 0;
  for (const auto& stream : found->second.streams) out += stream.task == task ? stream.waiting : 0;
  return out;
}

std::size_t LimitedClaim::fitting(const std::string& task, std::size_t wanted) const {
  const auto* source = source_of(task);
  if (source == nullptr) return wanted;
  wanted = std::min(wanted, source->most);
  for (const auto& [name, units] : source->needs) {
    const auto free = request_.free.find(name);
    wanted = std::min<std::size_t>(wanted, units == 0 ? wanted : free == request_.free.end() ? 0 : free->second / units);
  }
  return wanted;
}

Result<bool> LimitedClaim::accept(ClaimPart& part, ReplyView reply) {
  if (reply[0].integer_or(0) < 0) return false;
  for (std::size_t i = 0; i < part.lines.size(); ++i) part.plan.lines[i].limited = plan_.lines[part.lines[i]].limited;
  const Limits::Told nothing;
  CONDUIT_TRY(auto taken, claimer_.accept(nothing, part.plan, reply));
  for (std::size_t i = 0; i < part.lines.size(); ++i) take_from(request_, most_, plan_, part.lines[i], taken.counts[i]);
  counts_ = std::move(taken.counts);
  for (const auto& claim : taken.claims) bytes_ += claim.args.size();
  std::move(taken.claims.begin(), taken.claims.end(), std::back_inserter(out_.claims));
  std::move(taken.expired.begin(), taken.expired.end(), std::back_inserter(out_.expired));
  return true;
}

asio::awaitable<Result<bool>> LimitedClaim::take_part(ClaimPart part) {
  const auto& first = part.plan.lines.front();
  const auto& queue_name = part.plan.queues[0];
  const auto found = tasks_.find(first.task);
  auto* task = found == tasks_.end() ? nullptr : &found->second;
  if (task != nullptr && (!task->key.empty() || task->drain) && !task->done) {
    task->done = true;
    CONDUIT_CO_TRY(const bool ours, co_await take_by_value(first.task, first.group));
    if (!ours) co_return false;
  }
  if (task != nullptr && !task->key.empty()) co_return true;
  const auto before = task != nullptr ? task->facts.accounts : std::map<std::string, std::int64_t>();
  const auto decision = decide(part, task);
  if (decision.count == 0) co_return true;
  auto charged = charges(first.task, before, decision, {});
  const bool has_rates = !charged.empty();
  CONDUIT_CO_TRY(const bool ours, co_await turn_.write(std::move(charged)));
  if (!ours) co_return false;
  const auto keys = server_.keys.queue(queue_name);
  Words names{keys.fence(), keys.paused(), keys.heavy()};
  for (const auto& line : part.plan.lines) names.push_back(line.key);
  Words args{turn_.number(), server_.options.worker, std::to_string(Claimer::kMostBytes - std::min(bytes_, Claimer::kMostBytes)), first.task,
             std::to_string(decision.count), decision.weights.empty() ? std::string() : std::to_string(weight_of(first.task))};
  for (const auto& of_stream : decision.weights) {
    args.push_back(std::to_string(of_stream.size()));
    for (const auto weight : of_stream) args.push_back(std::to_string(weight));
  }
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::take, std::move(names), std::move(args)));
  CONDUIT_CO_TRY(const bool taken, accept(part, reply.view()));
  if (!taken) co_return false;
  std::size_t jobs = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    std::uint64_t units = counts_[i];
    if (!decision.weights.empty()) units = std::accumulate(decision.weights[i].begin(), decision.weights[i].begin() + static_cast<std::ptrdiff_t>(counts_[i]), std::uint64_t{0});
    jobs += counts_[i];
    count(queue_name, part.plan.lines[i].key, units);
    if (task != nullptr) Admission::took(task->facts, std::nullopt, units);
  }
  if (!has_rates || jobs == decision.count) co_return true;
  auto less = charges(first.task, before, decision, counts_);
  co_return co_await turn_.write(std::move(less));
}

/// How many of the jobs that wait, in the order of their streams. One that does not fit holds up those behind it in its stream.
LimitedClaim::Decision LimitedClaim::decide(const ClaimPart& part, Task* task) {
  const auto& first = part.plan.lines.front();
  const auto& queue_name = part.plan.queues[0];
  const auto& queue = queues_.at(queue_name);
  Decision out;
  auto wanted = fitting(first.task, std::min({waiting(queue_name, first.task), most_[first.group], Broker::kMaxBatch}));
  // Nobody waits for what nothing wants.
  if (wanted == 0 || queue.paused.contains("*") || queue.paused.contains(first.task)) return out;
  const bool weighs = std::any_of(part.plan.lines.begin(), part.plan.lines.end(), [&](const auto& line) {
    const auto* stream = stream_of(queue_name, line.key);
    return stream != nullptr && stream->weighs;
  });
  if (!weighs) {
    if (queue.most) wanted = admission_.places(queue.running(), *queue.most, wanted, 1);
    if (task != nullptr && wanted > 0) wanted = admission_.room(task->facts, false, "", wanted, 1);
    out.count = wanted;
    return out;
  }
  auto running = queue.running();
  auto facts = task != nullptr ? task->facts : LimitedTask{};
  for (const auto& line : part.plan.lines) {
    auto& of_stream = out.weights.emplace_back();
    const auto* stream = stream_of(queue_name, line.key);
    for (std::size_t i = 0; stream != nullptr && i < stream->waiting && out.count < wanted; ++i) {
      const auto weight = i < stream->weights.size() ? stream->weights[i] : 1;
      if (queue.most && admission_.places(running, *queue.most, 1, weight) == 0) break;
      if (admission_.room(facts, false, "", 1, weight) == 0) break;
      admission_.charge(facts, false, "", 1, weight);
      Admission::took(facts, std::nullopt, weight);
      running += weight;
      of_stream.push_back(weight);
      ++out.count;
    }
  }
  return out;
}

/// What the accounts of a task's rates are once these are charged, from what they were; of each stream only so many, if `counts` says so.
Writes LimitedClaim::charges(const std::string& name, const std::map<std::string, std::int64_t>& before, const Decision& decision,
                             const std::vector<std::size_t>& counts) {
  Writes out;
  const auto found = tasks_.find(name);
  if (found == tasks_.end()) return out;
  auto& facts = found->second.facts;
  facts.accounts = before;
  std::map<std::string, std::int64_t> changed;
  const auto charge = [&](std::size_t starts, std::uint32_t weight) {
    for (const auto& [account, time] : admission_.charge(facts, false, "", starts, weight)) changed[account] = time;
  };
  if (decision.weights.empty()) charge(counts.empty() ? decision.count : std::accumulate(counts.begin(), counts.end(), std::size_t{0}), 1);
  for (std::size_t i = 0; i < decision.weights.size(); ++i) {
    const auto some = counts.empty() ? decision.weights[i].size() : counts[i];
    for (std::size_t n = 0; n < some; ++n) charge(1, decision.weights[i][n]);
  }
  // What a start that was not made has left there.
  for (const auto& account : admission_.accounts_of(facts, false, "")) changed.emplace(account, facts.accounts[account]);
  for (const auto& [account, time] : changed) out.add("ZADD", server_.keys.limits(name).rates, {std::to_string(time), account});
  return out;
}

}  // namespace conduitd::broker::redis
