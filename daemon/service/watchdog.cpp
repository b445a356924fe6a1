#include "service/watchdog.h"

#include <utility>

#include "base/assert.h"

namespace conduitd::service {

Watchdog::Mark Watchdog::watch(std::string name, Millis patience, SteadyTime now) {
  watched_.push_back({.name = std::move(name), .patience = patience, .moved = now, .away = false});
  return Mark{watched_.size() - 1};
}

void Watchdog::progressed(Mark mark, SteadyTime now) {
  const auto index = static_cast<std::size_t>(mark);
  CONDUIT_ASSERT(index < watched_.size());
  watched_[index].moved = now;
}

void Watchdog::set_away(Mark mark, bool away, SteadyTime now) {
  progressed(mark, now);  // what comes back has its whole patience before it
  watched_[static_cast<std::size_t>(mark)].away = away;
}

Watchdog::Verdict Watchdog::check(SteadyTime now) const {
  Verdict verdict;
  for (const auto& watched : watched_) {
    if (!watched.away && now - watched.moved > watched.patience) verdict.stuck.push_back(watched.name);
  }
  verdict.alive = verdict.stuck.empty();
  return verdict;
}

}  // namespace conduitd::service
