#include "broker/job_ends.h"

#include <utility>

namespace asio = boost::asio;

namespace conduitd::broker {
namespace {

// What is heard is all that matters; but a look now and then costs little, and a wait may last for days.
constexpr Millis kLookAtAll{30'000};

}  // namespace

asio::awaitable<Result<std::vector<std::string>>> JobEnds::to_look_at() {
  auto heard = ear_->take();
  if (heard && looked_at_all_ && clock_.now() - *looked_at_all_ < kLookAtAll) {
    std::erase_if(*heard, [this](const std::string& id) { return !open_.contains(id); });
    co_return std::move(*heard);
  }
  std::vector<std::string> all(open_.begin(), open_.end());
  CONDUIT_CO_TRY(co_await ear_->listen(all));
  looked_at_all_ = clock_.now();
  co_return all;
}

asio::awaitable<Result<std::vector<Glance>>> JobEnds::next(Millis wait) {
  const auto end = clock_.now() + wait;
  std::vector<Glance> over;
  for (;;) {
    CONDUIT_CO_TRY(auto ids, co_await to_look_at());
    if (!ids.empty()) {
      auto seen = co_await flows_.look(std::move(ids), false);
      if (!seen.has_value()) {
        looked_at_all_.reset();  // what was heard is not known any more
        co_return seen.error();
      }
      for (auto& one : seen.value()) {
        if (one.over() && open_.erase(one.id) > 0) over.push_back(std::move(one));
      }
    }
    const auto left = std::chrono::ceil<Millis>(end - clock_.now());
    if (std::exchange(interrupted_, false) || !over.empty() || left <= Millis{0}) co_return over;
    co_await ear_->wait(std::min(left, kLookAtAll));
  }
}

}  // namespace conduitd::broker
