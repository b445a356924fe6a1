#include "ctl/reasons.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "ctl/announced.h"
#include "ctl/human.h"
#include "ctl/job_view.h"
#include "ctl/limit_reasons.h"
#include "ctl/worker_resources.h"

namespace conduitd::ctl {
namespace {

using job::JobStatus;

bool has(const std::vector<std::string>& names, const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); }

/// The live workers that could take it.
std::vector<const broker::WorkerInfo*> takers(const job::JobRecord& job, const Surroundings& around, std::vector<Reason>& out) {
  std::vector<const broker::WorkerInfo*> with_task, reading, claiming;
  for (const auto& worker : around.workers) {
    if (!has(worker.tasks, job.task)) continue;
    with_task.push_back(&worker);
    if (!has(worker.queues, job.queue)) continue;
    reading.push_back(&worker);
    if (worker.state != "draining") claiming.push_back(&worker);
  }
  if (with_task.empty()) {
    const auto known = around.task ? fmt::format("plugin {} has it, but no live worker has loaded that", around.task->plugin) : std::string("no plugin of any worker has ever had it");
    out.push_back({"no_worker", fmt::format("no live worker has the task {}: {}", job.task, known), "start a conduitd with its plugin; see conduitctl worker list"});
  } else if (reading.empty()) {
    out.push_back({"no_reader", fmt::format("{} the task, but no live worker that has it reads queue {}", with_task.size() == 1 ? "a worker has" : "workers have", job.queue),
                   "name the queue in `queues` of a worker's configuration, or submit to another one"});
  } else if (claiming.empty()) {
    out.push_back({"draining", "every worker that could take it is stopping", "start a conduitd"});
  }
  return claiming;
}

void add_slots(const Surroundings& around, const std::vector<const broker::WorkerInfo*>& takers, std::vector<Reason>& out) {
  if (!around.task || takers.empty()) return;
  std::int64_t slots = 0;
  std::int64_t given = 0;
  for (const auto* worker : takers) {
    const auto detail = detail_of(*worker);
    const auto* lane = detail.find(around.task->executor);
    if (lane == nullptr) return;
    slots += lane->int_or("slots", 0);
    given += lane->int_or("given", 0);
  }
  if (given < slots) return;
  out.push_back({"slots", fmt::format("all {} of the {} executor are taken, on {}", counted(static_cast<std::uint64_t>(slots), "slot"), around.task->executor,
                                      counted(takers.size(), "worker")), ""});
}

/// Of the workers that could take it, those whose resources suffice.
void keep_able(const Surroundings& around, std::vector<const broker::WorkerInfo*>& workers, std::vector<Reason>& out) {
  const auto needs = around.task ? needs_of(*around.task) : job::Needs();
  if (needs.empty() || workers.empty()) return;
  auto able = able_to_give(workers, needs);
  workers = std::move(able.workers);
  if (!able.lack.empty()) {
    out.push_back({"no_resources", fmt::format("it needs {}, and {}", job::describe(needs), able.lack),
                   "declare it under [resources] of a worker that has the task, or change the task's `needs`"});
  } else if (const auto lack = lack_now(workers, needs); !lack.empty()) {
    out.push_back({"resources", fmt::format("waiting for resources: {}", lack), ""});
  }
}

std::vector<Reason> reasons_to_wait(const job::JobRecord& job, const Surroundings& around) {
  std::vector<Reason> out;
  const auto& standing = *around.standing;
  if (standing.queue_paused) out.push_back({"paused_queue", fmt::format("queue {} is paused", job.queue), fmt::format("conduitctl queue resume {}", job.queue)});
  if (standing.task_paused) out.push_back({"paused_task", fmt::format("task {} is paused", job.task), fmt::format("conduitctl task resume {}", job.task)});
  auto able = takers(job, around, out);
  keep_able(around, able, out);
  add_limits(job, around, able, out);
  add_queue_limit(job, around, able, out);
  if (!able.empty()) add_slots(around, able, out);
  const auto more = standing.ahead >= broker::Standing::kMostAhead ? "at least " : "";
  const auto of = around.task && !job::key_of(announced_limits(*around.task)).empty() ? "its value of the key" : "its task and queue";
  if (standing.ahead > 0) {
    out.push_back({"next", fmt::format("it is number {}{} in line: {} of {} {} first", more, grouped(standing.ahead + 1), counted(standing.ahead, "job"), of,
                                       standing.ahead == 1 ? "goes" : "go"), ""});
  } else {
    out.push_back({"next", out.empty() ? "it is the next in line, and a worker may take it at any moment" : "it is the first in line", ""});
  }
  return out;
}

/// There may be ten thousand.
class Others {
 public:
  explicit Others(const Surroundings& around) {
    for (const auto& one : around.others) by_id_.emplace(one.id, &one);
  }
  [[nodiscard]] const broker::Glance* find(const std::string& id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : found->second;
  }
  [[nodiscard]] bool over(const std::string& id) const {
    const auto* glance = find(id);
    return glance != nullptr && glance->over();
  }

