#include "broker/redis/primary.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/steady_timer.hpp>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

// A sentinel that does not answer within this is passed over: the others know as much.
constexpr Millis kSentinelPatience{500};

asio::awaitable<Result<RedisAddress>> ask(asio::any_io_executor executor, RedisEndpoint endpoint, RedisEndpoint sentinel, Millis timeout) {
  auto transport = co_await dial(executor, sentinel, timeout);
  if (!transport.has_value()) co_return transport.error();
  Reader reader;
  auto question = sentinel_question(endpoint);
  const auto replies = co_await converse(executor, transport.value(), reader, std::move(question), timeout, sentinel.name());
  transport.value()->close();
  if (!replies.has_value()) co_return replies.error();
  co_return sentinel_answer(endpoint, replies.value(), sentinel.name());
}

}  // namespace

asio::awaitable<Result<std::vector<Reply>>> converse(asio::any_io_executor executor, std::shared_ptr<Transport> transport,
                                                     Reader& reader, Pipeline commands, Millis timeout, std::string server) {
  asio::steady_timer deadline(executor);
  deadline.expires_after(timeout);
  deadline.async_wait([transport](const boost::system::error_code& stopped) {
    if (!stopped) transport->close();
  });
  const auto written = co_await transport->write(commands.bytes());
  if (!written.has_value()) co_return written.error().within(server);
  std::vector<Reply> replies;
  std::array<char, 4096> buffer{};
  while (replies.size() < commands.size()) {
    auto reply = reader.next();
    if (!reply.has_value()) co_return reply.error().within(server);
    if (reply.value()) {
      replies.push_back(std::move(*reply.value()));
      continue;
    }
    const auto count = co_await transport->read(buffer);
    if (!count.has_value()) co_return count.error().within(server);
    CONDUIT_CO_TRY(reader.feed({buffer.data(), count.value()}));
  }
  co_return replies;
}

asio::awaitable<Result<RedisEndpoint>> find_primary(asio::any_io_executor executor, RedisEndpoint endpoint, SentinelOrder& order,
                                               Millis timeout) {
  if (endpoint.sentinels.empty()) co_return endpoint;
  std::string said;
  auto errc = Errc::unavailable;
  for (std::size_t turn = 0; turn < endpoint.sentinels.size(); ++turn) {
    const auto number = order.at(turn);
    auto sentinel = sentinel_at(endpoint, endpoint.sentinels[number]);
    const auto address = co_await ask(executor, endpoint, std::move(sentinel), std::min(timeout, kSentinelPatience));
    if (address.has_value()) {
      order.answered(number);
      co_return primary_at(endpoint, address.value());
    }
    if (address.error().is(Errc::refused)) errc = Errc::refused;
    said += fmt::format("{}{}", said.empty() ? "" : "; ", address.error().message());
  }
  co_return Error(errc, fmt::format("no sentinel tells where the primary '{}' is: {}", endpoint.primary, said));
}

}  // namespace conduitd::broker::redis
