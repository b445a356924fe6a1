#pragma once
// Events. Queues live in slots of their own, so that no step could put jobs into several of them: an event is accepted in the
// namespace's slot, into an outbox, and delivered from there by whoever triggered it or, if that is not done soon, by any worker.
// Each job's ulid is fixed when the event is accepted, and is its idempotency key: delivered twice, it is made once.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "broker/events.h"
#include "broker/redis/enqueuer.h"
#include "broker/redis/outbox.h"

namespace conduitd::broker::redis {

/// Says the same as Events. Owned by the broker.
class EventStore {
 public:
  EventStore(Server& server, Enqueuer& enqueuer, Clock& clock) : server_(server), enqueuer_(enqueuer), clock_(clock) {}

  boost::asio::awaitable<Result<>> subscribe(std::vector<job::Subscription> subscriptions, Millis interval);
  boost::asio::awaitable<Result<>> withdraw(std::vector<std::string> names, Millis grace);
  boost::asio::awaitable<Result<std::vector<SubscriptionState>>> list();
  boost::asio::awaitable<Result<>> remove(std::string name);
  boost::asio::awaitable<Result<Triggered>> trigger(job::NewEvent event);

  /// What any worker does now and then: delivers what was left over, and what is collected and due.
  struct Gathered {
    std::size_t jobs = 0;
    std::optional<WallTime> next;
  };
  boost::asio::awaitable<Result<Gathered>> gather();

 private:
  struct Subscribers {
    std::vector<job::Subscription> matching;  ///< by name
    WallTime now;
  };
  boost::asio::awaitable<Result<Subscribers>> subscribers_of(std::string event);
  boost::asio::awaitable<Result<std::size_t>> deliver(std::string id, std::string text);
  boost::asio::awaitable<Result<std::size_t>> make_job(std::string group);
  boost::asio::awaitable<Result<std::size_t>> make_batch(std::string group, job::Subscription subscription);
  boost::asio::awaitable<Result<std::size_t>> make_last(std::string group, job::Subscription subscription, job::NewEvent given);
  /// Of what cannot be read.
  boost::asio::awaitable<Result<std::size_t>> forget(std::string group);
  boost::asio::awaitable<Result<std::size_t>> hand_over(std::string group, std::string id, std::string text, Words seen);

  Server& server_;
  Enqueuer& enqueuer_;
  Clock& clock_;
};

}  // namespace conduitd::broker::redis
