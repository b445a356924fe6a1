#include "hosts/host_fleet.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"

namespace asio = boost::asio;

namespace conduitd::hosts {

struct HostFleet::Generation {
  Options options;
  std::string manifest;
  std::unique_ptr<ZygoteLink> zygote;
  std::array<bool, 3> executors{};
  bool ending = false;
  std::array<std::unique_ptr<HostPool>, 3> pools;

  [[nodiscard]] bool empty() const {
    return std::all_of(pools.begin(), pools.end(),
                       [](const auto& pool) { return pool == nullptr || pool->host_count() == 0; });
  }
};

HostFleet::HostFleet(asio::any_io_executor executor, Clock& clock)
    : executor_(executor), clock_(clock), tasks_(executor) {}

HostFleet::~HostFleet() = default;

asio::awaitable<Result<HostFleet::GenerationPtr>> HostFleet::load(Options options) {
  auto generation = std::make_shared<Generation>();
  generation->options = std::move(options);
  generation->zygote = std::make_unique<ZygoteLink>(executor_, clock_, generation->options.zygote);
  // If this coroutine is cancelled, stop() finds the half-made generation here.
  const auto place = loading_.insert(loading_.end(), generation);
  auto manifest = co_await generation->zygote->start();
  if (!manifest.has_value()) co_await generation->zygote->stop();
  loading_.erase(place);
  if (!manifest.has_value()) co_return manifest.error();
  generation->manifest = std::move(manifest.value());
  co_return generation;
}

const std::string& HostFleet::manifest(const Generation& generation) { return generation.manifest; }

void HostFleet::open(GenerationPtr generation, std::array<bool, 3> executors) {
  Generation& made = *generation;
  loading_.push_back(generation);
  made.executors = executors;
  const std::array<const HostPool::Options*, 3> options{&made.options.async, &made.options.thread,
                                                        &made.options.process};
  for (std::size_t i = 0; i < made.pools.size(); ++i) {
    if (!executors[i]) continue;
    made.pools[i] = std::make_unique<HostPool>(executor_, clock_, *made.zygote, *events_, *options[i]);
    made.pools[i]->set_ahead(ahead_[i]);
    made.pools[i]->start();
  }
  made.zygote->on_exit = [&made](const channel::Exited& exited) {
    for (auto& pool : made.pools) {
      if (pool != nullptr) pool->host_exited(exited);
    }
  };
  made.zygote->on_death = [this, weak = std::weak_ptr(generation)] {
    if (const auto dead = weak.lock()) tasks_.spawn("replace zygote", revive(dead));
  };
}

asio::awaitable<Result<>> HostFleet::rehearse(GenerationPtr generation, Millis patience) {
  const auto deadline = clock_.now() + patience;
  for (const auto& pool : generation->pools) {
    if (pool == nullptr) continue;
    CONDUIT_CO_TRY(co_await pool->first_start(deadline));
  }
  co_return ok();
}

void HostFleet::serve(GenerationPtr generation) {
  loading_.remove(generation);
  const auto before = std::exchange(current_, std::move(generation));
  if (before != nullptr) retire(before);
  events_->capacity_changed();
}

void HostFleet::retire(const GenerationPtr& generation) {
  retired_.push_back(generation);
  for (auto& pool : generation->pools) {
    if (pool == nullptr) continue;
    pool->on_empty = [this, weak = std::weak_ptr(generation)] {
      if (const auto old = weak.lock()) end_if_empty(old);
    };
    pool->retire();
  }
  end_if_empty(generation);
}

void HostFleet::end_if_empty(const GenerationPtr& generation) {
  if (generation->ending || !generation->empty()) return;
  generation->ending = true;
  tasks_.spawn("end generation", end_retired(generation));
}

asio::awaitable<void> HostFleet::end_retired(GenerationPtr generation) {
  co_await end(generation);
  for (std::size_t i = 0; i < stuck_.size(); ++i) {
    if (generation->pools[i] != nullptr) stuck_[i] += generation->pools[i]->stuck();
  }
  retired_.remove(generation);
}

asio::awaitable<void> HostFleet::end(GenerationPtr generation) {
  for (auto& pool : generation->pools) {
    if (pool != nullptr) co_await pool->stop();
  }
  co_await generation->zygote->stop();
}

asio::awaitable<void> HostFleet::revive(GenerationPtr generation) {
  for (auto& pool : generation->pools) {
    if (pool != nullptr) pool->orphan();
  }
  if (generation != current_) co_return;
  log::error("the zygote died; starting another");
  constexpr Millis kPause{1'000};
  for (;;) {
    auto loaded = co_await load(generation->options);
    if (generation != current_) {
      if (loaded.has_value()) co_await end(loaded.value());
      co_return;
    }
    if (loaded.has_value()) {
      open(loaded.value(), generation->executors);
      serve(std::move(loaded.value()));
      co_return;
    }
    log::error("the zygote cannot be started", {{"why", loaded.error().message()}});
    co_await clock_.sleep_for(kPause);
  }
}

asio::awaitable<void> HostFleet::discard(GenerationPtr generation) {
  loading_.remove(generation);
  co_await end(std::move(generation));
}

asio::awaitable<void> HostFleet::stop() {
  co_await tasks_.stop();
  retired_.splice(retired_.end(), loading_);
  for (const auto& generation : retired_) co_await end(generation);
  retired_.clear();
  if (const auto last = std::exchange(current_, nullptr)) co_await end(last);
}

HostPool* HostFleet::pool(channel::Executor executor) const {
  return current_ != nullptr ? current_->pools[static_cast<std::size_t>(executor)].get() : nullptr;
}

std::size_t HostFleet::stuck(channel::Executor executor) const {
  std::size_t count = stuck_[static_cast<std::size_t>(executor)];
  const auto add = [&](const GenerationPtr& generation) {
    if (const auto& each = generation->pools[static_cast<std::size_t>(executor)]) count += each->stuck();
  };
  if (current_ != nullptr) add(current_);
  for (const auto& generation : retired_) add(generation);
  return count;
}

std::size_t HostFleet::host_count(channel::Executor executor) const {
  const auto* found = pool(executor);
  return found != nullptr ? found->host_count() : 0;
}

std::size_t HostFleet::slots(channel::Executor executor) const {
  const auto* found = pool(executor);
  return found != nullptr ? found->slots() : 0;
}

void HostFleet::set_ahead(channel::Executor executor, std::size_t ahead) {
  ahead_[static_cast<std::size_t>(executor)] = ahead;
  if (auto* found = pool(executor)) found->set_ahead(ahead);
}

void HostFleet::start(Handle handle, channel::Executor executor, const channel::Start& start) {
  pool(executor)->start_attempt(handle, start);
}

bool HostFleet::run_hooks(Handle handle, channel::Executor executor, const channel::LateHooks& hooks) {
  auto* const found = pool(executor);
  if (found != nullptr) found->run_hooks(handle, hooks);
  return found != nullptr;
}

template <class Visit>
void HostFleet::for_each_pool(const Visit& visit) {
  const auto walk = [&visit](const GenerationPtr& generation) {
    for (const auto& each : generation->pools) {
      if (each != nullptr) visit(*each);
    }
  };
  if (current_ != nullptr) walk(current_);
  for (const auto& generation : std::list(retired_)) walk(generation);
}

// An attempt may live in an older generation, and only its pool knows it: the others do nothing.
void HostFleet::cancel(Handle handle, channel::Cancel::Reason reason) {
  for_each_pool([&](HostPool& each) { each.cancel(handle, reason); });
}

job::Usage HostFleet::give_up(Handle handle) {
  job::Usage used;
  for_each_pool([&](HostPool& each) {
    if (const auto usage = each.give_up(handle); usage.known()) used = usage;
  });
  return used;
}

std::vector<Handle> HostFleet::set_waiting(Handle handle, bool waiting) {
  std::vector<Handle> behind;
  for_each_pool([&](HostPool& each) {
    for (const auto other : each.set_waiting(handle, waiting)) behind.push_back(other);
  });
  return behind;
}

void HostFleet::reply(Handle handle, const channel::Reply& reply) {
  for_each_pool([&](HostPool& each) { each.reply(handle, reply); });
}

}  // namespace conduitd::hosts
