#include "broker/redis/turn.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

constexpr std::string_view kTurnLasts = "2000";
// Others have theirs meanwhile, each a few round trips long.
constexpr int kMostAsked = 100;
constexpr Millis kBetween{5};

}  // namespace

void Writes::add(std::string_view command, const std::string& key, const Words& words) {
  auto at = std::find(keys_.begin(), keys_.end(), key);
  if (at == keys_.end()) at = keys_.insert(at, key);
  args_.emplace_back(command);
  args_.push_back(std::to_string(at - keys_.begin() + 2));
  args_.push_back(std::to_string(words.size()));
  args_.insert(args_.end(), words.begin(), words.end());
}

asio::awaitable<Result<bool>> Turn::ask(std::int64_t above) {
  Words keys{server_.keys.turn(), server_.keys.turns()};
  Words args{server_.options.worker, std::string(kTurnLasts), std::to_string(above), turn_};
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::turn, std::move(keys), std::move(args)));
  if (reply[0].text().empty()) co_return false;
  turn_ = reply[0].text();
  number_ = std::to_string(reply[1].integer_or(0));
  co_return true;
}

asio::awaitable<Result<bool>> Turn::begin() {
  asio::steady_timer timer(server_.executor);
  for (int asked = 0; asked < kMostAsked; ++asked) {
    CONDUIT_CO_TRY(const bool ours, co_await ask(0));
    if (ours) co_return true;
    timer.expires_after(kBetween);
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  co_return false;
}

asio::awaitable<Result<bool>> Turn::raise_above(std::int64_t number) { co_return co_await ask(number); }

asio::awaitable<Result<bool>> Turn::write(Writes writes) {
  if (writes.empty()) co_return true;
  Words keys{server_.keys.turn()};
  keys.insert(keys.end(), writes.keys_.begin(), writes.keys_.end());
  Words args{turn_};
  args.insert(args.end(), std::make_move_iterator(writes.args_.begin()), std::make_move_iterator(writes.args_.end()));
  CONDUIT_CO_TRY(const auto reply, co_await server_.call(Script::ledger, std::move(keys), std::move(args)));
  co_return reply.view().integer_or(0) == 1;
}

asio::awaitable<void> Turn::end(Writes last) {
  last.add("DEL", server_.keys.turn(), {});
  // If this fails, it is over soon.
  static_cast<void>(co_await write(std::move(last)));
}

}  // namespace conduitd::broker::redis
