#include "broker/redis/limited_claim.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

constexpr std::string_view kMostSorted = "2000";  // at once, of a task

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

const Source* LimitedClaim::source_of(const std::string& task) const {
  for (const auto& group : request_.groups) {
    for (const auto& source : group.sources) {
      if (source.task == task) return &source;
    }
  }
  return nullptr;
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
      if (!limited && !tasks_.contains(lane.task) && source_of(lane.task) == nullptr) continue;
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
  const auto* source = source_of(task);
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

/// Of the namespace: what its slot remembers of the tasks. Where the replies of each task begin.
std::vector<std::size_t> LimitedClaim::ask_of_tasks(Batch& batch, std::size_t& next) const {
  std::vector<std::size_t> out;
  for (const auto& [name, task] : tasks_) {
    const auto keys = server_.keys.limits(name);
    batch.command({"HGETALL", keys.run});
    batch.command({"ZCARD", keys.old});
    const auto accounts = admission_.accounts_of(task.facts, false, "");
    for (const auto& account : accounts) batch.command({"ZSCORE", keys.rates, account});
    out.push_back(next);
    next += 2 + accounts.size();
  }
  return out;
}

void LimitedClaim::ask_queue(Batch& batch, const std::string& name, const Queue& queue) const {
  const auto keys = server_.keys.queue(name);
  Words words{keys.fence(), keys.paused(), keys.lanes(), keys.heavy()};
  Words args{turn_.number().empty() ? "0" : turn_.number(), server_.options.worker, std::to_string(claimer_.lanes_.known(name).size()),
             std::to_string(Broker::kMaxBatch), std::string(kMostSorted)};
  for (const auto& stream : queue.streams) {
    words.push_back(stream.key);
    const auto task = tasks_.find(stream.task);
    args.push_back(stream.task);
    args.push_back(std::to_string(weight_of(stream.task)));
    args.push_back(task == tasks_.end() ? std::string() : task->second.key);
  }
  batch.script(Script::fence, words, args);
}

/// False if its lanes are not all known.
bool LimitedClaim::read_queue(const std::string& name, Queue& queue, ReplyView said) {
  queue.paused.clear();
  for (std::size_t n = 0; n < said[2].size(); ++n) queue.paused.emplace(said[2][n].text());
  queue.heavy.clear();
  for (std::size_t n = 0; n + 2 < said[3].size(); n += 3) {
    queue.heavy[fmt::format("{} {}", said[3][n].text(), said[3][n + 1].text())] = static_cast<std::uint32_t>(said[3][n + 2].integer_or(1));
  }
  for (std::size_t n = 0; n < queue.streams.size(); ++n) read_stream(queue.streams[n], said[4 + n]);
  if (said[1].integer_or(0) == 1) return true;
  claimer_.stale_.insert(name);
  return false;
}

asio::awaitable<Result<bool>> LimitedClaim::learn() {
  Batch batch;
  batch.command({"ZCARD", server_.keys.queues()});
  batch.command({"TIME"});
  std::size_t next = 2;
  const auto at = ask_of_tasks(batch, next);
  for (const auto& [name, queue] : queues_) ask_queue(batch, name, queue);
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  admission_ = Admission(server_.options.worker, microseconds(replies[1].view()));
  bool known = true;
  if (over_all_ && static_cast<std::size_t>(replies[0].view().integer_or(0)) != claimer_.lanes_.registered()) {
    claimer_.all_stale_ = true;
    known = false;
  }
  std::int64_t above = 0;
  for (auto& [name, queue] : queues_) {
    const auto said = replies[next++].view();
    above = std::max(above, said[0].integer_or(0));
    if (said[0].integer_or(0) == 0) known = read_queue(name, queue, said) && known;
  }
  if (above > 0) {
    // The namespace's count of turns was lost; nothing here is decided by an older number.
    CONDUIT_CO_TRY(const bool raised, co_await turn_.raise_above(above));
    if (raised) plan_.again = std::chrono::microseconds{0};
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
        if (!done.has_value() || !done.value() || bytes_ >= Claimer::kMostBytes) break;
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
