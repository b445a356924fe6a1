#pragma once
// Takes waiting jobs: by a script that takes exactly what is wanted, and if there is nothing, by one blocking read.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/task_group.h"
#include "broker/redis/lanes.h"
#include "broker/redis/limits.h"
#include "broker/redis/settler.h"
#include "broker/redis/slot_watch.h"

namespace conduitd::broker::redis {

/// Owned by the broker. Thread: the executor's. One claim at a time. Stop: close().
/// The blocking read has a connection of its own, so that it holds up nothing else.
class Claimer {
 public:
  Claimer(Server& server, Lanes& lanes, Settler& settler, HeldLeases& held, Clock& clock);

  boost::asio::awaitable<Result<std::vector<job::Claim>>> claim(ClaimRequest request);
  /// See Outlook. A claim may be under way.
  boost::asio::awaitable<Result<std::vector<bool>>> would_give(ClaimRequest request);
  /// The claim under way returns now with what it has.
  void interrupt();
  /// The claim under way looks again: something has changed in that queue.
  void look_again(const std::string& queue);
  boost::asio::awaitable<void> close();
  /// How many jobs were found too late to start, and ended as expired, since the last call.
  [[nodiscard]] std::size_t take_expired() { return std::exchange(expired_, 0); }

  /// One stream of a request.
  struct Line {
    std::size_t group = 0;
    std::size_t queue = 0;  ///< in Plan::queues
    std::string task;
    Lane lane = 5;
    std::string key;
    bool paused = false;
    bool limited = false;  ///< its task or its queue is
  };
  struct Plan {
    std::vector<std::string> queues;
    std::vector<Line> lines;
    std::vector<std::size_t> most;   ///< of each group
    bool limited = false;            ///< some line is: what comes must be looked at before it is taken
    std::vector<std::string> last;   ///< if so: the last entry of each line, before which the look was
    std::optional<std::chrono::microseconds> again;  ///< when a limit may admit more
  };

 private:
  friend class LimitedClaim;
  static constexpr std::size_t kMostBytes = std::size_t{16} * 1024 * 1024;  ///< of arguments, in one look
  /// A wait for a limit that is shorter is slept here: waking the server's reader would take about as long.
  static constexpr Millis kNap{20};
  struct Taken {
    std::vector<job::Claim> claims;
    std::vector<Ending> expired;
    bool lanes_changed = false;
    std::vector<std::size_t> counts;  ///< of each line
  };

  /// What claim.lua is called with.
  struct Call {
    Words keys;
    Words args;
    Limits::Told limits;
  };

  Plan plan_for(const ClaimRequest& request) const;
  Call call_for(const ClaimRequest& request, Plan& plan, Limits& limits, bool look) const;
  boost::asio::awaitable<Result<>> refresh_lanes();
  boost::asio::awaitable<Result<Taken>> take(const ClaimRequest& request, Plan& plan);
  /// What claim.lua said of a plan, which learns from it.
  Result<Taken> accept(const Limits::Told& limits, Plan& plan, ReplyView reply);
  /// Of a cluster: the same with one call for each queue.
  boost::asio::awaitable<Result<Taken>> take_over_slots(ClaimRequest request, Plan& plan);
  boost::asio::awaitable<Result<>> check_lanes(const Plan& plan, Taken& out);
  /// The same if something is limited: in a turn that no other worker has meanwhile (turn.h).
  boost::asio::awaitable<Result<Taken>> take_limited(ClaimRequest request, Plan& plan);
  boost::asio::awaitable<Result<std::vector<bool>>> would_give_over_slots(ClaimRequest request);
  boost::asio::awaitable<Result<>> watch_slots(Plan plan, Millis wait);
  boost::asio::awaitable<Result<std::vector<job::Claim>>> take_waiting(const ClaimRequest& request, Plan& plan);
  boost::asio::awaitable<Result<std::vector<job::Claim>>> block(Plan plan, Millis wait);
  /// The same for a plan with limits, in which nothing may be taken unseen: comes back when there is something to look at.
  boost::asio::awaitable<Result<>> watch(Plan plan, Millis wait);
  boost::asio::awaitable<void> wake_after_nap();
  boost::asio::awaitable<Result<std::vector<job::Claim>>> accept_blocked(Plan plan, Reply reply);
  boost::asio::awaitable<Result<std::vector<job::Claim>>> claim_until(ClaimRequest request);
  /// Gives back what was read and never arrived here.
  boost::asio::awaitable<Result<>> give_back(ClaimRequest request);
  boost::asio::awaitable<Result<>> prepare_wake();
  boost::asio::awaitable<Result<>> add_memories(std::vector<job::Claim>& claims);
  boost::asio::awaitable<void> poke();
  void wake_up();

  Server& server_;
  Lanes& lanes_;
  Settler& settler_;
  HeldLeases& held_;
  Clock& clock_;
  const SteadyTime born_;
  Connection blocking_;
  SlotWatch slot_watch_;         ///< in a cluster, instead
  Limits limits_;
  Limits outlook_limits_;        ///< of would_give(), which goes on beside a claim
  std::set<std::string> stale_;  ///< queues whose lanes must be read before the next look
  bool all_stale_ = true;        ///< the same for all queues there are, should something be limited
  std::string last_wake_ = "0-0";
  boost::asio::steady_timer nap_;  ///< until a limit admits more; one wait at a time
  std::size_t expired_ = 0;
  bool wake_ready_ = false;
  bool unsure_ = false;  ///< the reply of a claim was lost: the server may think that we have more than we know
  bool claiming_ = false;
  bool blocked_ = false;
  bool interrupted_ = false;
  bool look_again_ = false;
  TaskGroup tasks_;
};

}  // namespace conduitd::broker::redis
