#include "events/announcer.h"

#include <algorithm>

#include "base/log.h"

namespace asio = boost::asio;

namespace conduitd::events {
namespace {

constexpr Millis kAnnounceInterval{5'000};
// Another worker that still has a subscription has announced it again by then.
constexpr Millis kGrace = 4 * kAnnounceInterval;
constexpr std::size_t kMostAtOnce = 500;

/// The part of a list from `begin` that goes out at once.
template <class List>
List part_of(const List& list, std::size_t begin) {
  const auto first = list.begin() + static_cast<std::ptrdiff_t>(begin);
  return List(first, first + static_cast<std::ptrdiff_t>(std::min(kMostAtOnce, list.size() - begin)));
}

}  // namespace

Announcer::Announcer(asio::any_io_executor executor, Clock& clock, broker::Events& events)
    : clock_(clock), events_(events), changed_(executor, clock), tasks_(executor) {}

void Announcer::set(std::vector<job::Subscription> own) {
  for (const auto& before : own_) dropped_.insert(before.name);
  for (const auto& one : own) dropped_.erase(one.name);
  own_ = std::move(own);
  changed_.notify();
}

void Announcer::start() { tasks_.spawn("announce subscriptions", keep_announcing()); }

asio::awaitable<void> Announcer::stop() { return tasks_.stop(); }

asio::awaitable<Result<>> Announcer::announce() {
  const auto own = own_;
  for (std::size_t i = 0; i < own.size(); i += kMostAtOnce) {
    auto some = part_of(own, i);
    CONDUIT_CO_TRY(co_await events_.subscribe(std::move(some), kAnnounceInterval));
  }
  const std::vector<std::string> dropped(dropped_.begin(), dropped_.end());
  for (std::size_t i = 0; i < dropped.size(); i += kMostAtOnce) {
    auto some = part_of(dropped, i);
    CONDUIT_CO_TRY(co_await events_.withdraw(std::move(some), kGrace));
  }
  // A reload meanwhile may have dropped more, or brought one back.
  for (const auto& name : dropped) dropped_.erase(name);
  co_return ok();
}

asio::awaitable<void> Announcer::keep_announcing() {
  while (!tasks_.stopping()) {
    // That the broker is away is found, and told, by those who ask it more often.
    const auto announced = co_await announce();
    if (!announced.has_value() && !announced.error().is_transient()) {
      log::error("the subscriptions cannot be announced", {{"why", announced.error().message()}});
    }
    co_await changed_.wait_until(clock_.now() + kAnnounceInterval);
  }
}

}  // namespace conduitd::events
