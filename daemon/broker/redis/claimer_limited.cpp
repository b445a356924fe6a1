#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "broker/redis/limited_claim.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

constexpr std::size_t kMostSorted = 2'000;  // at once, of a task
constexpr std::size_t kMostInWrite = 500;
constexpr std::int64_t kCheckEvery = 5'000'000;  // microseconds
constexpr std::size_t kMostBytesTaken = std::size_t{16} * 1024 * 1024;

const Source* source_of(const ClaimRequest& request, const std::string& task) {
  for (const auto& group : request.groups) {
    for (const auto& source : group.sources) {
      if (source.task == task) return &source;
    }
  }
  return nullptr;
}

std::int64_t microseconds(ReplyView time) { return time[0].integer_or(0) * 1'000'000 + time[1].integer_or(0); }

/// A score as text: more digits than an integer may be written in another way.
std::int64_t score(ReplyView reply) {
  return static_cast<std::int64_t>(std::strtod(std::string(reply.text()).c_str(), nullptr));
}

/// Each for one task of one group, so that what they share is counted after each.
std::vector<ClaimPart> by_task(ClaimPart part) {
  std::vector<ClaimPart> out;
  for (std::size_t i = 0; i < part.lines.size(); ++i) {
    auto& line = part.plan.lines[i];
    const bool same = !out.empty() && out.back().plan.lines.front().task == line.task && out.back().plan.lines.front().group == line.group;
    if (!same) {
      out.emplace_back();
      out.back().plan.queues = part.plan.queues;
      out.back().plan.most = part.plan.most;
    }
    out.back().plan.lines.push_back(std::move(line));
    out.back().lines.push_back(part.lines[i]);
  }
  return out;
}

}  // namespace

std::uint64_t LimitedClaim::Queue::running() const {
  std::uint64_t out = 0;
  for (const auto& stream : streams) out += stream.running;
  return out;
}

LimitedClaim::LimitedClaim(Claimer& claimer, ClaimRequest request, Claimer::Plan& plan)
    : claimer_(claimer),
      server_(claimer.server_),
      request_(std::move(request)),
      plan_(plan),
      turn_(server_),
      admission_(server_.options.worker, 0),
      most_(plan.most) {
  plan_.last.assign(plan_.lines.size(), "0-0");
}

/// Which streams must be counted: those of the claim, all of each task with limits, and all of each queue with one.
void LimitedClaim::gather() {
  for (const auto& group : request_.groups) {
    for (const auto& source : group.sources) {
      const bool drain = claimer_.limits_.is_drained(source.task);
      if (source.limits.empty() && !drain) continue;
      over_all_ = over_all_ || !source.limits.empty();
      auto& task = tasks_[source.task];
      task.facts.limits = source.limits;
      task.facts.weight = source.weight;
      task.key = job::key_of(source.limits);
      task.drain = drain;
    }
  }
  std::set<std::string> claimed(plan_.queues.begin(), plan_.queues.end());
  for (const auto& [name, lanes] : claimer_.lanes_.all()) {
    const auto most = request_.concurrency.find(name);
    const bool limited = most != request_.concurrency.end() && claimed.contains(name);
    if (!over_all_ && !claimed.contains(name)) continue;
    auto& queue = queues_[name];
    if (limited) queue.most = most->second;
    const auto keys = server_.keys.queue(name);
    for (const auto& lane : lanes) {
      if (!limited && !tasks_.contains(lane.task) && source_of(request_, lane.task) == nullptr) continue;
      Stream stream;
      stream.queue = name;
      stream.lane = lane.lane;
      stream.task = lane.task;
      stream.key = keys.stream(lane.task, lane.lane);
      queue.streams.push_back(std::move(stream));
    }
  }
}

