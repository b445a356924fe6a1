#include "broker/open.h"

#include <fmt/format.h>

#include <string_view>

#include "base/broker_url.h"
#ifdef CONDUIT_FAILPOINTS
#include "broker/trial.h"
#endif
#ifdef CONDUIT_BROKER_SQLITE
#include "broker/sqlite/sqlite_broker.h"
#endif
#ifdef CONDUIT_BROKER_REDIS
#include "broker/redis/redis_broker.h"
#endif

namespace conduitd::broker {
namespace {

boost::asio::awaitable<Result<Connection>> open_plain(boost::asio::any_io_executor executor, Clock& clock, Options options) {
  CONDUIT_CO_TRY(check_broker_url(options.url));
  const std::string scheme = options.url.substr(0, options.url.find(':'));
#ifdef CONDUIT_BROKER_SQLITE
  if (scheme == "sqlite") co_return co_await open_sqlite(std::move(executor), clock, std::move(options));
#endif
#ifdef CONDUIT_BROKER_REDIS
  if (scheme.starts_with("redis")) {
    co_return co_await open_redis(std::move(executor), clock, std::move(options));
  }
#endif
  co_return Error(Errc::invalid_argument, fmt::format("this build of Conduit knows no {} brokers", scheme));
}

}  // namespace

boost::asio::awaitable<Result<Connection>> open(boost::asio::any_io_executor executor, Clock& clock, Options options) {
#ifdef CONDUIT_FAILPOINTS
  const auto worker = options.worker;
  auto opened = co_await open_plain(std::move(executor), clock, std::move(options));
  if (opened.has_value() && !worker.empty()) {
    opened.value().broker = put_on_trial(std::move(opened.value().broker), clock, worker);
  }
  co_return opened;
#else
  co_return co_await open_plain(std::move(executor), clock, std::move(options));
#endif
}

}  // namespace conduitd::broker
