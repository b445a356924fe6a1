#include "broker/redis/notices.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace asio = boost::asio;

namespace conduitd::broker::redis {

Notices::Notices(Server& server)
    : server_(server),
      connection_(server.executor, server.endpoint, "conduit:notices", server.options.command_timeout),
      until_heard_(server.executor) {
  // What one node is told, all tell.
  if (server.is_cluster()) connection_.aim([this] { return server_.any_node(); });
  connection_.listen([this](ReplyView message) { receive(message); }, [this] { return subscriptions(); });
}

void Notices::follow(std::function<void(const Notice&)> handler, std::function<void(std::string_view ids)> freed) {
  const bool first = !handler_;
  handler_ = std::move(handler);
  freed_ = std::move(freed);
  if (first && handler_) subscribe(server_.keys.notices());
}

asio::awaitable<void> Notices::heard(Millis most) {
  if (heard_ || closed_ || std::exchange(waited_, true)) co_return;
  until_heard_.expires_after(most);
  boost::system::error_code woken;
  co_await until_heard_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

Pipeline Notices::subscriptions() const {
  Pipeline out;
  if (closed_) return out;
  if (handler_) out.add({"SUBSCRIBE", server_.keys.notices()});
  for (auto it = subscribers_.begin(); it != subscribers_.end(); it = subscribers_.upper_bound(it->first)) {
    out.add({"SUBSCRIBE", it->first});
  }
  return out;
}

void Notices::subscribe(const std::string& channel) {
  Pipeline pipeline;
  pipeline.add({"SUBSCRIBE", channel});
  connection_.push(std::move(pipeline));
}

void Notices::unsubscribe(const std::string& channel) {
  if (closed_ || !connection_.usable()) return;
  Pipeline pipeline;
  pipeline.add({"UNSUBSCRIBE", channel});
  connection_.push(std::move(pipeline));
}

void Notices::receive(ReplyView message) {
  if (message.is_error()) {
    // A subscription refused, we are not told which: whoever waits looks for himself, and hears then that he may not.
    for (const auto& [channel, subscriber] : subscribers_) subscriber->tell(channel, std::nullopt);
    return;
  }
  const auto kind = message[0].text();
  const auto channel = std::string(message[1].text());
  const bool said = kind == "message";
  if (!said && kind != "subscribe") return;
  const auto [first, last] = subscribers_.equal_range(channel);
  const auto content = said ? std::optional(message[2].text()) : std::nullopt;
  for (auto it = first; it != last; ++it) it->second->tell(channel, content);
  if (!handler_ || channel != server_.keys.notices()) return;
  if (!std::exchange(heard_, true)) until_heard_.cancel();
  const auto text = message[2].text();
  const auto space = text.find(' ');
  if (said && text.starts_with("freed ")) return freed_(text.substr(space + 1));
  Notice notice;
  if (said && space != std::string_view::npos) {
    notice.kind = text.starts_with("cancel ") ? Notice::Kind::cancel : Notice::Kind::changed;
    notice.subject = text.substr(space + 1);
  }
  handler_(notice);
}

Notices::Subscription::Subscription(Notices& notices, std::vector<std::string> channels)
    : notices_(notices), channels_(std::move(channels)), timer_(notices.server_.executor) {
  for (const auto& channel : channels_) {
    const bool first = !notices_.subscribers_.contains(channel);
    notices_.subscribers_.emplace(channel, this);
    // In force for another, it is in force for us.
    if (first) notices_.subscribe(channel);
    if (!first) told_ = true;
  }
}

Notices::Subscription::~Subscription() {
  auto& all = notices_.subscribers_;
  for (const auto& channel : channels_) {
    const auto [first, last] = all.equal_range(channel);
    for (auto it = first; it != last; ++it) {
      if (it->second != this) continue;
      all.erase(it);
      break;
    }
    if (!all.contains(channel)) notices_.unsubscribe(channel);
  }
}

void Notices::Subscription::tell(const std::string& channel, std::optional<std::string_view> said) {
  if (!said || (said_ && said_->size() >= kMostSaid)) {
    // In force, or again in force: from now on nothing is missed.
    said_.reset();
  } else if (said_) {
    said_->push_back({channel, std::string(*said)});
  }
  wake();
}

void Notices::Subscription::wake() {
  told_ = true;
  timer_.cancel();
}

asio::awaitable<void> Notices::Subscription::next(Millis wait) {
  if (!told_ && !notices_.closed_) {
    timer_.expires_after(wait);
    boost::system::error_code woken;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  told_ = false;
}

std::optional<std::vector<Notices::Subscription::Said>> Notices::Subscription::take_said() {
  auto out = std::move(said_);
  said_.emplace();
  return out;
}

asio::awaitable<void> Notices::close() {
  closed_ = true;
  until_heard_.cancel();
  for (auto& [channel, subscriber] : subscribers_) subscriber->timer_.cancel();
  co_await connection_.close();
}

}  // namespace conduitd::broker::redis