void LimitedClaim::read_stream(Stream& stream, ReplyView facts) const {
  stream.running = static_cast<std::uint64_t>(facts[0].integer_or(0));
  stream.own = static_cast<std::uint64_t>(facts[1].integer_or(0));
  stream.waiting = static_cast<std::size_t>(facts[2].integer_or(0));
  stream.last = facts[3].text();
  stream.weighs = facts[4].integer_or(0) == 1;
  stream.fresh.clear();
  stream.weights.clear();
  constexpr std::size_t kHead = 5;
  const auto task = tasks_.find(stream.task);
  const bool sorted = task != tasks_.end() && !task->second.key.empty() && !turn_.number().empty();
  for (std::size_t i = kHead; sorted && i + 1 < facts.size(); i += 2) stream.fresh.emplace_back(facts[i].text(), facts[i + 1].text());
  for (std::size_t i = kHead; !sorted && i < facts.size(); ++i) stream.weights.push_back(static_cast<std::uint32_t>(facts[i].integer_or(1)));
}

std::uint32_t LimitedClaim::weight_of(const std::string& task) const {
  const auto* source = source_of(request_, task);
  return source == nullptr ? 1 : source->weight;
}

std::uint64_t LimitedClaim::units_at(const std::string& task, const std::string& place) const {
  const auto at = read_place(place);
  const auto queue = at ? queues_.find(at->queue) : queues_.end();
  if (queue == queues_.end()) return 1;
  const auto lane = at->lane == 'f' ? kFrontLane : at->lane - '0';
  const auto found = queue->second.heavy.find(fmt::format("{} {}", server_.keys.queue(at->queue).stream(task, lane), at->entry));
  return found == queue->second.heavy.end() ? 1 : found->second;
}

asio::awaitable<Result<bool>> LimitedClaim::learn() {
  Batch batch;
  batch.command({"ZCARD", server_.keys.queues()});
  batch.command({"TIME"});
  std::vector<std::size_t> at;
  std::size_t next = 2;
  for (const auto& [name, task] : tasks_) {
    const auto keys = server_.keys.limits(name);
    batch.command({"HGETALL", keys.run});
    batch.command({"ZCARD", keys.old});
    const auto accounts = admission_.accounts_of(task.facts, false, "");
    for (const auto& account : accounts) batch.command({"ZSCORE", keys.rates, account});
    at.push_back(next);
    next += 2 + accounts.size();
  }
  std::vector<std::string> names;
  for (const auto& [name, queue] : queues_) names.push_back(name);
  std::int64_t above = 0;
  for (const auto& name : names) {
    const auto& queue = queues_.at(name);
    const auto keys = server_.keys.queue(name);
    Words words{keys.fence(), keys.paused(), keys.lanes(), keys.heavy()};
    Words args{turn_.number().empty() ? "0" : turn_.number(), server_.options.worker, std::to_string(claimer_.lanes_.known(name).size()), std::to_string(Broker::kMaxBatch), std::to_string(kMostSorted)};
    for (const auto& stream : queue.streams) {
      words.push_back(stream.key);
      const auto task = tasks_.find(stream.task);
      args.push_back(stream.task);
      args.push_back(std::to_string(weight_of(stream.task)));
      args.push_back(task == tasks_.end() ? std::string() : task->second.key);
    }
    batch.script(Script::fence, words, args);
  }
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  const auto now = microseconds(replies[1].view());
  admission_ = Admission(server_.options.worker, now);
  bool known = true;
  if (over_all_ && static_cast<std::size_t>(replies[0].view().integer_or(0)) != claimer_.lanes_.registered()) {
    claimer_.all_stale_ = true;
    known = false;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto said = replies[next + i].view();
    if (said[0].integer_or(0) > 0) {
      above = std::max(above, said[0].integer_or(0));
      continue;
    }
    auto& queue = queues_.at(names[i]);
    if (said[1].integer_or(0) != 1) {
      claimer_.stale_.insert(names[i]);
      known = false;
    }
    queue.paused.clear();
    for (std::size_t n = 0; n < said[2].size(); ++n) queue.paused.emplace(said[2][n].text());
    queue.heavy.clear();
    for (std::size_t n = 0; n + 2 < said[3].size(); n += 3) {
      queue.heavy[fmt::format("{} {}", said[3][n].text(), said[3][n + 1].text())] = static_cast<std::uint32_t>(said[3][n + 2].integer_or(1));
    }
    for (std::size_t n = 0; n < queue.streams.size(); ++n) read_stream(queue.streams[n], said[4 + n]);
  }
  if (above > 0) {
    // The namespace's count of turns was lost; nothing here is decided by an older number.
    CONDUIT_CO_TRY(const bool raised, co_await turn_.raise_above(above));
    if (!raised) co_return false;
    plan_.again = std::chrono::microseconds{0};
    co_return false;
  }
  out_.lanes_changed = out_.lanes_changed || !known;
  if (!known) co_return false;
  std::size_t number = 0;
  for (auto& [name, task] : tasks_) read_task(name, task, replies, at[number++]);
  for (std::size_t i = 0; i < plan_.lines.size(); ++i) {
    auto& line = plan_.lines[i];
    const auto& queue = queues_.at(plan_.queues[line.queue]);
    line.paused = queue.paused.contains("*") || queue.paused.contains(line.task);
    line.limited = tasks_.contains(line.task) || queue.most;
    if (const auto* stream = stream_of(plan_.queues[line.queue], line.key)) plan_.last[i] = stream->last;
  }
  co_return true;
}

