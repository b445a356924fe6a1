#include "dispatch/settler.h"

#include <algorithm>

#include "base/log.h"

namespace asio = boost::asio;

namespace conduitd::dispatch {
namespace {

// How often running attempts' words are written: often enough for a person watching.
constexpr Millis kReportInterval{100};
constexpr Millis kFirstSettlePause{50};
constexpr Millis kLongestSettlePause{1'000};

/// Moves the first `most` elements out of `from`.
template <class T>
std::vector<T> take(std::vector<T>& from, std::size_t most) {
  if (from.size() <= most) return std::exchange(from, {});
  const auto end = from.begin() + static_cast<std::ptrdiff_t>(most);
  std::vector<T> taken(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
  from.erase(from.begin(), end);
  return taken;
}

}  // namespace

Settler::Settler(asio::any_io_executor executor, Clock& clock, broker::Broker& broker, Hooks hooks)
    : clock_(clock),
      broker_(broker),
      hooks_(std::move(hooks)),
      work_(executor, clock),
      tasks_(executor) {}

void Settler::start() { tasks_.spawn("settle", run()); }

void Settler::reports_pending() {
  if (live_reports_) return;
  live_reports_ = true;
  work_.notify();
}

void Settler::settle(job::Report report, job::Settlement settlement) {
  if (report.progress || report.checkpoint || report.waits_for || !report.metadata.empty() || !report.logs.empty()) {
    last_reports_.push_back(std::move(report));
  }
  settlements_.push_back(std::move(settlement));
  if (settlements_.size() == 1) work_.notify();
}

std::vector<job::Lease> Settler::unconfirmed() const {
  std::vector<job::Lease> leases;
  leases.reserve(backlog());
  for (const auto& settlement : in_flight_) leases.push_back(settlement.lease);
  for (const auto& settlement : settlements_) leases.push_back(settlement.lease);
  return leases;
}

asio::awaitable<void> Settler::run() {
  while (!tasks_.stopping()) {
    co_await wait_for_work();
    // Everything an attempt said comes before its end, so reports go first.
    co_await flush_reports();
    co_await flush_settlements();
  }
}

asio::awaitable<void> Settler::wait_for_work() {
  while (settlements_.empty()) {
    const auto now = clock_.now();
    if (live_reports_ && now >= next_live_reports_) co_return;
    co_await work_.wait_until(live_reports_ ? next_live_reports_ : SteadyTime::max());
  }
}

asio::awaitable<void> Settler::flush_reports() {
  auto batch = take(last_reports_, broker::Broker::kMaxBatch);
  if (live_reports_ && clock_.now() >= next_live_reports_ && batch.size() < broker::Broker::kMaxBatch) {
    live_reports_ = false;
    next_live_reports_ = clock_.now() + kReportInterval;
    auto live = hooks_.collect(broker::Broker::kMaxBatch - batch.size());
    std::move(live.begin(), live.end(), std::back_inserter(batch));
  }
  while (!batch.empty()) {
    auto states = co_await broker_.report(batch);
    if (!states.has_value()) {
      // What the broker will never take must not hold up the settlements behind it.
      if (!states.error().is_transient()) batch.clear();
      co_await back_off(states.error(), "report");
      continue;
    }
    hooks_.broker_state({});
    faults_ = 0;
    for (std::size_t i = 0; i < batch.size() && i < states.value().size(); ++i) {
      hooks_.lease_state(batch[i].lease, states.value()[i]);
    }
    batch = take(last_reports_, broker::Broker::kMaxBatch);
  }
}

asio::awaitable<void> Settler::flush_settlements() {
  // What is settled while a report was on its way may have a report of its own waiting: it goes with the next turn.
  if (!last_reports_.empty()) co_return;
  in_flight_ = take(settlements_, broker::Broker::kMaxBatch);
  while (!in_flight_.empty()) {
    auto states = co_await broker_.settle(in_flight_);
    if (!states.has_value()) {
      co_await back_off(states.error(), "settle");
      continue;
    }
    hooks_.broker_state({});
    faults_ = 0;
    const auto done = std::exchange(in_flight_, {});
    for (std::size_t i = 0; i < done.size() && i < states.value().size(); ++i) {
      hooks_.settled(done[i], states.value()[i]);
    }
  }
}

asio::awaitable<void> Settler::back_off(const Error& error, const char* what) {
  if (faults_ == 0) log::warning("the broker did not take a batch; trying again", {{"call", what}, {"why", error.message()}});
  hooks_.broker_state(error.message());
  const auto pause = std::min(kLongestSettlePause, kFirstSettlePause * (1U << std::min(faults_, 5U)));
  ++faults_;
  co_await clock_.sleep_for(pause);
}

asio::awaitable<bool> Settler::drain(SteadyTime deadline) {
  constexpr Millis kStep{5};
  while (backlog() > 0 || live_reports_) {
    if (clock_.now() >= deadline) co_return false;
    co_await clock_.sleep_for(kStep);
  }
  co_return true;
}

asio::awaitable<void> Settler::stop() { return tasks_.stop(); }

}  // namespace conduitd::dispatch
