#pragma once
// The supervisor's end of a zygote: the helper process that loads the plugins and forks the hosts.

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/task_group.h"
#include "base/unique_fd.h"
#include "channel/frame.h"
#include "channel/messages.h"

namespace conduitd::hosts {

/// Starts and speaks to one zygote process (its side of the talk: host/zygote.h).
///
/// Owned by a HostFleet's generation; core loop only. `start()` returns once the plugins are loaded and reported.
/// The zygote ends when this object is stopped; if it dies by itself, `on_death` is called once and every later spawn
/// fails with Errc::unavailable.
class ZygoteLink {
 public:
  struct Options {
    std::string executable;  ///< our own binary, run with --zygote
    channel::Load load;
    Millis load_timeout{60'000};   ///< for the whole loading
    Millis spawn_timeout{10'000};  ///< for one fork
  };

  struct HostEnds {
    std::uint32_t number = 0;  ///< names the host among all of this zygote
    std::int64_t pid = 0;
    UniqueFd channel;
    UniqueFd output;
  };

  ZygoteLink(boost::asio::any_io_executor executor, Clock& clock, Options options);

  /// Called when a host ends.
  std::function<void(const channel::Exited&)> on_exit;
  /// Called once if the zygote goes away unasked.
  std::function<void()> on_death;

  /// Runs the process and waits for its manifest (JSON text).
  boost::asio::awaitable<Result<std::string>> start();
  /// Forks a host; `request.host` is filled in here.
  boost::asio::awaitable<Result<HostEnds>> spawn(channel::Spawn request);
  boost::asio::awaitable<void> stop();

  [[nodiscard]] std::int64_t pid() const { return pid_; }

 private:
  /// A spawn under way; its timer is cancelled when the answer is there.
  struct Waiter {
    explicit Waiter(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    HostEnds ends;
    bool answered = false;
  };

  Result<> run_process();
  boost::asio::awaitable<void> read_frames();
  [[nodiscard]] bool receive();
  [[nodiscard]] bool deliver();
  void take_spawned(std::string_view body);
  UniqueFd next_descriptor();
  void reap();

  boost::asio::any_io_executor executor_;
  Clock& clock_;
  Options options_;
  boost::asio::local::stream_protocol::socket socket_;
  boost::asio::steady_timer loaded_;  // cancelled when the manifest is there
  channel::FrameReader reader_;
  std::deque<UniqueFd> descriptors_;
  std::map<std::uint32_t, std::shared_ptr<Waiter>> waiters_;
  std::optional<std::string> manifest_;
  std::uint32_t next_host_ = 1;
  std::int64_t pid_ = 0;
  bool gone_ = false;
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::hosts