void LimitedClaim::read_task(const std::string& name, Task& task, const Replies& replies, std::size_t at) {
  task.facts.running = 0;
  task.facts.own = 0;
  for (const auto& [queue_name, queue] : queues_) {
    for (const auto& stream : queue.streams) {
      if (stream.task != name) continue;
      task.facts.running += stream.running;
      task.facts.own += stream.own;
    }
  }
  const auto run = replies[at].view();
  for (std::size_t i = 0; i + 1 < run.size(); i += 2) {
    const auto field = run[i].text();
    const auto text = run[i + 1].text();
    if (field == "=") {
      task.sorted_by = text;
      task.was_sorted = true;
    } else if (field == "@") {
      task.last_turn = text;
      task.had_turn = true;
    } else if (field == "!") {
      std::from_chars(text.data(), text.data() + text.size(), task.checked);
    } else if (const auto end = text.find('\0'); end != std::string_view::npos) {
      task.run[std::string(field)] = {std::string(text.substr(0, end)), std::string(text.substr(end + 1))};
    }
  }
  task.old = static_cast<std::size_t>(replies[at + 1].view().integer_or(0));
  auto next = at + 2;
  for (const auto& account : admission_.accounts_of(task.facts, false, "")) {
    const auto kept = replies[next++].view();
    if (!kept.is_nil()) task.facts.accounts[account] = score(kept);
  }
}

LimitedClaim::Stream* LimitedClaim::stream_of(const std::string& queue, const std::string& key) {
  const auto found = queues_.find(queue);
  if (found == queues_.end()) return nullptr;
  auto& streams = found->second.streams;
  const auto stream = std::find_if(streams.begin(), streams.end(), [&](const Stream& one) { return one.key == key; });
  return stream == streams.end() ? nullptr : &*stream;
}

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
  const auto* source = source_of(request_, task);
  if (source == nullptr) return wanted;
  wanted = std::min(wanted, source->most);
  for (const auto& [name, units] : source->needs) {
    const auto free = request_.free.find(name);
    wanted = std::min<std::size_t>(wanted, units == 0 ? wanted : free == request_.free.end() ? 0 : free->second / units);
  }
  return wanted;
}

asio::awaitable<Result<std::vector<std::string>>> LimitedClaim::arguments_at(std::vector<std::string> places, const std::string& task) {
  std::vector<std::string> out(places.size());
  Batch batch;
  std::vector<std::size_t> asked;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto at = read_place(places[i]);
    if (!at) continue;
    const auto lane = at->lane == 'f' ? kFrontLane : at->lane - '0';
    batch.command({"XRANGE", server_.keys.queue(at->queue).stream(task, lane), at->entry, at->entry});
    asked.push_back(i);
  }
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec_lenient(std::move(batch)));
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto fields = replies[i][0][1];
    // Of an entry that is gone, nothing; of one that is, something that is no JSON if it cannot be read.
    if (!fields.is_nil()) out[asked[i]] = fields.size() == 4 ? std::string(fields[3].text()) : std::string(" ");
  }
  co_return out;
}

