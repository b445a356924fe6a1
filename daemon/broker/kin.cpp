#include "broker/kin.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "base/at_once.h"

namespace asio = boost::asio;

namespace conduitd::broker {
namespace {

// At once: a broker takes them together, and others still come between.
constexpr std::size_t kAtOnce = 32;

/// What came of many, the first error among it.
struct Tally {
  std::size_t cancelled = 0;
  std::deque<std::string> found;  ///< jobs that may have children to be cancelled
  std::optional<Error> error;
};

asio::awaitable<void> cancel_one(Directory& directory, std::string id, Tally& tally) {
  const auto outcome = co_await directory.cancel(std::move(id));
  if (outcome.has_value()) {
    ++tally.cancelled;
  } else if (!outcome.error().is(Errc::not_found) && !tally.error) {
    tally.error = outcome.error();
  }
}

asio::awaitable<Result<>> cancel_those_of(Directory& directory, Flows& flows, std::string parent, bool all, Tally& tally) {
  constexpr std::size_t kPage = 500;
  std::string cursor;
  do {
    CONDUIT_CO_TRY(auto page, co_await flows.children(parent, cursor, kPage));
    cursor = std::move(page.next);
    if (page.ids.empty()) continue;
    CONDUIT_CO_TRY(const auto seen, co_await flows.look(std::move(page.ids), false));
    std::vector<std::string> live;
    for (const auto& child : seen) {
      if (!child.exists || (!all && child.on_parent_end != job::OnParentEnd::cancel)) continue;
      // One that has ended may have left some that have not.
      tally.found.push_back(child.id);
      if (!child.over()) live.push_back(child.id);
    }
    CONDUIT_CO_TRY(const auto cancelled, co_await cancel_all(directory, std::move(live)));
    tally.cancelled += cancelled;
  } while (!cursor.empty());
  co_return ok();
}

asio::awaitable<void> note_error(asio::awaitable<Result<>> work, Tally& tally) {
  const auto done = co_await std::move(work);
  if (!done.has_value() && !tally.error) tally.error = done.error();
}

}  // namespace

asio::awaitable<Result<std::size_t>> cancel_all(Directory& directory, std::vector<std::string> ids) {
  Tally tally;
  for (std::size_t first = 0; first < ids.size(); first += kAtOnce) {
    std::vector<asio::awaitable<void>> works;
    for (std::size_t i = first; i < std::min(first + kAtOnce, ids.size()); ++i) works.push_back(cancel_one(directory, std::move(ids[i]), tally));
    co_await at_once(std::move(works));
  }
  if (tally.error) co_return *tally.error;
  co_return tally.cancelled;
}

asio::awaitable<Result<std::size_t>> cancel_children(Directory& directory, Flows& flows, std::string id, bool all) {
  Tally tally;
  tally.found.push_back(std::move(id));
  while (!tally.found.empty() && !tally.error) {
    std::vector<asio::awaitable<void>> works;
    while (!tally.found.empty() && works.size() < kAtOnce) {
      works.push_back(note_error(cancel_those_of(directory, flows, std::move(tally.found.front()), all, tally), tally));
      tally.found.pop_front();
    }
    co_await at_once(std::move(works));
  }
  if (tally.error) co_return *tally.error;
  co_return tally.cancelled;
}

}  // namespace conduitd::broker
