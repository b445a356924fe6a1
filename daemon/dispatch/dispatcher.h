#pragma once
// The heart of a worker: claims jobs for the slots that are free, sends them to hosts, follows them, and sees to it that
// each ends in one settlement.

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/task_group.h"
#include "base/wakeup.h"
#include "broker/broker.h"
#include "broker/directory.h"
#include "broker/events.h"
#include "broker/outlook.h"
#include "dispatch/aging.h"
#include "dispatch/broker_health.h"
#include "dispatch/attempt.h"
#include "dispatch/late_hooks.h"
#include "dispatch/lease_keeper.h"
#include "dispatch/pace.h"
#include "dispatch/resources.h"
#include "dispatch/settler.h"
#include "dispatch/source_order.h"
#include "dispatch/task_calls.h"
#include "dispatch/task_table.h"
#include "dispatch/upkeep.h"
#include "hosts/hosts.h"

namespace conduitd::dispatch {

/// Owned by app. Core loop only. Lifecycle: set_tasks, start, then drain, then stop; stop may be called at any time
/// and more than once. What it still holds when stopped comes back when its leases end.
class Dispatcher final : public hosts::AttemptEvents {
 public:
  struct Options {
    std::string worker;                 ///< this worker's id, as given to the broker
    std::string host;                   ///< the machine's name
    std::string version;
    Millis lease{15'000};
    Millis grace{5'000};                ///< from asking an attempt to stop until it is given up
    Millis process_grace{5'000};        ///< the same for the process executor
    std::uint32_t quarantine_after = 3;
    std::vector<std::string> only_queues;  ///< empty: every queue its tasks and `shares` name
    std::vector<QueueShare> shares;
    bool strict_order = false;
    std::uint64_t seed = 0;
    std::size_t claim_most = 1'000;
    JsonLimits limits;
    std::array<std::size_t, 3> waiting_max{10'000, 1'000, 1'000};  ///< attempts that may wait for other jobs, by executor
    Resources::Declared resources;      ///< what this worker has
    bool log_attempts = false;          ///< a line for each attempt that begins, and one for how it ended
  };

  struct Stats {
    std::size_t running = 0;
    std::uint64_t settled = 0;
    std::string broker_fault;  ///< empty: it answers
  };

  Dispatcher(boost::asio::any_io_executor executor, Clock& clock, broker::Broker& broker, broker::Directory& directory,
             broker::Flows& flows, broker::Events& events, broker::Outlook& outlook, hosts::Hosts& hosts, Options options);

  /// Called whenever the broker answered (an empty answer counts) or its absence was noted: progress for a watchdog.
  std::function<void()> on_progress;
  /// Called when the broker went away (with the reason) or came back (empty).
  std::function<void(const std::string& fault)> on_broker;

  /// What it can run from now on; attempts under way keep what they were started with.
  void set_tasks(std::shared_ptr<const TaskTable> tasks);
  /// Takes over what a reload may change: queues and their order, graces and limits.
  void reconfigure(const Options& options);
  void start();
  [[nodiscard]] Stats stats() const;

  /// Stops claiming, waits for what runs until `deadline` or hurry(), hands the rest back.
  /// True: everything is settled with the broker.
  boost::asio::awaitable<bool> drain(SteadyTime deadline);
  /// Ends a drain's waiting now.
  void hurry();
  boost::asio::awaitable<void> stop();

  void began(hosts::Handle handle) override;
  void command(hosts::Handle handle, channel::FrameType type, std::string_view body) override;
  void printed(hosts::Handle handle, std::string line) override;
  void blocked(hosts::Handle handle, Millis lasted) override;
  void call(hosts::Handle handle, channel::Call call) override;
  void outcome(hosts::Handle handle, channel::Outcome outcome) override;
  void lost(hosts::Handle handle, bool had_begun, const hosts::HostDeath& death) override;
  void capacity_changed() override;

 private:
  using AttemptPtr = std::unique_ptr<Attempt>;
  /// How long the hooks of an attempt's end may take.
  static constexpr Millis kHookTime = LateHooks::kLongest;
  struct Lane {  // one executor
    std::size_t outstanding = 0;
    std::size_t prompt = 0;  // of these: attempts at tasks that are never taken ahead
    std::size_t waiting = 0;  // not of these: attempts that wait for other jobs
    Pace pace;
  };

  boost::asio::awaitable<void> claim_jobs();
  boost::asio::awaitable<void> watch_attempts();
  boost::asio::awaitable<void> watch_large_jobs();
  broker::ClaimRequest large_jobs();
  [[nodiscard]] bool may_take(const Task& task, const job::Needs& free) const;
  boost::asio::awaitable<void> cancel_children(std::string id);
  Result<> begin_wait(hosts::Handle handle);
  void end_wait(hosts::Handle handle);
  broker::ClaimRequest make_request();
  [[nodiscard]] std::size_t room(channel::Executor executor) const;
  [[nodiscard]] broker::Source source(const std::string& queue, const Task& task) const;
  [[nodiscard]] std::vector<std::string> queues();
  void begin(job::Claim claim);
  void refuse(AttemptPtr attempt);
  void send(hosts::Handle handle, Attempt& attempt);
  [[nodiscard]] channel::Start start_of(const Attempt& attempt) const;
  [[nodiscard]] hosts::Handle new_handle();
  void conclude(hosts::Handle handle, const channel::Call& call);
  [[nodiscard]] job::Settlement decide(const Attempt& attempt, job::AttemptEnd end);
  enum class Host : std::uint8_t { there, gone };
  /// `host` gone: it can run no hooks any more.
  void end(hosts::Handle handle, job::AttemptEnd end, Host host = Host::there);
  void taken_back(const broker::Reclaimed::Entry& entry);
  boost::asio::awaitable<void> run_hooks_of_dead_worker(broker::Reclaimed::Entry entry);
  void settle(Attempt& attempt, job::Settlement settlement);
  void confirmed(const job::Settlement& settlement, broker::Settled settled);
  void ask_to_stop(hosts::Handle handle, Attempt& attempt, channel::Cancel::Reason reason);
  void lease_state(const job::Lease& lease, broker::LeaseState state);
  void mark_dirty(hosts::Handle handle, Attempt& attempt);
  void append_log(Attempt& attempt, job::LogLine line);
  void log_begin(const Attempt& attempt) const;
  void log_end(const Attempt& attempt, const job::Settlement& settlement) const;
  void say(hosts::Handle handle, job::LogLevel level, std::string message);
  void watch_once(SteadyTime now);
  void return_staged(hosts::Handle handle, SteadyTime now);
  [[nodiscard]] std::vector<hosts::Handle> handles() const;
  void broker_answered(BrokerUse use, const std::string& fault);
  void slot_freed(const Attempt& attempt);
  void room_made(channel::Executor executor);
  void give_back_resources(const Attempt& attempt);
  void warn_of_resources() const;
  std::vector<job::Report> collect_reports(std::size_t most);
  [[nodiscard]] std::vector<job::Lease> leases_due(SteadyTime before) const;
  [[nodiscard]] hosts::Handle find(const job::Lease& lease) const;
  [[nodiscard]] std::pair<broker::WorkerInfo, std::vector<broker::TaskInfo>> announcement();
  double random() { return std::uniform_real_distribution<double>(0, 1)(rng_); }

  Clock& clock_;
  broker::Broker& broker_;
  broker::Directory& directory_;
  broker::Flows& flows_;
  broker::Outlook& outlook_;
  hosts::Hosts& hosts_;
  Options options_;
  std::mt19937_64 rng_;
  std::shared_ptr<const TaskTable> tasks_table_;
  std::unordered_map<hosts::Handle, AttemptPtr> attempts_;
  std::unordered_map<std::string, hosts::Handle> by_job_;
  std::vector<hosts::Handle> dirty_;
  std::array<Lane, 3> lanes_;
  Resources resources_;
  Aging aging_;
  std::string saved_for_;  // the task that smaller jobs are held back for, in the claim under way
  bool offered_ = false;   // and that fits now: the claim asks for it, and not for what competes with it
  hosts::Handle next_handle_ = 1;
  std::uint64_t settled_ = 0;
  WallTime started_at_;
  BrokerHealth broker_health_;
  bool claiming_ = false;        // a claim that may wait is under way
  std::array<bool, 3> asked_{};  // the executors it asked for
  bool short_of_resources_ = false;  // it left tasks out whose jobs do not fit now
  bool draining_ = false;
  bool hurried_ = false;
  Wakeup room_;     // there may be room to claim for
  Wakeup drained_;  // an attempt ended while draining
  Settler settler_;
  LeaseKeeper lease_keeper_;
  Upkeep upkeep_;
  TaskCalls calls_;
  LateHooks late_hooks_;
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::dispatch