 private:
  std::map<std::string_view, const broker::Glance*> by_id_;
};

/// Of a job that runs after others.
Reason held(const job::JobRecord& job, const Surroundings& around) {
  const auto& holders = job.held_by;
  if (holders.empty()) return {"held", fmt::format("what it runs after has ended ({}), and a worker will queue it in a moment", counted(job.after.size(), "job")), ""};
  // One that has ended a moment ago is a worse example than one that has not.
  const Others others(around);
  const auto open = std::find_if(holders.begin(), holders.end(), [&](const std::string& id) { return !others.over(id); });
  const auto& first = open == holders.end() ? holders.front() : *open;
  const auto* glance = others.find(first);
  const auto state = glance == nullptr ? "" : !glance->exists ? " (gone)" : fmt::format(" ({})", job::to_string(glance->status));
  auto text = fmt::format("it runs after job {}{}", first, state);
  if (holders.size() > 1) text += fmt::format(" and {}", counted(holders.size() - 1, "other"));
  const auto all = std::max(job.after.size(), holders.size());
  if (all > 1) text += fmt::format("; {} of {} {} ended", grouped(all - holders.size()), grouped(all), all - holders.size() == 1 ? "has" : "have");
  if (job.after_rule == job::AfterRule::ended) text += "; it does not matter how they end";
  return {"held", std::move(text), fmt::format("conduitctl explain {}", first)};
}

/// Of an attempt that waits for other jobs.
Reason waiting(const job::JobRecord& job, const Surroundings& around) {
  const auto all = job.waits_for.size();
  const Others others(around);
  std::size_t left = 0;
  bool children = true;
  for (const auto& id : job.waits_for) {
    const auto* glance = others.find(id);
    left += others.over(id) ? 0 : 1;
    children = children && glance != nullptr && glance->parent_id == job.id;
  }
  const auto whom = children ? std::string(all == 1 ? "its child" : "its children") : all == 1 ? fmt::format("job {}", job.waits_for.front()) : counted(all, "job");
  auto text = fmt::format("it waits for {}", whom);
  if (all > 1) text += fmt::format(": {} of {} {} not ended", grouped(left), grouped(all), left == 1 ? "has" : "have");
  if (!around.hanging) return {"waits", std::move(text), fmt::format("conduitctl job tree {}", job.id)};
  const auto& one = *around.hanging;
  if (all > 1 || children) text += fmt::format("{} job {}", all > 1 ? ", among them" : ",", one.id);
  text += fmt::format(" ({}): {}", one.status, one.why);
  return {"waits", std::move(text), fmt::format("conduitctl explain {}", one.id)};
}

std::string ended_as(const job::JobRecord& job) {
  const auto took = job.started_at && job.ended_at ? fmt::format(", {} after its last start", span(*job.ended_at - *job.started_at)) : std::string();
  std::string_view why;
  if (job.status == job::JobStatus::expired) {
    why = job.counters.attempts == 0 ? ": it had not been started by the end of its time (expires, deadline)" : ": its deadline was over before it was started again";
  }
  return fmt::format("it has ended: {}{}{}", status_text(job), took, why);
}

std::string last_failure(const job::JobRecord& job) { return job.failure ? ": " + failure_line(*job.failure) : ""; }

/// Why there will be no result. A cancel is stored without its author, so that some is said by what is around.
std::string why_not_complete(const job::JobRecord& job, const Surroundings& around) {
  if (job.status == JobStatus::complete) return {};
  if (job.status != JobStatus::cancelled) return last_failure(job);
  const bool asked = !job.failure || job.failure->type == "cancelled";
  if (!asked) return ": " + failure_line(*job.failure);
  if (job.on_parent_end == job::OnParentEnd::cancel && !around.others.empty()) {
    const auto& parent = around.others.front();
    if (parent.exists && parent.over() && parent.status != JobStatus::complete) {
      return fmt::format(": it was submitted to end with job {}, which has ended as {}", parent.id, job::to_string(parent.status));
    }
  }
  const auto when = job.failure ? "while it ran" : "while it waited";
  const auto who = job.parent_id.empty() ? "somebody" : "its parent or somebody else";
  const auto how = job.failure ? "cancelled it" : "cancelled it, or purged its queue or task";
  return fmt::format(": {} {} {}", who, how, when);
}

}  // namespace