/// Whoever settles takes a job out of `run` at once, unless it dies between the two.
asio::awaitable<Result<bool>> LimitedClaim::check_running(const std::string& name, Task& task) {
  if (task.key.empty()) co_return true;
  const auto now = std::to_string(admission_.now() / 1000);
  if (admission_.now() - task.checked * 1000 >= kCheckEvery) {
    const auto keys = server_.keys.limits(name);
    Batch batch;
    std::vector<std::string> places;
    for (const auto& [place, holder] : task.run) {
      const auto at = read_place(place);
      if (!at) continue;
      const auto lane = at->lane == 'f' ? kFrontLane : at->lane - '0';
      batch.command({"XPENDING", server_.keys.queue(at->queue).stream(name, lane), "c", at->entry, at->entry, "1"});
      places.push_back(place);
    }
    CONDUIT_CO_TRY(const auto replies, co_await server_.exec_lenient(std::move(batch)));
    Writes writes;
    writes.add("HSET", keys.run, {"!", now});
    Words over;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (!replies[i].view().is_error() && replies[i].view().size() > 0) continue;
      task.run.erase(places[i]);
      over.push_back(places[i]);
    }
    if (!over.empty()) writes.add("HDEL", keys.run, over);
    CONDUIT_CO_TRY(const bool written, co_await turn_.write(std::move(writes)));
    if (!written) co_return false;
  }
  task.facts.of_value.clear();
  task.facts.own_of_value.clear();
  for (const auto& [place, holder] : task.run) {
    const auto units = units_at(name, place);
    task.facts.of_value[holder.second] += units;
    if (holder.first == server_.options.worker) task.facts.own_of_value[holder.second] += units;
  }
  co_return true;
}

/// The jobs that waited by another key are put aside, to be sorted anew; what runs counts by the new key too.
asio::awaitable<Result<bool>> LimitedClaim::rekey(const std::string& name, Task& task) {
  const auto keys = server_.keys.limits(name);
  Writes writes;
  if (task.was_sorted && task.sorted_by != task.key && task.old == 0) {
    writes.add("ZRANGESTORE", keys.old, {keys.parked, "0", "-1"});
    writes.add("DEL", keys.parked, {});
    std::vector<std::string> places;
    for (const auto& [place, holder] : task.run) places.push_back(place);
    auto asked = places;
    CONDUIT_CO_TRY(const auto arguments, co_await arguments_at(std::move(asked), name));
    for (std::size_t i = 0; i < places.size(); ++i) {
      auto& holder = task.run[places[i]];
      holder.second = job::key_value(arguments[i], task.key);
      writes.add("HSET", keys.run, {places[i], holder.first + '\0' + holder.second});
    }
    task.old = kMostSorted;  // at the most; how many is seen when they are read
  }
  if (!task.was_sorted || task.sorted_by != task.key) writes.add("HSET", keys.run, {"=", task.key});
  co_return co_await turn_.write(std::move(writes));
}

asio::awaitable<Result<bool>> LimitedClaim::sort_old(const std::string& name, Task& task) {
  if (task.old == 0) co_return true;
  const auto keys = server_.keys.limits(name);
  Batch read;
  read.command({"ZRANGE", keys.old, "0", std::to_string(kMostSorted - 1)});
  CONDUIT_CO_TRY(const auto old, co_await server_.exec(std::move(read)));
  std::vector<std::string> places;
  Words members;
  for (std::size_t i = 0; i < old[0].view().size(); ++i) {
    const auto member = read_parked(old[0][i].text());
    places.push_back(member ? member->second : std::string());
    members.emplace_back(old[0][i].text());
  }
  task.all_sorted = members.size() < kMostSorted;
  auto asked = places;
  CONDUIT_CO_TRY(const auto arguments, co_await arguments_at(std::move(asked), name));
  for (std::size_t first = 0; first < members.size(); first += kMostInWrite) {
    Words gone;
    Words lost;
    Words parked;
    Words where;
    for (std::size_t i = first; i < std::min(first + kMostInWrite, members.size()); ++i) {
      gone.push_back(members[i]);
      if (arguments[i].empty()) {
        lost.push_back(places[i]);
        continue;
      }
      const auto value = job::key_value(arguments[i], task.key);
      for (auto& word : Words{"0", parked_as(value, places[i])}) parked.push_back(std::move(word));
      for (auto& word : Words{places[i], value}) where.push_back(std::move(word));
    }
    Writes writes;
    if (!parked.empty()) writes.add("ZADD", keys.parked, parked);
    if (!where.empty()) writes.add("HSET", keys.where, where);
    if (!lost.empty()) writes.add("HDEL", keys.where, lost);
    writes.add("ZREM", keys.old, gone);
    CONDUIT_CO_TRY(const bool written, co_await turn_.write(std::move(writes)));
    if (!written) co_return false;
  }
  co_return true;
}

