#include "broker/redis/lanes.h"

#include <algorithm>

namespace asio = boost::asio;

namespace conduitd::broker::redis {

const std::set<LaneName>& Lanes::known(const std::string& queue) const {
  static const std::set<LaneName> kNone;
  const auto found = queues_.find(queue);
  return found == queues_.end() ? kNone : found->second;
}

std::vector<Lane> Lanes::of_task(const std::string& queue, const std::string& task) const {
  const auto& lanes = known(queue);
  std::vector<Lane> out;
  for (auto it = lanes.lower_bound(LaneName{task, 0}); it != lanes.end() && it->task == task; ++it) out.push_back(it->lane);
  std::reverse(out.begin(), out.end());
  return out;
}

asio::awaitable<Result<>> Lanes::refresh(std::vector<std::string> queues) {
  Batch batch;
  for (const auto& queue : queues) batch.command({"ZRANGE", server_.keys.queue(queue).lanes(), "0", "-1"});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  for (std::size_t i = 0; i < queues.size(); ++i) {
    std::set<LaneName> lanes;
    const auto members = replies[i].view();
    for (std::size_t n = 0; n < members.size(); ++n) {
      if (auto lane = decode_lane(members[n].text())) lanes.insert(std::move(*lane));
    }
    queues_[queues[i]] = std::move(lanes);
  }
  co_return ok();
}

asio::awaitable<Result<std::vector<std::string>>> Lanes::all_queues() {
  Batch batch;
  batch.command({"ZRANGE", server_.keys.queues(), "0", "-1"});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < replies[0].view().size(); ++i) out.emplace_back(replies[0][i].text());
  co_return out;
}

asio::awaitable<Result<>> Lanes::refresh_all() {
  CONDUIT_CO_TRY(auto names, co_await all_queues());
  const auto count = names.size();
  CONDUIT_CO_TRY(co_await refresh(std::move(names)));
  registered_ = count;
  co_return ok();
}

asio::awaitable<Result<>> Lanes::ensure(std::string queue, std::set<LaneName> lanes) {
  const auto& there = known(queue);
  for (auto it = lanes.begin(); it != lanes.end();) it = there.contains(*it) ? lanes.erase(it) : std::next(it);
  if (lanes.empty()) co_return ok();
  CONDUIT_CO_TRY(co_await announce(queue, lanes));
  queues_[queue].merge(lanes);
  co_return ok();
}

asio::awaitable<Result<>> Lanes::restore(std::string queue) {
  auto lanes = known(queue);
  co_return co_await announce(std::move(queue), std::move(lanes));
}

asio::awaitable<Result<>> Lanes::announce(std::string queue, std::set<LaneName> lanes) {
  if (lanes.empty()) co_return ok();
  const auto keys = server_.keys.queue(queue);
  Words added{"ZADD", keys.lanes()};
  for (const auto& lane : lanes) {
    added.emplace_back("0");
    added.push_back(encode(lane));
  }
  Batch batch;
  batch.command({"ZADD", server_.keys.queues(), "0", queue});
  batch.command(added);
  batch.command({"ZRANGE", server_.keys.paused_tasks(), "0", "-1"});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  Batch then;
  // A task paused before the queue existed is paused in it too. set_task_paused writes its list first and reads the
  // queues after, we the other way round: one of us sees the other.
  const auto paused = replies[2].view();
  if (replies[0].view().integer_or(0) > 0) {
    for (std::size_t i = 0; i < paused.size(); ++i) then.command({"ZADD", keys.paused(), "0", paused[i].text()});
  }
  then.command({"PUBLISH", server_.keys.notices(), "changed " + queue});
  CONDUIT_CO_TRY(co_await server_.exec(std::move(then)));
  co_return ok();
}

}  // namespace conduitd::broker::redis
