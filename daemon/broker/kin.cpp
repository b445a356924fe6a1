#include "broker/kin.h"

#include <deque>

namespace asio = boost::asio;

namespace conduitd::broker {

asio::awaitable<Result<std::size_t>> cancel_children(Directory& directory, Flows& flows, std::string id, bool all) {
  constexpr std::size_t kPage = 500;
  std::size_t count = 0;
  std::deque<std::string> parents{std::move(id)};
  while (!parents.empty()) {
    const auto parent = std::move(parents.front());
    parents.pop_front();
    std::string cursor;
    do {
      CONDUIT_CO_TRY(auto page, co_await flows.children(parent, cursor, kPage));
      cursor = std::move(page.next);
      CONDUIT_CO_TRY(const auto seen, co_await flows.look(std::move(page.ids), false));
      for (const auto& child : seen) {
        if (!child.exists || (!all && child.on_parent_end != job::OnParentEnd::cancel)) continue;
        // One that has ended may have left some that have not.
        parents.push_back(child.id);
        if (child.over()) continue;
        const auto outcome = co_await directory.cancel(child.id);
        if (!outcome.has_value() && outcome.error().is(Errc::not_found)) continue;
        if (!outcome.has_value()) co_return outcome.error();
        ++count;
      }
    } while (!cursor.empty());
  }
  co_return count;
}

}  // namespace conduitd::broker
