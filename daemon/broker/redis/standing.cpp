#include "broker/redis/standing.h"

#include <algorithm>
#include <map>

#include "broker/redis/admission.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

/// What the namespace's slot knows of a job that waits, and how many attempts at its task run in other queues: in a cluster no script sees both.
struct Elsewhere {
  std::uint64_t running = 0;
  std::uint64_t of_value = 0;
  std::optional<std::uint64_t> ahead;  ///< if it waits by the value of a key
  std::int64_t now = 0;
  std::vector<std::int64_t> accounts;
};

struct Question {
  std::string task;
  std::string place;
  std::string value;
  std::vector<std::string> accounts;
  std::vector<std::string> streams;  ///< of the task, in other queues
  std::vector<std::string> queues;   ///< all there are
};

/// Units of the attempts of a queue that weigh more than one, by "stream entry".
void add_heavy(std::map<std::string, std::uint64_t>& out, ReplyView hash) {
  for (std::size_t i = 0; i + 1 < hash.size(); i += 2) {
    if (!hash[i].text().starts_with('!')) out.emplace(hash[i].text(), static_cast<std::uint64_t>(hash[i + 1].integer_or(1)));
  }
}

asio::awaitable<Result<Elsewhere>> look_elsewhere(Server& server, Question question) {
  const auto keys = server.keys.limits(question.task);
  Batch batch;
  batch.command({"HGET", keys.where, question.place});
  batch.command({"TIME"});
  batch.command({"HGETALL", keys.run});
  for (const auto& account : question.accounts) batch.command({"ZSCORE", keys.rates, account});
  for (const auto& stream : question.streams) batch.command({"XPENDING", stream, "c"});
  for (const auto& queue : question.queues) batch.command({"HGETALL", server.keys.queue(queue).heavy()});
  CONDUIT_CO_TRY(const auto replies, co_await server.exec_lenient(std::move(batch)));
  Elsewhere out;
  out.now = replies[1][0].integer_or(0) * 1'000'000 + replies[1][1].integer_or(0);
  std::size_t at = 3;
  for (std::size_t i = 0; i < question.accounts.size(); ++i) {
    out.accounts.push_back(static_cast<std::int64_t>(std::strtod(std::string(replies[at++].view().text()).c_str(), nullptr)));
  }
  for (std::size_t i = 0; i < question.streams.size(); ++i) out.running += static_cast<std::uint64_t>(replies[at++][0].integer_or(0));
  std::map<std::string, std::uint64_t> heavy;
  for (std::size_t i = 0; i < question.queues.size(); ++i) add_heavy(heavy, replies[at++].view());
  for (const auto& [name, units] : heavy) {
    const auto stream = name.substr(0, name.rfind(' '));
    const bool elsewhere = std::find(question.streams.begin(), question.streams.end(), stream) != question.streams.end();
    out.running += elsewhere ? units - 1 : 0;
  }
  const auto run = replies[2].view();
  for (std::size_t i = 0; i + 1 < run.size(); i += 2) {
    const auto text = run[i + 1].text();
    const auto end = text.find('\0');
    const auto place = read_place(run[i].text());
    if (end == std::string_view::npos || !place || text.substr(end + 1) != question.value) continue;
    const auto stream = server.keys.queue(place->queue).stream(question.task, place->lane == 'f' ? kFrontLane : place->lane - '0');
    const auto units = heavy.find(stream + ' ' + place->entry);
    out.of_value += units == heavy.end() ? 1 : units->second;
  }
  if (replies[0].view().is_nil()) co_return out;
  const std::string sorted_as(replies[0].view().text());
  Batch count;
  count.command({"ZLEXCOUNT", keys.parked, "[" + sorted_as + '\0', "(" + parked_as(sorted_as, question.place)});
  CONDUIT_CO_TRY(const auto before, co_await server.exec(std::move(count)));
  out.ahead = static_cast<std::uint64_t>(before[0].view().integer_or(0));
  co_return out;
}

}  // namespace

