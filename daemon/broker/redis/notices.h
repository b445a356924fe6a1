#pragma once
// What the server tells us unasked: jobs that have ended, jobs to cancel, queues that have changed.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <map>
#include <string>

#include "broker/redis/server.h"

namespace conduitd::broker::redis {

/// Owned by the broker. Thread: the executor's. Connects only while somebody listens; after a lost connection it
/// subscribes again, and everybody is told to look, as messages may have been missed.
class Notices {
 public:
  explicit Notices(Server& server);

  /// Begins to listen for notices to workers. `changed` gets a queue's name, or nothing: any queue may have changed.
  void follow(std::function<void(const Notice&)> handler);

  /// Interest in one channel, for as long as it lives.
  class Subscription {
   public:
    Subscription(Notices& notices, std::string channel);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    /// Completes when something was said since the last call, the subscription (again) in force counting as such,
    /// or when `wait` is over.
    boost::asio::awaitable<void> next(Millis wait);

   private:
    friend class Notices;
    void tell();
    Notices& notices_;
    std::string channel_;
    bool told_ = false;
    boost::asio::steady_timer timer_;
  };

  boost::asio::awaitable<void> close();

 private:
  Pipeline subscriptions() const;
  void receive(ReplyView message);
  void subscribe(const std::string& channel);
  void unsubscribe(const std::string& channel);

  Server& server_;
  Connection connection_;
  std::function<void(const Notice&)> handler_;
  std::multimap<std::string, Subscription*> subscribers_;
  bool closed_ = false;
};

}  // namespace conduitd::broker::redis
