#include "broker/redis/slot_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

constexpr std::string_view kWakeLasts = "86400000";

}  // namespace

/// The connection of one queue.
struct SlotWatch::Read {
  Read(Server& server, std::string wake_key)
      : wake(std::move(wake_key)),
        connection(server.executor, server.endpoint, fmt::format("conduit:{}:claim", server.options.worker), server.options.command_timeout) {
    connection.aim([&server, this] { return server.node_of(wake); });
  }
  std::string wake;
  std::string last_wake = "0-0";
  bool blocked = false;
  Connection connection;
};

struct SlotWatch::Round {
  explicit Round(const asio::any_io_executor& executor) : changed(executor) { changed.expires_at(asio::steady_timer::time_point::max()); }
  std::size_t under_way = 0;
  bool answered = false;
  std::optional<Error> failure;
  asio::steady_timer changed;
};

SlotWatch::SlotWatch(Server& server) : server_(server), tasks_(server.executor) {}
SlotWatch::~SlotWatch() = default;

SlotWatch::Read& SlotWatch::read_of(const std::string& queue) {
  auto& found = reads_[queue];
  const auto& worker = server_.options.worker;
  if (!found) found = std::make_unique<Read>(server_, queue.empty() ? server_.keys.wake(worker) : server_.keys.queue(queue).wake(worker));
  return *found;
}

asio::awaitable<void> SlotWatch::read_one(std::shared_ptr<Round> round, std::string queue, std::vector<Stream> streams, Millis most) {
  struct Counted {
    Round& round;
    Read& read;
    ~Counted() {
      read.blocked = false;
      --round.under_way;
      round.answered = true;
      round.changed.cancel();
    }
  };
  auto& read = read_of(queue);
  const Counted counted{*round, read};
  const auto block = std::to_string(most.count());
  std::vector<std::string_view> words{"XREAD", "COUNT", "1", "BLOCK", block, "STREAMS", read.wake};
  for (const auto& stream : streams) words.push_back(stream.key);
  words.push_back(read.last_wake);
  for (const auto& stream : streams) words.push_back(stream.last);
  Pipeline pipeline;
  pipeline.add(words);
  const auto replies = co_await read.connection.exec(std::move(pipeline), most);
  if (!replies.has_value()) {
    server_.doubt();
    round->failure = replies.error();
    co_return;
  }
  const auto reply = replies.value().front().view();
  for (std::size_t i = 0; i < reply.size(); ++i) {
    if (reply[i][0].text() == read.wake) read.last_wake = reply[i][1][0][0].text();
  }
  if (!reply.is_error()) co_return;
  const auto text = reply.text();
  if (redirection(text, {}) || text.starts_with("UNBLOCKED")) {
    // The queue is elsewhere, or will be: the look that comes next finds out.
    server_.doubt();
    read.connection.drop(Error(Errc::unavailable, std::string(text)));
    co_return;
  }
  round->failure = server_.error_of(reply, "XREAD");
}

asio::awaitable<Result<>> SlotWatch::wait(std::vector<Stream> streams, Millis most) {
  std::map<std::string, std::vector<Stream>> by_queue;
  for (auto& stream : streams) {
    auto queue = stream.queue;
    by_queue[std::move(queue)].push_back(std::move(stream));
  }
  if (by_queue.empty()) by_queue[""];
  const auto round = std::make_shared<Round>(server_.executor);
  round->under_way = by_queue.size();
  // From now on wake() is for this wait.
  for (const auto& [queue, its] : by_queue) read_of(queue).blocked = true;
  for (auto& [queue, its] : by_queue) tasks_.spawn("redis wait", read_one(round, queue, std::move(its), most));
  while (round->under_way > 0 && !tasks_.stopping()) {
    if (round->answered) wake();
    boost::system::error_code woken;
    co_await round->changed.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  if (tasks_.stopping()) co_return Error(Errc::cancelled, fmt::format("{}: closed", server_.name()));
  if (round->failure) co_return *round->failure;
  co_return ok();
}

void SlotWatch::wake() {
  const bool any = std::any_of(reads_.begin(), reads_.end(), [](const auto& read) { return read.second->blocked; });
  if (!any) return;
  // One that is under way may have been meant for the wait before this one.
  wanted_ = true;
  if (!std::exchange(poking_, true)) tasks_.spawn("redis wake", poke());
}

asio::awaitable<void> SlotWatch::poke() {
  while (std::exchange(wanted_, false)) {
    Batch batch;
    for (const auto& [queue, read] : reads_) {
      if (!read->blocked) continue;
      batch.command({"XADD", read->wake, "MAXLEN", "1", "*", "w", "1"});
      batch.command({"PEXPIRE", read->wake, kWakeLasts});
    }
    // If this fails, a node is away or hangs, and the blocked read finds that out itself.
    const auto poked = co_await server_.exec(std::move(batch));
    static_cast<void>(poked.has_value());
  }
  poking_ = false;
}

asio::awaitable<void> SlotWatch::close() {
  for (auto& [queue, read] : reads_) co_await read->connection.close();
  co_await tasks_.stop();
}

}  // namespace conduitd::broker::redis
