#pragma once
// All hosts of a worker: one generation of zygote and pools for each set of plugins, the newest serving, older ones
// finishing what they began.

#include <array>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/task_group.h"
#include "hosts/host_pool.h"
#include "hosts/hosts.h"
#include "hosts/zygote_link.h"

namespace conduitd::hosts {

/// Owned by app, used by the dispatcher through Hosts. Core loop only.
/// Lifecycle: `load` a generation, `open` and `serve` it, again for each reload; `stop` kills what is left.
class HostFleet final : public Hosts {
 public:
  struct Options {
    ZygoteLink::Options zygote;
    HostPool::Options async;
    HostPool::Options thread;
    HostPool::Options process;
  };

  HostFleet(boost::asio::any_io_executor executor, Clock& clock);
  ~HostFleet() override;

  /// Who hears of attempts. Set once, before the first `serve`.
  void set_events(AttemptEvents& events) { events_ = &events; }

  struct Generation;
  using GenerationPtr = std::shared_ptr<Generation>;

  /// Starts a zygote and lets it load the plugins; nothing serves yet. On failure nothing has changed.
  boost::asio::awaitable<Result<GenerationPtr>> load(Options options);
  [[nodiscard]] static const std::string& manifest(const Generation& generation);
  /// Starts hosts of a loaded generation for the executors whose flag is set; nothing is given to them yet.
  void open(GenerationPtr generation, std::array<bool, 3> executors);
  /// Waits until an opened generation has a host of each of its executors. An error, which names the plugin, if one cannot
  /// start, or not within `patience`.
  boost::asio::awaitable<Result<>> rehearse(GenerationPtr generation, Millis patience);
  /// From now on attempts start in `generation`, which was opened; the one before retires.
  void serve(GenerationPtr generation);
  /// Throws a loaded or opened generation away.
  boost::asio::awaitable<void> discard(GenerationPtr generation);
  boost::asio::awaitable<void> stop();

  [[nodiscard]] std::size_t host_count(channel::Executor executor) const;

  [[nodiscard]] std::size_t slots(channel::Executor executor) const override;
  void set_ahead(channel::Executor executor, std::size_t ahead) override;
  void start(Handle handle, channel::Executor executor, const channel::Start& start) override;
  [[nodiscard]] bool run_hooks(Handle handle, channel::Executor executor, const channel::LateHooks& hooks) override;
  void cancel(Handle handle, channel::Cancel::Reason reason) override;
  job::Usage give_up(Handle handle) override;
  [[nodiscard]] std::size_t stuck(channel::Executor executor) const override;
  void reply(Handle handle, const channel::Reply& reply) override;
  std::vector<Handle> set_waiting(Handle handle, bool waiting) override;

 private:
  HostPool* pool(channel::Executor executor) const;
  template <class Visit>
  void for_each_pool(const Visit& visit);
  void retire(const GenerationPtr& generation);
  void end_if_empty(const GenerationPtr& generation);
  boost::asio::awaitable<void> end_retired(GenerationPtr generation);
  boost::asio::awaitable<void> end(GenerationPtr generation);
  boost::asio::awaitable<void> revive(GenerationPtr generation);

  boost::asio::any_io_executor executor_;
  Clock& clock_;
  AttemptEvents* events_ = nullptr;
  GenerationPtr current_;
  std::list<GenerationPtr> retired_;
  std::list<GenerationPtr> loading_;  // and those that are opened and do not serve yet
  std::array<std::size_t, 3> ahead_{};
  std::array<std::size_t, 3> stuck_{};  // in generations that are gone
  TaskGroup tasks_;  // last: its coroutines use all of the above
};

}  // namespace conduitd::hosts
