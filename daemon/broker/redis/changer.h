#pragma once
// What operators change: cancel, retry, forget, pause, purge; and the counts they look at.

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "broker/directory.h"
#include "broker/redis/finder.h"
#include "broker/redis/holder.h"
#include "broker/redis/lister.h"
#include "broker/redis/pruner.h"

namespace conduitd::broker::redis {

class Changer {
 public:
  Changer(Server& server, Lanes& lanes, Finder& finder, Lister& lister)
      : server_(server), lanes_(lanes), finder_(finder), lister_(lister) {}

  boost::asio::awaitable<Result<CancelOutcome>> cancel(std::string id);
  boost::asio::awaitable<Result<>> retry(std::string id);
  boost::asio::awaitable<Result<>> remove(std::string id);
  boost::asio::awaitable<Result<std::vector<QueueInfo>>> queues();
  boost::asio::awaitable<Result<>> set_queue_paused(std::string queue, bool paused);
  boost::asio::awaitable<Result<>> set_task_paused(std::string task, bool paused);
  boost::asio::awaitable<Result<std::uint64_t>> purge(std::string queue, std::string task);

 private:
  boost::asio::awaitable<Result<std::string>> requeue(Found found, std::string over);
  boost::asio::awaitable<Result<>> check_queue(std::string queue);
  boost::asio::awaitable<Result<std::uint64_t>> purge_one(std::string queue, std::string task);
  boost::asio::awaitable<Result<bool>> knows_task(std::string task, std::vector<std::string> queues);

  Server& server_;
  Lanes& lanes_;
  Finder& finder_;
  Lister& lister_;
};

}  // namespace conduitd::broker::redis
