#include "broker/redis/channel_ear.h"

#include <algorithm>

#include <fmt/format.h>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

std::map<std::string, std::string> channels_of(const Server& server, const std::vector<std::string>& ids) {
  std::map<std::string, std::string> out;
  for (const auto& id : ids) {
    const auto queue = id.substr(0, id.rfind(':'));
    out.emplace(server.keys.queue(queue).ended_channel() + "any", queue);
  }
  return out;
}

std::vector<std::string> names_of(const std::map<std::string, std::string>& channels) {
  std::vector<std::string> out;
  for (const auto& [channel, queue] : channels) out.push_back(channel);
  return out;
}

}  // namespace

ChannelEar::ChannelEar(Server& server, Notices& notices, const std::vector<std::string>& ids)
    : server_(server), queues_(channels_of(server, ids)), subscription_(notices, names_of(queues_)) {}

asio::awaitable<Result<>> ChannelEar::listen(std::vector<std::string> ids) {
  constexpr std::size_t kMostFields = 500;
  std::map<std::string, std::vector<std::string>> ulids;
  for (const auto& id : ids) ulids[id.substr(0, id.rfind(':'))].push_back(id.substr(id.rfind(':') + 1));
  Batch batch;
  for (const auto& [queue, its] : ulids) {
    for (std::size_t first = 0; first < its.size(); first += kMostFields) {
      Words words{"HSET", server_.keys.queue(queue).waiters()};
      for (std::size_t i = first; i < std::min(first + kMostFields, its.size()); ++i) {
        words.push_back(its[i]);
        words.emplace_back("1");
      }
      batch.command(words);
    }
  }
  if (batch.empty()) co_return ok();
  CONDUIT_CO_TRY(co_await server_.exec(std::move(batch)));
  co_return ok();
}

std::optional<std::vector<std::string>> ChannelEar::take() {
  const auto said = subscription_.take_said();
  if (!said) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& one : *said) {
    const auto& queue = queues_.at(one.channel);
    std::string_view rest = one.text;
    while (!rest.empty()) {
      const auto space = std::min(rest.find(' '), rest.size());
      out.push_back(fmt::format("{}:{}", queue, rest.substr(0, space)));
      rest.remove_prefix(std::min(space + 1, rest.size()));
    }
  }
  return out;
}

}  // namespace conduitd::broker::redis