std::vector<std::string> others_of(const job::JobRecord& job) {
  if (job.status == JobStatus::running) return job.waits_for;
  if (job.status == JobStatus::cancelled && !job.parent_id.empty()) return {job.parent_id};
  return job.held_by;
}

std::vector<Reason> reasons_of(const job::JobRecord& job, const Surroundings& around, WallTime now) {
  switch (job.status) {
    case JobStatus::scheduled:
      if (!job.after.empty() && !job.due_at) return {held(job, around)};
      return {{"scheduled", job.due_at ? fmt::format("it is scheduled for {}", moment(*job.due_at, now)) : "it is scheduled", ""}};
    case JobStatus::retrying:
      return {{"retrying", fmt::format("attempt {} did not succeed{}; it is tried again {}", job.counters.attempts, last_failure(job),
                                       job.due_at ? "at " + moment(*job.due_at, now) : "soon"), ""}};
    case JobStatus::running: {
      auto text = fmt::format("it runs: attempt {} on worker {}", job.counters.attempts, job.worker);
      if (job.started_at) text += fmt::format(", for {}", span(now - *job.started_at));
      if (job.progress) text += fmt::format(", {:.0f} % done{}", job.progress->fraction * 100, job.progress->message.empty() ? "" : " (" + job.progress->message + ")");
      if (job.cancel_requested) text += "; it was asked to stop";
      if (job.waits_for.empty()) return {{"running", std::move(text), ""}};
      return {waiting(job, around), {"running", std::move(text), ""}};
    }
    case JobStatus::queued:
      if (around.standing) return reasons_to_wait(job, around);
      return {{"running", "it was taken by a worker a moment ago", ""}};
    case JobStatus::complete:
    case JobStatus::failed:
    case JobStatus::cancelled:
    case JobStatus::expired: break;
  }
  return {{"ended", ended_as(job) + why_not_complete(job, around), job.status == JobStatus::failed ? fmt::format("conduitctl job retry {}", job.id) : ""}};
}

std::vector<Happening> timeline_of(const job::JobRecord& job) {
  std::vector<Happening> out;
  out.push_back({job.created_at, "submitted", false});
  for (const auto& attempt : job.attempts) {
    auto text = fmt::format("attempt {} on {}: {}", attempt.attempt, attempt.worker.empty() ? "a worker" : attempt.worker, attempt.outcome);
    if (attempt.duration > Millis{0}) text += fmt::format(" after {}", span(attempt.duration));
    if (attempt.failure) text += " (" + failure_line(*attempt.failure) + ")";
    out.push_back({attempt.started_at, std::move(text), attempt.failure.has_value()});
  }
  if (job.status == JobStatus::running && job.started_at) out.push_back({*job.started_at, fmt::format("attempt {} on {}: runs", job.counters.attempts, job.worker), false});
  if (job.due_at && !job::is_final(job.status)) out.push_back({*job.due_at, "due", false});
  if (job.ended_at) out.push_back({*job.ended_at, status_text(job), job.status == JobStatus::failed});
  std::stable_sort(out.begin(), out.end(), [](const Happening& a, const Happening& b) { return a.time < b.time; });
  return out;
}

}  // namespace conduitd::ctl
