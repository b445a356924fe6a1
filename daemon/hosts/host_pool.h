#pragma once
// The hosts of one executor: keeps as many alive as configured, shares attempts out among them, replaces those that
// died, are worn out or are stuck.

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/task_group.h"
#include "hosts/host_link.h"
#include "hosts/hosts.h"
#include "hosts/zygote_link.h"

namespace conduitd::hosts {

/// Owned by a HostFleet's generation, which also owns the zygote. Core loop only.
/// Stop: `retire()` lets hosts finish what they have and end; `stop()` kills what is left and must be awaited before
/// destruction. Failure: hosts that cannot be started are tried again, each time later, and logged.
class HostPool final : public HostLinkEvents {
 public:
  struct Options {
    channel::Spawn spawn;             ///< what each host is made like
    std::uint32_t hosts = 1;          ///< how many
    std::uint32_t slots_per_host = 1; ///< attempts one host runs at once
    std::uint32_t attempts_per_host = 0;  ///< replaced after so many; 0: never
    Millis probe_patience{1'000};     ///< an event loop that does not answer for so long is blocked
    Millis stop_grace{2'000};         ///< from `stop` to SIGKILL for a host that has nothing left to do
  };

  HostPool(boost::asio::any_io_executor executor, Clock& clock, ZygoteLink& zygote, AttemptEvents& events,
           Options options);

  /// Called when `retire()` was asked for and the last host has gone.
  std::function<void()> on_empty;

  void start();
  /// Waits until one of its hosts has started. An error, in its own words, if one cannot; Errc::timed_out at `deadline`.
  boost::asio::awaitable<Result<>> first_start(SteadyTime deadline);
  [[nodiscard]] std::size_t slots() const;
  [[nodiscard]] std::size_t host_count() const { return hosts_.size(); }
  [[nodiscard]] std::size_t stuck() const { return stuck_; }
  void set_ahead(std::size_t ahead);
  void start_attempt(Handle handle, const channel::Start& start);
  /// As the next one, before all attempts that wait.
  void run_hooks(Handle handle, const channel::LateHooks& hooks);
  /// These do nothing for a handle that is not here (any more).
  void cancel(Handle handle, channel::Cancel::Reason reason);
  job::Usage give_up(Handle handle);
  void reply(Handle handle, const channel::Reply& reply);
  std::vector<Handle> set_waiting(Handle handle, bool waiting);

  void retire();
  void host_exited(const channel::Exited& exited);
  /// The zygote is gone: nobody will tell how hosts ended any more, so the end of their pipes must do.
  void orphan();
  boost::asio::awaitable<void> stop();

 private:
  /// How long an attempt waits for a process that is pinned as it needs and runs something else, before another is started.
  static constexpr Millis kPinnedPatience{100};
  struct Host;
  struct Waiting {
    Handle handle;
    std::string body;     // an encoded start
    std::string devices;  // what its host must be pinned to
    SteadyTime since;     // if so
    channel::FrameType type = channel::FrameType::start;
  };
  using HostPtr = std::shared_ptr<Host>;

  void frame(HostLink& link, const channel::FrameReader::Frame& frame) override;
  void output_line(HostLink& link, std::string line) override;
  void closed(HostLink& link, std::string fault) override;

  boost::asio::awaitable<void> keep_hosts();
  boost::asio::awaitable<bool> add_host();
  boost::asio::awaitable<void> end_host(HostPtr host);
  boost::asio::awaitable<void> await_close(HostPtr host);
  boost::asio::awaitable<void> probe(HostPtr host, Handle handle);
  boost::asio::awaitable<void> bury(HostPtr host);
  void answer_given_up(Host& host, const channel::FrameReader::Frame& frame);
  void take_ready(Host& host, std::string_view body);
  void take_blocked(const Host& host, Handle handle, std::string_view body) const;
  void take_outcome(Host& host, Handle handle, std::string_view body);
  void begin_retiring(const HostPtr& host);
  void fail_if_gone(const HostPtr& host);
  void pump();
  void give(const Waiting& waiting, const HostPtr& host);
  void make_way();
  boost::asio::awaitable<void> look_again();
  void replace_one_for(const std::string& devices);
  void kill_host(const Host& host, int signal) const;
  [[nodiscard]] std::size_t room_per_host() const;
  [[nodiscard]] std::size_t serving() const;
  [[nodiscard]] bool may_take(const Host& host) const;
  void retire_surplus();
  [[nodiscard]] HostPtr owner(Handle handle) const;
  [[nodiscard]] HostPtr least_loaded() const;
  [[nodiscard]] HostPtr pinned_to(const std::string& devices) const;
  [[nodiscard]] std::vector<std::string> devices_wanted() const;

  boost::asio::any_io_executor executor_;
  Clock& clock_;
  ZygoteLink& zygote_;
  AttemptEvents& events_;
  Options options_;
  std::map<std::uint32_t, HostPtr> hosts_;
  std::unordered_map<Handle, std::uint32_t> owners_;          // attempt -> host
  std::deque<Waiting> waiting_;                               // what no host has room for yet
  std::deque<Waiting> waiting_hooks_;                         // the same of hooks, which go first
  std::list<Waiting> waiting_pinned_;                         // the same of what needs a process pinned to devices
  bool looking_again_ = false;
  bool awaiting_host_ = false;
  std::string awaited_devices_;                               // what that host will be pinned to
  std::map<std::int64_t, channel::Exited> early_exits_;       // ended before add_host knew their pid
  boost::asio::steady_timer changed_;                         // cancelled to wake keep_hosts
  std::size_t ahead_ = 0;
  std::size_t stuck_ = 0;
  std::uint32_t failures_ = 0;                                // starts in a row that led to nothing
  std::optional<Error> refusal_;                              // why a host could not start
  boost::asio::steady_timer started_;                         // cancelled when a host has started, or cannot
  bool retiring_ = false;
  bool orphaned_ = false;
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::hosts
