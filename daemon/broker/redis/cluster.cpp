#include "broker/redis/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/text.h"
#include "broker/redis/primary.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

// A node that does not answer within this is passed over: the others know as much.
constexpr Millis kNodePatience{500};
// While slots move or a replica is being promoted.
constexpr Millis kShortPause{10};
constexpr Millis kLongPause{100};
// A slot is seldom moved twice in a moment: more is two nodes that refer to each other.
constexpr int kMostMoves = 4;

}  // namespace

/// What one batch has sent to several nodes at once.
struct Cluster::Round {
  explicit Round(const asio::any_io_executor& executor) : done(executor) { done.expires_at(asio::steady_timer::time_point::max()); }
  struct Answer {
    std::vector<Reply> replies;
    std::optional<Error> failure;
    bool sent = false;  ///< it may have been applied
  };
  std::vector<Answer> answers;
  std::size_t under_way = 0;
  asio::steady_timer done;  ///< cancelled when the last has answered
};

Cluster::Cluster(asio::any_io_executor executor, Clock& clock, RedisEndpoint endpoint, std::string client_name, Millis timeout)
    : executor_(std::move(executor)),
      clock_(clock),
      endpoint_(std::move(endpoint)),
      name_(endpoint_.name()),
      client_name_(std::move(client_name)),
      timeout_(timeout),
      tasks_(executor_) {}

RedisEndpoint Cluster::at(const RedisAddress& node) const {
  auto out = endpoint_;
  out.host = node.host;
  out.port = node.port;
  return out;
}

Connection& Cluster::connection(const RedisAddress& node) {
  auto& found = connections_[{node.host, node.port}];
  if (!found) found = std::make_unique<Connection>(executor_, at(node), client_name_, timeout_);
  return *found;
}

RedisEndpoint Cluster::node_of(std::string_view key) {
  const auto* node = map_.node(slot_of(key));
  return node != nullptr ? at(*node) : any_node();
}

RedisEndpoint Cluster::any_node() {
  const auto& nodes = map_.nodes().empty() ? endpoint_.cluster : map_.nodes();
  return at(nodes[turn_++ % nodes.size()]);
}

