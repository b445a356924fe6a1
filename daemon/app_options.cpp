#include "app_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <thread>

#include "config/broker_url.h"
#include "version.h"

namespace conduitd {
namespace {

std::string plain_name(std::string name) {
  for (char& c : name) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (!fine) c = '-';
  }
  constexpr std::size_t kLongest = 60;
  return name.substr(0, kLongest);
}

/// Bytes that all processes of this one's control groups may have; nothing if there is no limit.
std::optional<std::uint64_t> memory_limit() {
  std::string line;
  std::ifstream groups("/proc/self/cgroup");
  while (std::getline(groups, line) && !line.starts_with("0::")) line.clear();
  std::optional<std::uint64_t> least;
  for (std::filesystem::path path = line.size() > 3 ? line.substr(3) : "/"; !path.empty(); path = path.parent_path()) {
    std::uint64_t limit = 0;
    if (std::ifstream("/sys/fs/cgroup" + path.string() + "/memory.max") >> limit && (!least || limit < *least)) least = limit;
    if (path == path.parent_path()) break;
  }
  return least;
}

std::uint64_t memory_of_machine() {
  const auto all = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return std::min(all, memory_limit().value_or(all));
}

dispatch::Resources::Declared resources_of(const config::Config& config) {
  auto out = config.resources;
  out.try_emplace("cpu", job::Resource{std::max(std::thread::hardware_concurrency(), 1U)});
  out.try_emplace(std::string(job::kMemory), job::Resource{memory_of_machine()});
  return out;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string make_worker_id(const config::Config& config) {
  std::random_device random;
  return fmt::format("{}-{}-{:08x}", plain_name(config.worker.empty() ? host_name() : config.worker), ::getpid(), random());
}

broker::Options broker_options(const config::Config& config, const std::string& worker) {
  broker::Options options;
  options.url = config::broker_url(config.broker);
  options.name_space = config.name_space;
  options.worker = worker;
  options.lease = config.lease;
  options.result_ttl = config.result_ttl;
  options.failed_ttl = config.failed_ttl;
  options.failed_max = config.failed_max;
  options.command_timeout = config.broker.command_timeout;
  options.log_lines = config.limits.log_lines;
  return options;
}

hosts::HostFleet::Options fleet_options(const config::Config& config, const std::string& executable) {
  const auto& executors = config.executors;
  hosts::HostFleet::Options options;
  options.zygote.executable = executable;
  options.zygote.load.directory = config.plugins.directory;
  options.zygote.load.timeout_ms = config.plugins.load_timeout.count();

  options.async.spawn.executor = channel::Executor::async;
  options.async.spawn.width = executors.async.threads;
  options.async.slots_per_host = executors.async.in_flight;

  options.thread.spawn.executor = channel::Executor::thread;
  options.thread.spawn.width = executors.thread.threads;
  options.thread.slots_per_host = executors.thread.threads;

  options.process.spawn.executor = channel::Executor::process;
  options.process.spawn.memory_bytes = executors.process.memory;
  options.process.spawn.recycle_bytes = executors.process.recycle_memory;
  options.process.spawn.cpu_seconds = static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(executors.process.cpu).count());
  options.process.spawn.open_files = executors.process.open_files;
  options.process.hosts = executors.process.children;
  options.process.attempts_per_host = executors.process.jobs_per_child;
  return options;
}

std::vector<dispatch::QueueShare> queue_shares(const config::Config& config) {
  std::vector<dispatch::QueueShare> shares;
  for (const auto& queue : config.queue) shares.push_back({queue.name, queue.weight, queue.concurrency});
  // A queue that a schedule or a subscription names alone is read as well.
  const auto add = [&shares](const std::string& name) {
    if (std::ranges::none_of(shares, [&name](const auto& share) { return share.name == name; })) shares.push_back({name});
  };
  for (const auto& cron : config.cron) {
    if (cron.names_queue) add(cron.schedule.queue);
  }
  for (const auto& one : config.subscription) {
    if (one.names_queue) add(one.subscription.queue);
  }
  return shares;
}

dispatch::Dispatcher::Options dispatcher_options(const config::Config& config, const std::string& worker) {
  dispatch::Dispatcher::Options options;
  options.worker = worker;
  options.host = host_name();
  options.version = kVersion;
  options.lease = config.lease;
  options.grace = config.executors.grace;
  options.process_grace = config.executors.process.grace;
  options.quarantine_after = config.executors.quarantine_after;
  options.only_queues = config.queues;
  options.shares = queue_shares(config);
  options.strict_order = config.queue_order == "strict";
  options.seed = std::random_device{}();
  options.log_attempts = config.log.attempts;
  options.waiting_max = {config.executors.async.waiting, config.executors.thread.waiting, config.executors.process.waiting};
  options.resources = resources_of(config);
  options.limits.size = config.limits.payload;
  options.limits.depth = config.limits.json_depth;
  return options;
}

std::vector<dispatch::ConfiguredSchedule> configured_schedules(const config::Config& config) {
  std::vector<dispatch::ConfiguredSchedule> out;
  for (const auto& cron : config.cron) out.push_back({cron.schedule, cron.names_queue});
  return out;
}

std::vector<dispatch::ConfiguredSubscription> configured_subscriptions(const config::Config& config) {
  std::vector<dispatch::ConfiguredSubscription> out;
  for (const auto& one : config.subscription) out.push_back({one.subscription, one.names_queue});
  return out;
}

std::map<std::string, dispatch::TaskOverride> task_overrides(const config::Config& config) {
  std::map<std::string, dispatch::TaskOverride> overrides;
  for (const auto& [name, task] : config.task) {
    dispatch::TaskOverride made;
    made.queue = task.queue;
    made.executor = task.executor;
    made.retries = task.retries;
    made.timeout = task.timeout;
    made.backoff = task.backoff;
    made.errors = task.errors;
    made.interruptions = task.interruptions;
    made.concurrency = task.concurrency;
    made.rate_limit = task.rate_limit;
    made.weight = task.weight;
    made.needs = task.needs;
    overrides.emplace(name, std::move(made));
  }
  return overrides;
}

}  // namespace conduitd