/// First they are parked, then the groups are set past them: between the two they are parked, and found again.
asio::awaitable<Result<bool>> LimitedClaim::sort_fresh(const std::string& name, Task& task) {
  const auto keys = server_.keys.limits(name);
  Words parked;
  Words where;
  std::size_t left = kMostSorted;
  const auto write = [&](Writes& writes) {
    if (!parked.empty()) writes.add("ZADD", keys.parked, parked);
    if (!where.empty()) writes.add("HSET", keys.where, where);
    parked.clear();
    where.clear();
  };
  Batch set;
  for (auto& [queue_name, queue] : queues_) {
    Words words{server_.keys.queue(queue_name).fence(), server_.keys.queue(queue_name).heavy()};
    Words past;
    for (auto& stream : queue.streams) {
      if (stream.task != name || stream.fresh.empty()) continue;
      const auto count = std::min(left, stream.fresh.size());
      task.all_sorted = task.all_sorted && count == stream.fresh.size() && count < kMostSorted;
      for (std::size_t i = 0; i < count; ++i) {
        const auto& [entry, value] = stream.fresh[i];
        const auto place = fmt::format("{}/{}/{}", queue_name, lane_letter(stream.lane), entry);
        for (auto& word : Words{"0", parked_as(value, place)}) parked.push_back(std::move(word));
        for (auto& word : Words{place, value}) where.push_back(std::move(word));
        if (where.size() < 2 * kMostInWrite) continue;
        Writes writes;
        write(writes);
        CONDUIT_CO_TRY(const bool written, co_await turn_.write(std::move(writes)));
        if (!written) co_return false;
      }
      left -= count;
      if (count == 0) continue;
      words.push_back(stream.key);
      past.push_back(std::to_string(words.size() - 2));
      past.push_back(stream.fresh[count - 1].first);
      stream.fresh.clear();
    }
    if (past.empty()) continue;
    Words args{turn_.number(), server_.options.worker, std::to_string(past.size() / 2)};
    args.insert(args.end(), past.begin(), past.end());
    set.script(Script::pick, words, args);
  }
  Writes writes;
  write(writes);
  CONDUIT_CO_TRY(const bool written, co_await turn_.write(std::move(writes)));
  if (!written) co_return false;
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(set)));
  co_return std::none_of(replies.begin(), replies.end(), [](const Reply& reply) { return reply[0].integer_or(0) < 0; });
}

