#pragma once
// One attempt under way, as the dispatcher sees it.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "channel/messages.h"
#include "dispatch/task_table.h"
#include "job/job.h"

namespace conduitd::dispatch {

struct Attempt {
  job::Claim claim;
  std::shared_ptr<const TaskTable> table;  ///< keeps `task` alive over a reload
  const Task* task = nullptr;
  SteadyTime given_at;                     ///< when it was claimed
  SteadyTime renewed_at;                   ///< when its lease was last known to be renewed
  SteadyTime begun_at;
  WallTime started_at;
  bool begun = false;                      ///< user code has started
  std::optional<channel::Cancel::Reason> stop;  ///< why it was asked to stop, if it was
  std::optional<SteadyTime> timeout_at;
  std::optional<SteadyTime> deadline_at;   ///< of the job
  std::uint64_t span = 0;                  ///< stands for this attempt in the trace, as the parent of what it submits; 0: not drawn yet
  bool overdue = false;                    ///< it was the deadline that stopped it
  std::vector<std::string> devices;        ///< of the worker's resources, which `task` says it needs, those with names
  job::Usage usage;
  std::optional<job::Settlement> concluded;  ///< user code has ended and hooks run: what is settled, whatever becomes of them
  std::optional<SteadyTime> concluded_at;
  std::optional<SteadyTime> give_up_at;    ///< when patience with a stop ends
  bool waiting = false;                    ///< for other jobs: it takes no slot
  bool waited = false;                     ///< it did so at some time: its duration says nothing of the task
  bool has_children = false;               ///< it has submitted jobs
  std::set<std::string> looked_up;         ///< tasks that it submits jobs of and this worker does not have
  job::Report report;                      ///< said and not yet written
  bool dirty = false;                      ///< `report` holds something
};

}  // namespace conduitd::dispatch