asio::awaitable<Result<std::optional<Standing>>> standing_of(Server& server, Lanes& lanes, Finder& finder, std::string id,
                                                             std::vector<job::Limit> limits, std::vector<std::string> workers) {
  CONDUIT_CO_TRY(co_await lanes.refresh_all());
  CONDUIT_CO_TRY(const auto found, co_await finder.find(std::move(id)));
  const bool waits = found && found->waiting && found->waiting->entry && found->record.status == job::JobStatus::queued;
  if (!waits) co_return std::optional<Standing>();
  const auto& queue = found->id.queue;
  const auto& task = found->waiting->task;
  Standing out;
  const auto pointer = job::key_of(limits);
  if (!pointer.empty()) out.value = job::key_value(found->record.args, pointer);

  const auto limit_keys = server.keys.limits(task);
  const bool cluster = server.is_cluster();
  const auto nothing = server.keys.queue(queue).job("-");
  Words names{server.keys.queue(queue).paused(), limit_keys.parked, limit_keys.where, limit_keys.run, limit_keys.rates};
  if (cluster) names = {server.keys.queue(queue).paused(), nothing, nothing, nothing, nothing};
  const auto of_queue = lanes.of_task(queue, task);
  const auto own = std::find(of_queue.begin(), of_queue.end(), found->waiting->lane);
  if (own == of_queue.end()) co_return std::optional<Standing>();
  for (const auto lane : of_queue) names.push_back(server.keys.queue(queue).stream(task, lane));
  std::size_t elsewhere = 0;
  std::vector<std::string> other_streams;
  for (const auto& [other, known] : lanes.all()) {
    if (other == queue) continue;
    for (const auto lane : lanes.of_task(other, task)) {
      other_streams.push_back(server.keys.queue(other).stream(task, lane));
      if (cluster) continue;
      names.push_back(other_streams.back());
      ++elsewhere;
    }
  }
  for (const auto& lane : lanes.known(queue)) {
    if (lane.task != task) names.push_back(server.keys.queue(queue).stream(lane.task, lane.lane));
  }
  std::size_t heavy = 0;
  for (const auto& [other, known] : lanes.all()) {
    if (cluster && other != queue) continue;
    names.push_back(server.keys.queue(other).heavy());
    ++heavy;
  }
  const auto place = place_name(queue, found->waiting->lane, *found->waiting->entry);
  Words args{task, place, std::to_string(own - of_queue.begin() + 1),
             std::to_string(of_queue.size()), std::to_string(elsewhere), std::to_string(Standing::kMostAhead), out.value, std::to_string(heavy)};
  std::vector<std::string> accounts;
  std::vector<std::size_t> limit_of;  // each account's
  for (std::size_t i = 0; i < limits.size(); ++i) {
    if (limits[i].kind != job::Limit::Kind::rate) continue;
    const auto owners = limits[i].scope == job::Limit::Scope::worker ? workers : std::vector<std::string>(1);
    for (const auto& owner : owners) {
      accounts.push_back(job::account_name(limits[i], owner, out.value));
      limit_of.push_back(i);
    }
  }
  args.insert(args.end(), accounts.begin(), accounts.end());
  CONDUIT_CO_TRY(const auto reply, co_await server.call(Script::standing, std::move(names), std::move(args)));
  out.queue_paused = reply[0].integer_or(0) != 0;
  out.task_paused = reply[1].integer_or(0) != 0;
  const auto count = [&reply](std::size_t at) { return static_cast<std::uint64_t>(reply[at].integer_or(0)); };
  out.ahead = count(2);
  out.running_of_task = count(3);
  out.running_of_queue = count(4);
  out.running_of_value = count(5);
  std::int64_t now = std::strtoll(std::string(reply[6].text()).c_str(), nullptr, 10);
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < limit_of.size(); ++i) kept.push_back(static_cast<std::int64_t>(std::strtod(std::string(reply[7 + i].text()).c_str(), nullptr)));
  if (cluster) {
    Question question{task, place, out.value, std::move(accounts), std::move(other_streams), {}};
    for (const auto& [other, known] : lanes.all()) question.queues.push_back(other);
    CONDUIT_CO_TRY(const auto there, co_await look_elsewhere(server, std::move(question)));
    out.running_of_task += there.running;
    out.running_of_value = there.of_value;
    out.ahead = std::min<std::uint64_t>(there.ahead.value_or(out.ahead), Standing::kMostAhead);
    now = there.now;
    kept = there.accounts;
  }
  out.next.resize(limits.size());
  for (std::size_t i = 0; i < limit_of.size(); ++i) {
    const auto wait = job::wait_for_rate(limits[limit_of[i]], kept[i], now);
    auto& next = out.next[limit_of[i]];
    next = std::min(next.value_or(wait), wait);
  }
  co_return out;
}

}  // namespace conduitd::broker::redis
