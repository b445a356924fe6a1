#pragma once
// What running tasks ask for: to submit jobs, to trigger events, to wait for them, for their results, to cancel them.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/task_group.h"
#include "broker/broker.h"
#include "broker/directory.h"
#include "broker/events.h"
#include "broker/flows.h"
#include "dispatch/attempt.h"
#include "hosts/hosts.h"

namespace conduitd::dispatch {

/// Owned by the dispatcher; core loop only. `stop()` leaves open calls unanswered.
class TaskCalls {
 public:
  struct Hooks {
    std::function<Attempt*(hosts::Handle)> attempt;         ///< nullptr: it has ended
    std::function<const Task*(const std::string&)> task;    ///< as it is now; nullptr: this worker does not have it
    std::function<Result<>(hosts::Handle)> begin_wait;      ///< an error if it may not, or has ended
    std::function<void(hosts::Handle)> end_wait;            ///< follows each that might; nothing if it has ended
    std::function<void(hosts::Handle, const channel::Reply&)> reply;
    std::function<std::uint64_t()> random;
    std::function<void(hosts::Handle, std::string)> warn;   ///< in its job's log
  };

  TaskCalls(boost::asio::any_io_executor executor, Clock& clock, broker::Broker& broker, broker::Directory& directory, broker::Flows& flows,
            broker::Events& events, Hooks hooks);

  /// A reload may change it.
  JsonLimits limits;

  void answer(hosts::Handle handle, channel::Call call);
  /// The attempt was asked to stop, or has ended: if it waits for jobs, that is over.
  void end_wait(hosts::Handle handle);
  boost::asio::awaitable<void> stop();

 private:
  struct Wish;  // to wait
  class Watching;
  using Watches = std::map<hosts::Handle, broker::EndWatch*>;  // of attempts that wait
  using Text = Result<std::string>;

  boost::asio::awaitable<void> answer_call(hosts::Handle handle, channel::Call call);
  boost::asio::awaitable<Text> submit(hosts::Handle handle, std::string payload);
  boost::asio::awaitable<void> warn_of_strangers(hosts::Handle handle, std::vector<std::string> names);
  boost::asio::awaitable<Text> trigger(hosts::Handle handle, std::string payload);
  [[nodiscard]] std::string trace_of(Attempt& attempt);
  boost::asio::awaitable<Text> wait(hosts::Handle handle, std::string payload);
  boost::asio::awaitable<Result<>> refuse_circles(std::string id, std::string root, std::string parent, std::vector<broker::Glance> awaited);
  boost::asio::awaitable<Result<>> say_what_it_waits_for(hosts::Handle handle, std::vector<std::string> ids);
  boost::asio::awaitable<Text> wait_until_ended(hosts::Handle handle, Wish wish);
  boost::asio::awaitable<Text> results(std::string payload);
  boost::asio::awaitable<Text> cancel(hosts::Handle handle, std::string payload);

  Clock& clock_;
  broker::Broker& broker_;
  broker::Directory& directory_;
  broker::Flows& flows_;
  broker::Events& events_;
  Hooks hooks_;
  Watches watches_;
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::dispatch