asio::awaitable<void> Cluster::pause(Millis time) {
  asio::steady_timer timer(executor_, time);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<Result<SlotMap>> Cluster::ask(RedisAddress node) {
  const auto endpoint = at(node);
  const auto patience = std::min(timeout_, kNodePatience);
  auto transport = co_await dial(executor_, endpoint, patience);
  if (!transport.has_value()) co_return transport.error();
  Pipeline question;
  if (!endpoint.username.empty()) {
    question.add({"AUTH", endpoint.username, endpoint.password});
  } else if (!endpoint.password.empty()) {
    question.add({"AUTH", endpoint.password});
  }
  question.add({"CLUSTER", "SLOTS"});
  Reader reader;
  const auto replies = co_await converse(executor_, transport.value(), reader, std::move(question), patience, endpoint.name());
  transport.value()->close();
  if (!replies.has_value()) co_return replies.error();
  for (const auto& reply : replies.value()) {
    if (!reply.view().is_error()) continue;
    if (reply.view().text().starts_with("ERR This instance has cluster support disabled")) {
      co_return Error(Errc::unsupported, fmt::format("{}: this server is no node of a cluster: write redis:// for a server that stands alone", endpoint.name()));
    }
    co_return to_error(reply.view().text(), "ask which node has what", endpoint.name());
  }
  auto map = SlotMap::from(replies.value().back().view(), node);
  if (!map.has_value()) co_return map.error().within(endpoint.name());
  co_return map;
}

asio::awaitable<Result<>> Cluster::learn() {
  // One asks for all.
  while (learning_ && doubted_ && !closed_) co_await pause(kShortPause);
  if (!doubted_) co_return ok();
  learning_ = true;
  struct Under {
    bool& flag;
    ~Under() { flag = false; }
  };
  const Under under{learning_};
  auto nodes = map_.nodes();
  for (const auto& seed : endpoint_.cluster) {
    if (std::find(nodes.begin(), nodes.end(), seed) == nodes.end()) nodes.push_back(seed);
  }
  std::string said;
  auto errc = Errc::unavailable;
  const auto first = turn_++;
  for (std::size_t i = 0; i < nodes.size() && !closed_; ++i) {
    auto map = co_await ask(nodes[(first + i) % nodes.size()]);
    if (map.has_value()) {
      map_ = std::move(map).value();
      doubted_ = false;
      co_return ok();
    }
    for (const auto final : {Errc::refused, Errc::unsupported, Errc::invalid_argument}) {
      if (map.error().is(final)) errc = final;
    }
    said += fmt::format("{}{}", said.empty() ? "" : "; ", map.error().message());
  }
  co_return Error(errc, fmt::format("no node tells which of them has what: {}", said));
}

asio::awaitable<void> Cluster::send_one(std::shared_ptr<Round> round, std::size_t number, RedisAddress node, Pipeline commands) {
  // Also of one that is cancelled.
  struct Counted {
    Round& round;
    ~Counted() {
      if (--round.under_way == 0) round.done.cancel();
    }
  };
  const Counted counted{*round};
  auto& answer = round->answers[number];
  if (closed_) co_return;
  auto& to = connection(node);
  const auto ready = co_await to.ready();
  if (!ready.has_value()) {
    answer.failure = ready.error();
    co_return;
  }
  answer.sent = true;
  auto replies = co_await to.exec(std::move(commands));
  if (replies.has_value()) {
    answer.replies = std::move(replies).value();
  } else {
    answer.failure = replies.error();
  }
}

asio::awaitable<Result<>> Cluster::send(std::vector<Parcel> parcels, Routing& routing) {
  const auto round = std::make_shared<Round>(executor_);
  round->answers.resize(parcels.size());
  round->under_way = parcels.size();
  // The commonest case, one node, needs no coroutine beside this one.
  for (std::size_t i = 1; i < parcels.size(); ++i) tasks_.spawn("redis node", send_one(round, i, parcels[i].node, std::move(parcels[i].commands)));
  co_await send_one(round, 0, parcels[0].node, std::move(parcels[0].commands));
  while (round->under_way > 0 && !closed_) {
    boost::system::error_code woken;
    co_await round->done.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  if (closed_) co_return Error(Errc::cancelled, fmt::format("{}: closed", name_));
  std::optional<Error> lost;
  for (std::size_t i = 0; i < parcels.size(); ++i) {
    auto& answer = round->answers[i];
    if (!answer.failure) {
      routing.take(parcels[i], std::move(answer.replies), map_);
      continue;
    }
    // It may be dead, and another in its place. What was not sent is sent to that one; but not to somebody who does not let us in.
    doubted_ = true;
    if (answer.sent || !answer.failure->is(Errc::unavailable)) lost = answer.failure;
    excuse_ = answer.failure->message();
  }
  if (lost) co_return *lost;
  co_return ok();
}

asio::awaitable<Result<std::vector<Reply>>> Cluster::exec(std::vector<RoutedStep> steps, std::string doing) {
  const auto end = clock_.now() + timeout_;
  Routing routing(std::move(steps));
  excuse_ = "no node serves this slot";
  for (int moves = 0;;) {
    if (closed_ || tasks_.stopping()) co_return Error(Errc::cancelled, fmt::format("{}: closed", name_));
    const auto learned = co_await learn();
    if (!learned.has_value() && !learned.error().is(Errc::unavailable)) co_return learned.error();
    if (!learned.has_value()) excuse_ = learned.error().message();
    auto wait = learned.has_value() ? Millis{0} : kLongPause;
    if (learned.has_value()) {
      auto parcels = routing.parcels(map_);
      const bool nowhere = parcels.empty();
      if (nowhere) wait = kLongPause;
      if (!nowhere) {
        CONDUIT_CO_TRY(co_await send(std::move(parcels), routing));
        if (routing.done()) co_return routing.take_replies();
        if (doubted_) wait = kLongPause;
        if (routing.take_wait()) wait = std::max(wait, kShortPause);
      }
      const bool moved = routing.take_moved();
      if (moved && ++moves > kMostMoves) wait = kLongPause;
      doubted_ = doubted_ || moved || nowhere;
    }
    if (clock_.now() >= end) break;
    if (wait > Millis{0}) co_await pause(wait);
  }
  const auto why = routing.excuse().empty() ? excuse_ : routing.excuse();
  co_return Error(Errc::unavailable, fmt::format("{}: {}: not within {} ms: {}", name_, doing, timeout_.count(), escape_control(why)));
}

asio::awaitable<Result<std::vector<std::pair<std::string, Reply>>>> Cluster::exec_on_each(std::vector<std::string> words) {
  CONDUIT_CO_TRY(co_await learn());
  std::vector<std::pair<std::string, Reply>> out;
  const auto nodes = map_.nodes();
  for (const auto& node : nodes) {
    Pipeline command;
    command.add(std::vector<std::string_view>(words.begin(), words.end()));
    CONDUIT_CO_TRY(auto replies, co_await connection(node).exec(std::move(command)));
    out.emplace_back(at(node).name(), std::move(replies.front()));
  }
  co_return out;
}

asio::awaitable<void> Cluster::close() {
  closed_ = true;
  for (auto& [node, connection] : connections_) co_await connection->close();
  co_await tasks_.stop();
}

}  // namespace conduitd::broker::redis
