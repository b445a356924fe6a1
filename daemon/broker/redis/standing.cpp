#include "broker/redis/standing.h"

#include <algorithm>

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

asio::awaitable<Result<Elsewhere>> look_elsewhere(Server& server, std::vector<std::string> streams, std::string task, std::string place, std::string value,
                                                  std::vector<std::string> accounts) {
  const auto keys = server.keys.limits(task);
  Batch batch;
  batch.command({"HGET", keys.where, place});
  batch.command({"TIME"});
  batch.command({"HVALS", keys.run});
  for (const auto& account : accounts) batch.command({"ZSCORE", keys.rates, account});
  for (const auto& stream : streams) batch.command({"XPENDING", stream, "c"});
  CONDUIT_CO_TRY(const auto replies, co_await server.exec_lenient(std::move(batch)));
  Elsewhere out;
  out.now = replies[1][0].integer_or(0) * 1'000'000 + replies[1][1].integer_or(0);
  for (std::size_t i = 0; i < replies[2].view().size(); ++i) {
    const auto text = replies[2][i].text();
    const auto end = text.find('\0');
    out.of_value += end != std::string_view::npos && text.substr(end + 1) == value ? 1U : 0U;
  }
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    out.accounts.push_back(static_cast<std::int64_t>(std::strtod(std::string(replies[3 + i].view().text()).c_str(), nullptr)));
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    out.running += static_cast<std::uint64_t>(replies[3 + accounts.size() + i][0].integer_or(0));
  }
  if (replies[0].view().is_nil()) co_return out;
  const std::string sorted_as(replies[0].view().text());
  Batch count;
  count.command({"ZLEXCOUNT", keys.parked, "[" + sorted_as + '\0', "(" + parked_as(sorted_as, place)});
  CONDUIT_CO_TRY(const auto before, co_await server.exec(std::move(count)));
  out.ahead = static_cast<std::uint64_t>(before[0].view().integer_or(0));
  co_return out;
}

}  // namespace

asio::awaitable<Result<std::optional<Standing>>> standing_of(Server& server, Lanes& lanes, Finder& finder, std::string id,
                                                             std::vector<job::Limit> limits) {
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
  for (const auto& limit : limits) accounts.push_back(limit.kind == job::Limit::Kind::rate ? job::account_name(limit, {}, out.value) : std::string());
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
  for (std::size_t i = 0; i < limits.size(); ++i) kept.push_back(static_cast<std::int64_t>(std::strtod(std::string(reply[7 + i].text()).c_str(), nullptr)));
  if (cluster) {
    auto value = out.value;
    CONDUIT_CO_TRY(const auto there, co_await look_elsewhere(server, std::move(other_streams), task, place, std::move(value), std::move(accounts)));
    out.running_of_task += there.running;
    out.running_of_value = there.of_value;
    out.ahead = std::min<std::uint64_t>(there.ahead.value_or(out.ahead), Standing::kMostAhead);
    now = there.now;
    kept = there.accounts;
  }
  for (std::size_t i = 0; i < limits.size(); ++i) {
    auto& next = out.next.emplace_back();
    if (limits[i].kind != job::Limit::Kind::rate || limits[i].scope == job::Limit::Scope::worker) continue;
    next = job::wait_for_rate(limits[i], kept[i], now);
  }
  co_return out;
}

}  // namespace conduitd::broker::redis
