#pragma once
// The names of everything we keep in Redis. All keys of a queue share the hash tag {namespace:queue}, so they live in
// one slot of a cluster. docs of each: README.md in this folder.

#include <cstdint>
#include <string>
#include <string_view>

#include "job/status.h"

namespace conduitd::broker::redis {

/// A lane of a task: its priority, or the one in front for jobs handed back.
using Lane = int;
inline constexpr Lane kFrontLane = 10;
[[nodiscard]] inline char lane_letter(Lane lane) { return lane == kFrontLane ? 'f' : static_cast<char>('0' + lane); }

/// Keys of one queue.
class QueueKeys {
 public:
  QueueKeys(std::string_view name_space, std::string_view queue);

  [[nodiscard]] const std::string& queue() const { return queue_; }
  [[nodiscard]] std::string stream(std::string_view task, Lane lane) const;
  [[nodiscard]] std::string lanes() const { return prefix_ + "lanes"; }      // zset of "<task>/<lane>"
  [[nodiscard]] std::string paused() const { return prefix_ + "paused"; }    // zset of task names, "*" for the queue
  [[nodiscard]] std::string due() const { return prefix_ + "due"; }          // zset of "<ulid>/<lane>/<task>" by time
  [[nodiscard]] std::string deadlines() const { return prefix_ + "expire"; } // the same, by deadline
  [[nodiscard]] std::string heavy() const { return prefix_ + "heavy"; }      // hash: "!<task>" that has weights; "<stream> <entry>", units of an attempt
  [[nodiscard]] std::string placed() const { return prefix_ + "placed"; }    // zset of ulids by the time of their entries
  [[nodiscard]] std::string waiters() const { return prefix_ + "waiters"; }  // hash of ulids somebody waits for; "!ulid" was asked to stop, ">ulid" has followers
  [[nodiscard]] std::string index(job::JobStatus status) const;              // zset of ulids, all with score 0
  [[nodiscard]] std::string expiry(bool failed) const { return prefix_ + (failed ? "gone:failed" : "gone:results"); }
  [[nodiscard]] std::string job(std::string_view ulid) const;                // hash: what a job said, where it lies
  [[nodiscard]] std::string record(std::string_view ulid) const;             // string: its final record
  [[nodiscard]] std::string logs(std::string_view ulid) const;               // stream of log lines
  [[nodiscard]] std::string unique(std::string_view key) const;              // string: the ulid of the job that holds it
  [[nodiscard]] std::string submit(std::string_view key) const;              // string: the ulid of the job it made
  [[nodiscard]] std::string children(std::string_view parent) const;         // zset of jobs by when they came: "<lane>/<entry>/<task>" or "=<ulid>"
  [[nodiscard]] std::string held(std::string_view ulid) const;               // zset of the ids that a job still waits to run after
  [[nodiscard]] std::string followers(std::string_view ulid) const;          // zset of "<id>/<lane>/<task>": the jobs that wait for this one
  [[nodiscard]] std::string schedule(std::string_view name) const;           // hash: what is kept of a schedule
  [[nodiscard]] std::string wake(std::string_view worker) const;             // stream, in a cluster: ends a worker's wait for this queue
  [[nodiscard]] std::string fence() const { return prefix_ + "fence"; }      // string, in a cluster: the last turn that counted here
  [[nodiscard]] std::string ended_channel() const { return prefix_ + "ended:"; }  // + ulid

 private:
  std::string queue_;
  std::string prefix_;
};

/// What is kept for a task that has limits: see scripts/admit.lua.
struct LimitKeys {
  std::string parked;  // zset of waiting jobs by value, rank and entry, all with score 0
  std::string old;     // the same, by the value of another key: to be sorted anew
  std::string where;   // hash: place of a parked job, its value
  std::string run;     // hash: place of a job taken from the parked ones, who took it and its value
  std::string rates;   // zset of accounts by the time of their next start
};

/// What is to be delivered of events: see event_store.h.
struct OutboxKeys {
  std::string times;  // zset of ids by the time at which anybody may deliver them
  std::string texts;  // hash: id, what there is to deliver
};

/// What subscriptions collect, in groups: one for each value of their keys.
struct CollectKeys {
  std::string due;     // zset of groups by the time their job is made, if nothing more comes
  std::string latest;  // zset of groups by the time their job is made in any case
  std::string how;     // hash: group, the subscription it belongs to
  std::string prefix;
  [[nodiscard]] std::string group(std::string_view name) const { return prefix + std::string(name); }  // stream, or hash of the last event
};

/// Keys of a namespace.
struct SpaceKeys {
  explicit SpaceKeys(std::string_view name_space);
  [[nodiscard]] QueueKeys queue(std::string_view queue) const { return {name_space, queue}; }
  [[nodiscard]] std::string queues() const { return prefix + "queues"; }             // zset of names
  [[nodiscard]] std::string paused_tasks() const { return prefix + "paused"; }       // zset of names
  [[nodiscard]] std::string tasks() const { return prefix + "tasks"; }               // hash: name, description
  [[nodiscard]] std::string schedules() const { return prefix + "schedules"; }       // hash: name of a schedule, its queue
  [[nodiscard]] LimitKeys limits(std::string_view task) const;
  [[nodiscard]] std::string subscriptions() const { return prefix + "subscriptions"; }  // hash: name, what is kept of it
  [[nodiscard]] OutboxKeys outbox() const { return {prefix + "outbox", prefix + "outbox:texts"}; }
  [[nodiscard]] CollectKeys collecting() const;
  [[nodiscard]] std::string trigger(std::string_view key) const;                     // string: what became of it
  [[nodiscard]] std::string starving() const { return prefix + "starving"; }         // string: a claim waits for a place
  [[nodiscard]] std::string turn() const { return prefix + "turn"; }                 // string, in a cluster: whose turn it is to admit
  [[nodiscard]] std::string turns() const { return prefix + "turns"; }               // string: how many there were
  [[nodiscard]] std::string workers() const { return prefix + "workers"; }           // zset of ids by last heartbeat
  [[nodiscard]] std::string worker(std::string_view id) const;                       // string: description
  [[nodiscard]] std::string wake(std::string_view worker) const;                     // stream: ends a waiting claim
  [[nodiscard]] std::string version() const { return prefix + "version"; }           // string: of what is kept here
  [[nodiscard]] std::string reconciler() const { return prefix + "reconciler"; }     // string: the worker that does it now
  [[nodiscard]] std::string notices() const { return prefix + "notices"; }           // channel

  std::string name_space;
  std::string prefix;
};

}  // namespace conduitd::broker::redis
