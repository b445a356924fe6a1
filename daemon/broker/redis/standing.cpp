#include "broker/redis/standing.h"

#include <algorithm>

namespace asio = boost::asio;

namespace conduitd::broker::redis {

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
  Words names{server.keys.queue(queue).paused(), limit_keys.parked, limit_keys.where, limit_keys.run, limit_keys.rates};
  const auto of_queue = lanes.of_task(queue, task);
  const auto own = std::find(of_queue.begin(), of_queue.end(), found->waiting->lane);
  if (own == of_queue.end()) co_return std::optional<Standing>();
  for (const auto lane : of_queue) names.push_back(server.keys.queue(queue).stream(task, lane));
  std::size_t elsewhere = 0;
  for (const auto& [other, known] : lanes.all()) {
    if (other == queue) continue;
    for (const auto lane : lanes.of_task(other, task)) {
      names.push_back(server.keys.queue(other).stream(task, lane));
      ++elsewhere;
    }
  }
  for (const auto& lane : lanes.known(queue)) {
    if (lane.task != task) names.push_back(server.keys.queue(queue).stream(lane.task, lane.lane));
  }
  std::size_t heavy = 0;
  for (const auto& [other, known] : lanes.all()) {
    names.push_back(server.keys.queue(other).heavy());
    ++heavy;
  }
  Words args{task, place_name(queue, found->waiting->lane, *found->waiting->entry), std::to_string(own - of_queue.begin() + 1),
             std::to_string(of_queue.size()), std::to_string(elsewhere), std::to_string(Standing::kMostAhead), out.value, std::to_string(heavy)};
  for (const auto& limit : limits) args.push_back(limit.kind == job::Limit::Kind::rate ? job::account_name(limit, {}, out.value) : std::string());
  CONDUIT_CO_TRY(const auto reply, co_await server.call(Script::standing, std::move(names), std::move(args)));
  out.queue_paused = reply[0].integer_or(0) != 0;
  out.task_paused = reply[1].integer_or(0) != 0;
  const auto count = [&reply](std::size_t at) { return static_cast<std::uint64_t>(reply[at].integer_or(0)); };
  out.ahead = count(2);
  out.running_of_task = count(3);
  out.running_of_queue = count(4);
  out.running_of_value = count(5);
  const auto now = std::strtoll(std::string(reply[6].text()).c_str(), nullptr, 10);
  for (std::size_t i = 0; i < limits.size(); ++i) {
    auto& next = out.next.emplace_back();
    if (limits[i].kind != job::Limit::Kind::rate || limits[i].scope == job::Limit::Scope::worker) continue;
    next = job::wait_for_rate(limits[i], static_cast<std::int64_t>(std::strtod(std::string(reply[7 + i].text()).c_str(), nullptr)), now);
  }
  co_return out;
}

}  // namespace conduitd::broker::redis
