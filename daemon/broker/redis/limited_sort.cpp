// Of a turn in a cluster: jobs that wait by the value of a key are sorted by it; those that run are counted by it.

#include <fmt/format.h>

#include <algorithm>

#include "broker/redis/limited_claim.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

constexpr std::size_t kMostAtOnce = 2'000;  // of a task
constexpr std::size_t kMostInWrite = 500;
constexpr std::int64_t kCheckEvery = 5'000'000;  // microseconds

}  // namespace

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
    task.old = kMostAtOnce;  // at the most; how many is seen when they are read
  }
  if (!task.was_sorted || task.sorted_by != task.key) writes.add("HSET", keys.run, {"=", task.key});
  co_return co_await turn_.write(std::move(writes));
}

asio::awaitable<Result<bool>> LimitedClaim::sort_old(const std::string& name, Task& task) {
  if (task.old == 0) co_return true;
  const auto keys = server_.keys.limits(name);
  Batch read;
  read.command({"ZRANGE", keys.old, "0", std::to_string(kMostAtOnce - 1)});
  CONDUIT_CO_TRY(const auto old, co_await server_.exec(std::move(read)));
  std::vector<std::string> places;
  Words members;
  for (std::size_t i = 0; i < old[0].view().size(); ++i) {
    const auto member = read_parked(old[0][i].text());
    places.push_back(member ? member->second : std::string());
    members.emplace_back(old[0][i].text());
  }
  task.all_sorted = members.size() < kMostAtOnce;
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
  std::size_t left = kMostAtOnce;
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
      task.all_sorted = task.all_sorted && count == stream.fresh.size() && count < kMostAtOnce;
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

}  // namespace conduitd::broker::redis
