// C6, C7, C8 and C12: what happens when, and how much at once.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "check/rules.h"
#include "job/status.h"

namespace conduitd::check {
namespace {

/// Why the job may have started again while this run went on: its lease had ended, it was handed back or given up, or a
/// fault met its worker.
bool was_let_go(const Case& all, Name job, const Run& run, double until) {
  const auto attempt = run.start->attempt;
  const Event* begin = nullptr;
  for (const auto index : all.history.of_job(job)) {
    const auto& event = all.history[index];
    if (event.attempt != attempt) continue;
    if (event.kind == Kind::begin) begin = &event;
    const bool ends = event.kind == Kind::reclaim || event.kind == Kind::release || event.kind == Kind::finish_ok;
    if (ends && accepted_after(all.history, event) <= until) return true;
  }
  const auto worker = begin != nullptr ? begin->worker : kNone;
  return all.faults.met(run.start->pid, worker, begin != nullptr ? begin->sent : run.start->time, until);
}

}  // namespace

Verdict check_overlap(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C6", "two runs of a job overlap only after a fault", all.options.most_offences);
  for (Name job = 0; job < history.jobs(); ++job) {
    const auto runs = runs_of(history, all.faults, job);
    if (!runs.empty()) verdict.look();
    for (std::size_t second = 1; second < runs.size(); ++second) {
      for (std::size_t first = 0; first < second; ++first) {
        const auto began = runs[second].start->time;
        if (runs[first].until <= began) continue;
        // An attempt that was sent to a host which was stopped may begin after the next one did: it is the older that must
        // have been let go.
        const auto& older = runs[first].start->attempt <= runs[second].start->attempt ? runs[first] : runs[second];
        const auto& newer = &older == &runs[first] ? runs[second] : runs[first];
        if (was_let_go(all, job, older, newer.start->time)) continue;
        verdict.offend(fmt::format("{}: attempt {} ({}) ran at the same time as attempt {} ({}), and nothing had happened to it",
                                   history.job_name(job), older.start->attempt, history.place(*older.start),
                                   newer.start->attempt, history.place(*newer.start)));
      }
    }
  }
  return verdict;
}

Verdict check_time(const Case& all) {
  const auto& history = all.history;
  const auto slack = all.options.slack_ms;
  Verdict verdict("C7", "nothing runs before its time", all.options.most_offences);
  for (Name job = 0; job < history.jobs(); ++job) {
    std::optional<double> not_before;
    std::vector<const Event*> pauses;  // ordered retries
    for (const auto index : history.of_job(job)) {
      const auto& event = history[index];
      const auto& detail = history.detail(event);
      if (event.kind == Kind::submit_ok && detail.not_before) not_before = detail.not_before;
      if (event.kind == Kind::finish_ok && event.state == job::JobStatus::retrying) pauses.push_back(&event);
      if (event.kind != Kind::task_start) continue;
      if (not_before) {
        verdict.look();
        if (event.wall < *not_before - slack) {
          verdict.offend(fmt::format("{} ran {:.0f} ms before its time ({})", history.job_name(job), *not_before - event.wall,
                                     history.place(event)));
        }
      }
      for (const auto* pause : pauses) {
        if (event.attempt != pause->attempt + 1) continue;
        verdict.look();
        const auto gap = event.time - accepted_after(history, *pause);
        if (gap >= history.detail(*pause).after_ms - slack) continue;
        verdict.offend(fmt::format("{}: attempt {} ran after {:.0f} ms ({}), its pause was {:.0f} ms ({})", history.job_name(job),
                                   event.attempt, gap, history.place(event), history.detail(*pause).after_ms, history.place(*pause)));
      }
    }
  }
  return verdict;
}

namespace {

bool falls_under(const History& history, const Event& limit, const Event& start) {
  if (limit.task != kNone) return start.task == limit.task;
  return history.job_name(start.job).starts_with(history.detail(limit).queue + ':');
}

/// When the broker took the job from an attempt, at the earliest: its place is another's from then on, whatever still runs.
double given_up_at(const History& history, Name job, const Run& run) {
  auto out = run.until;
  for (const auto index : history.of_job(job)) {
    const auto& event = history[index];
    const bool ends = event.kind == Kind::reclaim || event.kind == Kind::release || event.kind == Kind::finish_ok;
    if (ends && event.attempt == run.start->attempt) out = std::min(out, accepted_after(history, event));
  }
  return out;
}

/// What jobs weigh, of those that weigh more than one.
std::map<Name, std::int64_t> weights_of(const History& history) {
  std::map<Name, std::int64_t> out;
  for (const auto index : history.of_kind(Kind::submit_ok)) {
    const auto& event = history[index];
    if (event.detail >= 0 && history.detail(event).weight > 1) out[event.job] = history.detail(event).weight;
  }
  return out;
}

std::int64_t weight_of(const std::map<Name, std::int64_t>& weights, Name job, std::int64_t most) {
  const auto found = weights.find(job);
  return found == weights.end() ? 1 : std::min(found->second, most);
}

void check_most(const Case& all, const std::map<Name, std::int64_t>& weights, const Event& limit, Verdict& verdict) {
  const auto& history = all.history;
  struct Edge {
    double time;
    std::int64_t step;
    const Event* start;
  };
  std::vector<Edge> edges;
  for (Name job = 0; job < history.jobs(); ++job) {
    const auto units = weight_of(weights, job, *history.detail(limit).most);
    for (const auto& run : runs_of(history, all.faults, job)) {
      if (!falls_under(history, limit, *run.start)) continue;
      const auto until = given_up_at(history, job, run);
      if (until <= run.start->time) continue;
      edges.push_back({run.start->time, units, run.start});
      edges.push_back({until, -units, run.start});
    }
  }
  // What ends as another begins makes room for it.
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.time != b.time ? a.time < b.time : a.step < b.step; });
  std::int64_t running = 0;
  for (const auto& edge : edges) {
    running += edge.step;
    if (edge.step > 0) verdict.look();
    if (edge.step < 0 || running <= *history.detail(limit).most) continue;
    verdict.offend(fmt::format("{} ran at once where {} may ({}): {} is one too many", running, *history.detail(limit).most,
                               history.place(limit), history.place(*edge.start)));
  }
}