asio::awaitable<Result<bool>> LimitedClaim::sort(const std::string& name, Task& task) {
  if (task.key.empty() && !task.drain) co_return true;
  if (!task.key.empty()) {
    CONDUIT_CO_TRY(const bool ours, co_await rekey(name, task));
    if (!ours) co_return false;
  }
  CONDUIT_CO_TRY(bool ours, co_await sort_old(name, task));
  if (!ours || task.key.empty()) co_return ours;
  CONDUIT_CO_TRY(ours, co_await sort_fresh(name, task));
  if (!ours) co_return false;
  co_return co_await check_running(name, task);
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
  Words args{turn_.number(), server_.options.worker, std::to_string(kMostBytesTaken - std::min(bytes_, kMostBytesTaken)), first.task,
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

asio::awaitable<Result<bool>> LimitedClaim::mark_starving() {
  Writes writes;
  writes.add("SET", server_.keys.starving(), {"1", "PX", "3600000"});
  CONDUIT_CO_TRY(const bool ours, co_await turn_.write(std::move(writes)));
  if (!ours) co_return false;
  // An attempt that ended before that was written has told nobody.
  std::vector<std::uint64_t> before;
  for (const auto& [name, queue] : queues_) before.push_back(queue.running());
  // What came since the first look is to be seen by the wait.
  const auto last = plan_.last;
  CONDUIT_CO_TRY(const bool known, co_await learn());
  plan_.last = last;
  std::size_t at = 0;
  for (const auto& [name, queue] : queues_) {
    if (queue.running() < before[at++]) plan_.again = std::chrono::microseconds{0};
  }
  co_return known;
}

asio::awaitable<Result<Claimer::Taken>> LimitedClaim::run() {
  gather();
  CONDUIT_CO_TRY(const bool ours, co_await turn_.begin());
  if (!ours) {
    plan_.again = std::chrono::milliseconds(10);
    co_return std::move(out_);
  }
  auto done = co_await learn();
  for (auto task = tasks_.begin(); done.has_value() && done.value() && task != tasks_.end(); ++task) done = co_await sort(task->first, task->second);
  if (done.has_value() && done.value()) {
    auto parts = parts_of(plan_, true);
    for (auto& round : parts) {
      for (auto& part : by_task(std::move(round.front()))) {
        if (!done.has_value() || !done.value() || bytes_ >= kMostBytesTaken) break;
        done = co_await take_part(std::move(part));
      }
    }
  }
  plan_.limited = true;
  if (done.has_value() && done.value() && out_.claims.empty() && out_.expired.empty()) {
    if (admission_.again && (!plan_.again || *admission_.again < *plan_.again)) plan_.again = admission_.again;
    if (admission_.starving) {
      const auto again = plan_.again;
      done = co_await mark_starving();
      if (!plan_.again) plan_.again = again;
    }
  } else if (done.has_value() && !done.value() && !out_.lanes_changed && !plan_.again) {
    plan_.again = std::chrono::milliseconds(1);
  }
  // Accounts that are level again say nothing.
  Writes last;
  for (const auto& [name, task] : tasks_) {
    if (!task.facts.limits.empty()) last.add("ZREMRANGEBYSCORE", server_.keys.limits(name).rates, {"-inf", fmt::format("({}", admission_.now())});
  }
  co_await turn_.end(std::move(last));
  // Nobody knows what a call that failed has taken: the next claim gives back all that this one was given.
  if (!done.has_value()) co_return done.error();
  co_return std::move(out_);
}

asio::awaitable<Result<std::vector<bool>>> LimitedClaim::look() {
  gather();
  std::vector<bool> out(plan_.lines.size(), false);
  CONDUIT_CO_TRY(const bool known, co_await learn());
  if (!known) co_return out;
  for (std::size_t i = 0; i < plan_.lines.size(); ++i) {
    const auto& line = plan_.lines[i];
    const auto& queue = queues_.at(plan_.queues[line.queue]);
    const auto* stream = stream_of(plan_.queues[line.queue], line.key);
    std::size_t room = stream != nullptr && stream->waiting > 0 && !line.paused ? fitting(line.task, 1) : 0;
    const auto weight = stream != nullptr && !stream->weights.empty() ? stream->weights.front() : 1;
    if (room > 0 && queue.most) room = admission_.places(queue.running(), *queue.most, 1, weight);
    if (const auto task = tasks_.find(line.task); room > 0 && task != tasks_.end()) room = admission_.room(task->second.facts, false, "", 1, weight);
    out[i] = room > 0;
  }
  co_return out;
}

asio::awaitable<Result<Claimer::Taken>> Claimer::take_limited(ClaimRequest request, Plan& plan) {
  LimitedClaim look(*this, std::move(request), plan);
  co_return co_await look.run();
}

}  // namespace conduitd::broker::redis
