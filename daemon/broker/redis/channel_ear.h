#pragma once
// Hears of jobs that end: on one channel for each queue, once the server knows that somebody waits for them.

#include <boost/asio/awaitable.hpp>
#include <map>
#include <string>
#include <vector>

#include "broker/job_ends.h"
#include "broker/redis/notices.h"

namespace conduitd::broker::redis {

class ChannelEar final : public Ear {
 public:
  ChannelEar(Server& server, Notices& notices, const std::vector<std::string>& ids);

  boost::asio::awaitable<Result<>> listen(std::vector<std::string> ids) override;
  std::optional<std::vector<std::string>> take() override;
  boost::asio::awaitable<void> wait(Millis most) override { return subscription_.next(most); }
  void interrupt() override { subscription_.wake(); }

 private:
  Server& server_;
  std::map<std::string, std::string> queues_;  // by channel
  Notices::Subscription subscription_;
};

}  // namespace conduitd::broker::redis