void check_rate(const Case& all, const std::map<Name, std::int64_t>& weights, const Event& limit, Verdict& verdict) {
  const auto& history = all.history;
  const auto& detail = history.detail(limit);
  // A start is admitted when the broker hands the attempt out: a process that was stopped meanwhile begins it later.
  struct Start {
    double after, before;
    const Event* event;
  };
  std::vector<Start> starts;
  for (const auto index : history.of_kind(Kind::task_start)) {
    const auto& start = history[index];
    if (!falls_under(history, limit, start)) continue;
    const auto* begin = begin_of(history, start.job, start.attempt);
    starts.push_back(begin != nullptr ? Start{begin->sent, begin->time, &start} : Start{start.time, start.time, &start});
  }
  std::sort(starts.begin(), starts.end(), [](const Start& a, const Start& b) { return a.before < b.before; });
  // One that was long on its way may have left the window before others that were handed out after it, or even at once.
  std::multimap<double, std::int64_t> window;
  std::int64_t units = 0;
  for (const auto& [after, before, event] : starts) {
    const auto& start = *event;
    verdict.look();
    const auto own = weight_of(weights, start.job, *detail.rate);
    window.emplace(after, own);
    units += own;
    while (!window.empty() && window.begin()->first <= before - detail.window) {
      units -= window.begin()->second;
      window.erase(window.begin());
    }
    // A start cannot come in parts.
    if (units <= *detail.rate + detail.burst + own - 1) continue;
    verdict.offend(fmt::format("{} started within {:.0f} ms where {} may ({}): {} is one too many", units, detail.window,
                               *detail.rate + detail.burst, history.place(limit), history.place(start)));
  }
}

}  // namespace

Verdict check_limits(const Case& all) {
  Verdict verdict("C8", "limits hold at every instant", all.options.most_offences);
  const auto weights = weights_of(all.history);
  for (const auto index : all.history.of_kind(Kind::limit)) {
    const auto& limit = all.history[index];
    if (all.history.detail(limit).most) check_most(all, weights, limit, verdict);
    if (all.history.detail(limit).rate) check_rate(all, weights, limit, verdict);
  }
  return verdict;
}

Verdict check_liveness(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C12", fmt::format("all has ended {:g} s after the last fault", all.options.liveness_ms / 1'000),
                  all.options.most_offences);
  const auto& faults = history.of_kind(Kind::fault);
  if (faults.empty()) return verdict;
  const auto& last = history[faults.back()];
  for (Name job = 0; job < history.jobs(); ++job) {
    const auto* record = history.final_state(job);
    // What has not ended at all is C1's.
    if (record == nullptr || !record->state || !job::is_final(*record->state)) continue;
    const auto* line = history.last_end(job);
    const auto ended = history.detail(*record).ended ? history.detail(*record).ended
                       : line != nullptr             ? std::optional(line->wall)
                                                     : std::nullopt;
    if (!ended) continue;
    verdict.look();
    const auto after = *ended - last.wall;
    if (after <= all.options.liveness_ms) continue;
    verdict.offend(fmt::format("{} ended {:.1f} s after the last fault ({}, {})", history.job_name(job), after / 1'000,
                               history.place(last), history.place(*record)));
  }
  return verdict;
}

}  // namespace conduitd::check
