#include "host/loop_watch.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace conduitd::host {

std::optional<Stall> LoopWatch::look(SteadyTime now, bool busy) {
  if (knocking_) return look_at_silence(now);
  std::optional<Stall> out;
  if (told_) {
    out = std::exchange(told_, std::nullopt);
    out->lasted = std::chrono::duration_cast<Millis>(SteadyTime(SteadyTime::duration(turned_at_)) - knocked_at_);
    out->over = true;
  }
  if (busy) knock(now);
  return out;
}

void LoopWatch::knock(SteadyTime now) {
  knocked_at_ = now;
  knocking_ = true;
  boost::asio::post(loop_, [this] {
    turned_at_ = SystemClock().now().time_since_epoch().count();
    knocking_ = false;
  });
}

std::optional<Stall> LoopWatch::look_at_silence(SteadyTime now) {
  const auto* const watched = turn_.load();
  const auto turn = watched != nullptr ? watched->load(std::memory_order_relaxed) : 0;
  // Many short turns make a loop late as well, and none of them is to blame.
  const bool same = turn == std::exchange(seen_, turn);
  if (told_ || now - knocked_at_ < kPatience) return std::nullopt;
  told_ = Stall{same ? attempt_of(turn) : 0, std::chrono::duration_cast<Millis>(now - knocked_at_), false};
  return told_;
}

}  // namespace conduitd::host
