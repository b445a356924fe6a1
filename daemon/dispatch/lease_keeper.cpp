#include "dispatch/lease_keeper.h"

#include <algorithm>

namespace asio = boost::asio;

namespace conduitd::dispatch {
namespace {

constexpr Millis kAgain{500};  // after a failure

}  // namespace

LeaseKeeper::LeaseKeeper(asio::any_io_executor executor, Clock& clock, broker::Broker& broker, Millis lease, Hooks hooks)
    : clock_(clock), broker_(broker), lease_(lease), hooks_(std::move(hooks)), tasks_(executor) {}

void LeaseKeeper::start() { tasks_.spawn("keep leases", run()); }

asio::awaitable<void> LeaseKeeper::stop() { return tasks_.stop(); }

asio::awaitable<void> LeaseKeeper::run() {
  // Looked at twice as often as a lease needs renewing, so that none is later than half its time.
  const auto interval = std::max(lease_ / 6, Millis{10});
  bool renewed = true;
  while (!tasks_.stopping()) {
    co_await clock_.sleep_for(renewed ? interval : std::min(interval, kAgain));
    renewed = co_await renew_once();
  }
}

asio::awaitable<bool> LeaseKeeper::renew_once() {
  auto due = hooks_.due(clock_.now() - lease_ / 3);
  if (due.empty()) hooks_.broker_state({});
  for (std::size_t begin = 0; begin < due.size(); begin += broker::Broker::kMaxBatch) {
    const auto end = std::min(due.size(), begin + broker::Broker::kMaxBatch);
    std::vector<job::Lease> batch(due.begin() + static_cast<std::ptrdiff_t>(begin),
                                  due.begin() + static_cast<std::ptrdiff_t>(end));
    const auto sent_at = clock_.now();
    const auto states = co_await broker_.extend(batch);
    hooks_.broker_state(states.has_value() ? std::string() : states.error().message());
    if (!states.has_value()) co_return false;
    for (std::size_t i = 0; i < batch.size() && i < states.value().size(); ++i) {
      hooks_.state(batch[i], states.value()[i], sent_at);
    }
  }
  co_return true;
}

}  // namespace conduitd::dispatch
