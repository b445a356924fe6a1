#include "broker/redis/holder.h"

#include <fmt/format.h>

namespace asio = boost::asio;

namespace conduitd::broker::redis {

asio::awaitable<Result<Holder>> look_at_holder(Finder& finder, std::string queue, std::string value) {
  Holder out;
  const bool until_started = value.ends_with(kUntilStarted);
  out.id = fmt::format("{}:{}", queue, value.substr(0, value.find('/')));
  if (!job::parse_id(out.id).has_value()) {
    out.counts = false;  // somebody wrote there what we never would
    co_return out;
  }
  CONDUIT_CO_TRY(auto found, co_await finder.find(out.id));
  if (!found || found->final) {
    out.counts = false;
    co_return out;
  }
  const bool running = found->record.status == job::JobStatus::running;
  out.counts = !until_started || (!running && found->record.counters.attempts == 0);
  if (out.counts && !running) out.replaceable = std::move(found->waiting);
  co_return out;
}

}  // namespace conduitd::broker::redis
