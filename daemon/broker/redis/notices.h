#pragma once
// What the server tells us unasked: jobs that have ended, jobs to cancel, queues that have changed.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/redis/server.h"

namespace conduitd::broker::redis {

/// Owned by the broker. Thread: the executor's. Connects only while somebody listens; after a lost connection it
/// subscribes again, and everybody is told to look, as messages may have been missed.
class Notices {
 public:
  explicit Notices(Server& server);

  /// Begins to listen for notices to workers. `changed` gets a queue's name, or nothing: any queue may have changed.
  /// `freed` gets ids of jobs that have ended and after which others are to run.
  void follow(std::function<void(const Notice&)> handler, std::function<void(std::string_view ids)> freed);

  /// Completes when notices to workers are heard, or `most` is over: for who must not miss what he is about to cause.
  boost::asio::awaitable<void> heard(Millis most);

  /// Interest in channels, for as long as it lives.
  class Subscription {
   public:
    struct Said {
      std::string channel;
      std::string text;
    };
    Subscription(Notices& notices, std::vector<std::string> channels);
    ~Subscription();
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;
    /// Completes when something was said since the last call, the subscription (again) in force counting as such,
    /// or it is woken, or when `wait` is over.
    boost::asio::awaitable<void> next(Millis wait);
    void wake();
    /// What was said since the last call; nothing if something may have been missed.
    std::optional<std::vector<Said>> take_said();

   private:
    friend class Notices;
    static constexpr std::size_t kMostSaid = 1'000;
    void tell(const std::string& channel, std::optional<std::string_view> said);
    Notices& notices_;
    std::vector<std::string> channels_;
    bool told_ = false;
    std::optional<std::vector<Said>> said_;  // nothing until the subscription is in force
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
  std::function<void(std::string_view)> freed_;
  std::multimap<std::string, Subscription*> subscribers_;
  bool heard_ = false;
  bool waited_ = false;  // once; they may be refused for ever
  boost::asio::steady_timer until_heard_;  // one waits
  bool closed_ = false;
};

}  // namespace conduitd::broker::redis
