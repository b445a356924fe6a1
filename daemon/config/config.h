#pragma once
// The configuration as plain values, with the defaults. Loaded by load.h from TOML or YAML; only app, main and ctl see it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "job/event.h"
#include "job/limit.h"
#include "job/needs.h"
#include "job/retry.h"
#include "job/schedule.h"

namespace conduitd::config {

struct Broker {
  std::string url = "sqlite:///var/lib/conduit/conduit.db";
  std::string username;          ///< overrides the URL's
  std::string password;          ///< overrides the URL's; best given as ${env:X} or ${file:/path}
  std::string sentinel_username; ///< of the sentinels, which have users of their own; empty: the default one
  std::string sentinel_password; ///< of the sentinels; empty: they want none
  Millis command_timeout{5'000};
  std::string tls_ca;            ///< PEM file; empty: the system's authorities
  std::string tls_certificate;   ///< client certificate, PEM file
  std::string tls_key;
  bool tls_verify = true;
  bool allow_eviction = false;   ///< start on a Redis server that drops keys when its memory is full
  bool operator==(const Broker&) const = default;
};

struct Plugins {
  std::string directory = "/usr/lib/conduit/plugins";  ///< every *.so in it is loaded, in order of name
  Millis load_timeout{5'000};                          ///< a plugin that takes longer to load is left out
  bool strict = false;                                 ///< refuse to start if one cannot be loaded
  bool operator==(const Plugins&) const = default;
};

struct AsyncExecutor {
  std::uint32_t threads = 1;
  std::uint32_t in_flight = 1'000;
  std::uint32_t waiting = 10'000;  ///< attempts that may wait for other jobs at once, beside those in flight
  bool operator==(const AsyncExecutor&) const = default;
};

struct ThreadExecutor {
  std::uint32_t threads = 8;
  std::uint32_t waiting = 1'000;  ///< each has a thread of its own
  bool operator==(const ThreadExecutor&) const = default;
};

struct ProcessExecutor {
  std::uint32_t children = 4;
  std::uint32_t waiting = 1'000;  ///< each keeps its child
  std::uint32_t jobs_per_child = 1'000;  ///< a child is replaced after so many; 0: never
  std::uint64_t memory = 0;              ///< bytes of address space of a child; 0: no limit
  std::uint64_t recycle_memory = 0;      ///< a child that holds more than so many bytes after a job is replaced; 0: never
  Millis cpu{0};                         ///< CPU time of one attempt, in whole seconds; 0: no limit
  std::uint32_t open_files = 0;          ///< descriptors of a child; 0: as the daemon's own
  Millis grace{5'000};                   ///< from SIGTERM to SIGKILL
  bool operator==(const ProcessExecutor&) const = default;
};

struct Executors {
  AsyncExecutor async;
  ThreadExecutor thread;
  ProcessExecutor process;
  std::uint32_t quarantine_after = 3;    ///< crashes that make a job poison
  Millis grace{5'000};                   ///< from asking a thread or coroutine to stop until it is given up
  bool operator==(const Executors&) const = default;
};

struct Queue {
  std::string name;
  std::uint32_t weight = 1;              ///< share of the claims when queue_order is "weighted"
  std::uint32_t concurrency = 0;         ///< attempts at once over all workers and tasks; 0: no limit
  bool operator==(const Queue&) const = default;
};

/// Overrides what the plugin says of a task; what is not set here stays as in the code.
struct Task {
  std::optional<std::string> queue;
  std::optional<std::string> executor;
  std::optional<std::uint32_t> retries;
  std::optional<job::Backoff> backoff;
  std::optional<std::vector<job::ErrorRule>> errors;  ///< key [[task."name".errors]]: instead of those in the code
  std::optional<Millis> timeout;
  std::optional<std::uint32_t> interruptions;
  std::optional<std::vector<job::Limit>> concurrency;
  std::optional<std::vector<job::Limit>> rate_limit;
  std::optional<std::uint32_t> weight;
  std::optional<job::Needs> needs;
  bool operator==(const Task&) const = default;
};

/// A schedule, key [[cron]]. `schedule.name` is the task's if none is given; `schedule.queue` counts if names_queue is set.
struct Cron {
  job::Schedule schedule;
  bool names_queue = false;
  bool operator==(const Cron&) const = default;
};

/// A subscription to events, key [[subscription]]; its name and queue as those of a schedule.
struct Subscription {
  job::Subscription subscription;
  bool names_queue = false;
  bool operator==(const Subscription&) const = default;
};

struct Log {
  log::Level level = log::Level::info;
  log::Format format = log::Format::text;
  bool attempts = false;  ///< a line for each attempt that begins, and one for how it ended
  bool operator==(const Log&) const = default;
};

struct Limits {
  std::uint64_t payload = 1024 * 1024;  ///< bytes of arguments, result, checkpoint or one metadata value
  std::uint32_t json_depth = 64;
  std::uint32_t log_lines = 1'000;      ///< kept for each job
  bool operator==(const Limits&) const = default;
};

struct Config {
  std::string name_space = "conduit";   ///< key `namespace`
  std::string worker;                   ///< key `worker`: name shown in lists; empty: the host's name
  Millis result_ttl{24LL * 3'600'000};
  Millis failed_ttl{7LL * 24 * 3'600'000};
  std::uint32_t failed_max = 10'000;    ///< failed records kept of each queue
  Millis lease{15'000};
  Millis drain_timeout{30'000};
  std::vector<std::string> queues;      ///< key `queues`: the ones this worker reads; empty: all that its tasks and [[queue]] name
  std::string queue_order = "weighted"; ///< or "strict"
  Broker broker;
  Plugins plugins;
  Executors executors;
  std::map<std::string, job::Resource> resources;  ///< [resources]; cpu and memory that are not here are the machine's
  std::vector<Queue> queue;             ///< [[queue]]
  std::map<std::string, Task> task;     ///< [task."name"]
  std::vector<Cron> cron;               ///< [[cron]]
  std::vector<Subscription> subscription;  ///< [[subscription]]
  Log log;
  Limits limits;
  bool operator==(const Config&) const = default;
};

}  // namespace conduitd::config
