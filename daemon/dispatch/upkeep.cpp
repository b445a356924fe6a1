#include "dispatch/upkeep.h"

#include <algorithm>

#include "base/log.h"

namespace asio = boost::asio;

namespace conduitd::dispatch {
namespace {

constexpr std::size_t kBatch = 500;
// A job due sooner than the last look knew of is at most this late.
constexpr Millis kPromoteInterval{250};
constexpr Millis kAnnouncePause{100};
constexpr Millis kAnnounceAgain{500};
constexpr Millis kShortestPause{5};
constexpr Millis kLongestReclaimInterval{1'000};

}  // namespace

Upkeep::Upkeep(asio::any_io_executor executor, Clock& clock, broker::Broker& broker, broker::Directory& directory,
               Options options, Hooks hooks)
    : clock_(clock),
      broker_(broker),
      directory_(directory),
      options_(options),
      hooks_(std::move(hooks)),
      changed_(executor, clock),
      tasks_(executor) {}

void Upkeep::start() {
  tasks_.spawn("promote due jobs", promote());
  tasks_.spawn("reclaim expired leases", reclaim());
  tasks_.spawn("mend the store", reconcile());
  tasks_.spawn("announce the worker", announce());
}

asio::awaitable<void> Upkeep::stop() { return tasks_.stop(); }

asio::awaitable<void> Upkeep::promote() {
  while (!tasks_.stopping()) {
    const auto promotion = co_await broker_.promote_due(kBatch);
    hooks_.broker_state(BrokerUse::promote, promotion.has_value() ? std::string() : promotion.error().message());
    auto pause = kPromoteInterval;
    if (promotion.has_value() && promotion.value().next_due) {
      pause = std::clamp(*promotion.value().next_due - clock_.wall_now(), kShortestPause, kPromoteInterval);
    }
    co_await clock_.sleep_for(pause);
  }
}

asio::awaitable<void> Upkeep::reclaim() {
  const auto interval = std::clamp(options_.lease / 4, Millis{50}, kLongestReclaimInterval);
  while (!tasks_.stopping()) {
    co_await clock_.sleep_for(interval);
    broker::ReclaimRequest request;
    request.quarantine_after = options_.quarantine_after;
    const auto reclaimed = co_await broker_.reclaim_expired(request);
    hooks_.broker_state(BrokerUse::reclaim, reclaimed.has_value() ? std::string() : reclaimed.error().message());
    if (!reclaimed.has_value()) continue;
    for (const auto& entry : reclaimed.value().entries) {
      log::warning(entry.poison ? "a job is poison: its workers died too often" : "a job was taken back: its lease had ended",
                   {{"job", entry.job_id}, {"attempt", entry.attempt}});
      if (entry.poison) hooks_.ended_in_vain(entry.job_id);
      hooks_.taken_back(entry);
    }
  }
}

asio::awaitable<void> Upkeep::reconcile() {
  while (!tasks_.stopping()) {
    co_await clock_.sleep_for(options_.reconcile);
    const auto mended = co_await broker_.reconcile();
    if (!mended.has_value()) {
      // That the broker is away is found, and told, by those who ask it more often.
      if (!mended.error().is(Errc::unavailable)) log::warning("the store could not be looked over", {{"error", mended.error().message()}});
      continue;
    }
    for (const auto& one : mended.value()) log::warning("a job was mended", {{"job", one.job_id}, {"what", one.what}});
  }
}

asio::awaitable<bool> Upkeep::announce_once() {
  auto [worker, tasks] = hooks_.announce();
  const auto said = co_await directory_.heartbeat(std::move(worker), std::move(tasks), options_.heartbeat);
  hooks_.broker_state(BrokerUse::announce, said.has_value() ? std::string() : said.error().message());
  co_return said.has_value();
}

void Upkeep::announce_soon() {
  soon_ = true;
  changed_.notify();
}

asio::awaitable<void> Upkeep::announce() {
  while (!tasks_.stopping()) {
    soon_ = false;
    const bool announced = co_await announce_once();
    if (!announced) {
      co_await clock_.sleep_for(kAnnounceAgain);
      continue;
    }
    // Changes come in crowds, as when all hosts start: one announcement serves them.
    co_await clock_.sleep_for(kAnnouncePause);
    if (!soon_) co_await changed_.wait_until(clock_.now() + options_.heartbeat);
  }
}

}  // namespace conduitd::dispatch
