#pragma once
// Events as a broker keeps them: who subscribes, and what subscriptions have collected. A subscription outlives the workers that
// announced it, so that what happens while all of them are down is not missed.
//
// Broker::promote_due, which each worker calls all the time, also makes the jobs of what was collected and is due, and finishes what
// somebody who triggered an event has left half done.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "job/event.h"

namespace conduitd::broker {

struct SubscriptionState {
  job::Subscription subscription;
  bool alive = false;           ///< a worker that is alive announces it
  std::uint64_t collected = 0;  ///< events that wait to become a job, or to be followed by others
  std::optional<WallTime> due;  ///< when the next job of them is made, if none comes before
  std::string fault;            ///< not empty: what is kept cannot be read, and this says why
};

/// What became of an event at one subscription.
struct Delivery {
  std::string subscription;
  std::string job_id;  ///< empty: the event is collected, for a job that is made later
};

struct Triggered {
  std::string id;         ///< of the event
  bool repeated = false;  ///< this very trigger was accepted before, by its idempotency key: nothing was done now
  std::vector<Delivery> deliveries;  ///< by the subscription's name
};
/// As it is kept for a repeated trigger, and back; what cannot be read is the answer of an event that nobody got.
[[nodiscard]] std::string encode(const Triggered& triggered);
[[nodiscard]] Triggered triggered_from(std::string_view text);
/// Errc::full, in one sentence for everybody.
[[nodiscard]] Error too_many_subscribers(std::string_view event);

/// Thread, failure and ownership as for Broker, which the same object implements.
class Events {
 public:
  /// Subscriptions that one event can match.
  static constexpr std::size_t kMostDeliveries = 1'000;
  /// One that no worker has announced for so long is forgotten.
  static constexpr Millis kForgottenAfter{30LL * 24 * 3'600'000};
  /// How long a trigger's idempotency key counts.
  static constexpr Millis kRepeatable{24LL * 3'600'000};

  virtual ~Events() = default;

  /// A worker announces those it has, at start, at reload, and each `interval` for as long as it lives. What was said last of a
  /// name counts.
  virtual boost::asio::awaitable<Result<>> subscribe(std::vector<job::Subscription> subscriptions, Millis interval) = 0;
  /// A worker no longer has these, as after a reload. They are forgotten once `grace` has passed, unless another announces them in
  /// that time.
  virtual boost::asio::awaitable<Result<>> withdraw(std::vector<std::string> names, Millis grace) = 0;
  /// By name.
  virtual boost::asio::awaitable<Result<std::vector<SubscriptionState>>> subscriptions() = 0;
  /// Forgets a subscription; it comes back if a worker still announces it. What it has collected still becomes jobs.
  /// Errc::not_found if there is none of that name.
  virtual boost::asio::awaitable<Result<>> remove_subscription(std::string name) = 0;

  /// Accepts an event, which must have passed job::check: a job for each subscription that matches its name, or the event among what
  /// that one collects. All of it or, on an error, as for a submit, all or nothing.
  virtual boost::asio::awaitable<Result<Triggered>> trigger(job::NewEvent event) = 0;
};

}  // namespace conduitd::broker
