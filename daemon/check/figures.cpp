#include "check/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "job/status.h"

namespace conduitd::check {
namespace {

std::uint64_t violations_of(const std::vector<Verdict>& verdicts, std::string_view rule) {
  const auto found = std::ranges::find_if(verdicts, [rule](const Verdict& verdict) { return verdict.rule() == rule; });
  return found == verdicts.end() ? 0 : found->violations();
}

/// When each worker and each host process was killed.
struct Kills {
  std::unordered_map<Name, double> workers;
  std::unordered_map<std::int64_t, double> processes;
};

Kills kills_of(const History& history) {
  Kills kills;
  for (const auto index : history.of_kind(Kind::fault)) {
    const auto& event = history[index];
    const auto& detail = history.detail(event);
    if (detail.word != "kill") continue;
    if (detail.role == "supervisor") kills.workers.emplace(event.worker, event.time);
    if (detail.role == "host" || detail.role == "zygote") kills.processes.emplace(detail.target, event.time);
  }
  return kills;
}

/// Of the task itself, if tasks write lines.
const Event* next_start(const History& history, Name job, std::uint32_t attempt, double after) {
  const auto kind = history.of_kind(Kind::task_start).empty() ? Kind::begin : Kind::task_start;
  for (const auto index : history.of_job(job)) {
    const auto& event = history[index];
    if (event.kind == kind && event.attempt > attempt && event.time > after) return &event;
  }
  return nullptr;
}

/// An end of this attempt that was written before `time`.
bool had_ended(const History& history, Name job, std::uint32_t attempt, double time) {
  return std::ranges::any_of(history.of_job(job), [&](std::uint32_t index) {
    const auto& event = history[index];
    const bool end = event.kind == Kind::finish_ok || event.kind == Kind::finish_fenced || event.kind == Kind::release ||
                     event.kind == Kind::reclaim;
    return end && event.attempt == attempt && event.time <= time;
  });
}

void add(job::Counters& sum, const job::Counters& one) {
  sum.attempts += one.attempts;
  sum.failures += one.failures;
  sum.crashes += one.crashes;
  sum.interruptions += one.interruptions;
}

const Event* reclaim_of(const History& history, Name job, std::uint32_t attempt) {
  for (const auto index : history.of_job(job)) {
    const auto& event = history[index];
    if (event.kind == Kind::reclaim && event.attempt == attempt) return &event;
  }
  return nullptr;
}

void measure_recovery(const History& history, Figures& figures) {
  const auto kills = kills_of(history);
  const auto add = [&history](const Event& attempt, double killed, Times& times) {
    if (attempt.time > killed || had_ended(history, attempt.job, attempt.attempt, killed)) return;
    if (const auto* next = next_start(history, attempt.job, attempt.attempt, killed)) times.sorted.push_back(next->time - killed);
  };
  for (const auto index : history.of_kind(Kind::begin)) {
    const auto& event = history[index];
    if (const auto killed = kills.workers.find(event.worker); killed != kills.workers.end()) {
      add(event, killed->second, figures.after_worker);
      const auto* back = reclaim_of(history, event.job, event.attempt);
      if (back != nullptr && back->time > killed->second) figures.taken_back.sorted.push_back(back->time - killed->second);
    }
  }
  for (const auto index : history.of_kind(Kind::task_start)) {
    const auto& event = history[index];
    if (const auto killed = kills.processes.find(event.pid); killed != kills.processes.end()) {
      add(event, killed->second, figures.after_host);
    }
  }
  std::ranges::sort(figures.taken_back.sorted);
  std::ranges::sort(figures.after_worker.sorted);
  std::ranges::sort(figures.after_host.sorted);
}

void measure_overlap(const History& history, Figures& figures) {
  const Faults faults(history);
  for (Name job = 0; job < history.jobs(); ++job) {
    const auto runs = runs_of(history, faults, job);
    for (std::size_t second = 1; second < runs.size(); ++second) {
      for (std::size_t first = 0; first < second; ++first) {
        const auto shared = std::min(runs[first].until, runs[second].until) - runs[second].start->time;
        if (shared <= 0) continue;
        ++figures.overlaps;
        figures.overlap_ms += shared;
      }
    }
  }
}

}  // namespace

double Times::quantile(double share) const {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

Figures measure(const History& history, const std::vector<Verdict>& verdicts) {
  Figures figures;
  std::unordered_set<Name> accepted;
  for (const auto index : history.of_kind(Kind::submit_ok)) accepted.insert(history[index].job);
  figures.jobs = accepted.size();
  for (std::size_t kind = 0; kind < kKindNames.size(); ++kind) figures.lines[kind] = history.of_kind(static_cast<Kind>(kind)).size();
  for (const auto index : history.of_kind(Kind::final_state)) {
    ++figures.states[std::string(job::to_string(*history[index].state))];
    add(figures.charged, history.detail(history[index]).counters);
  }
  for (const auto index : history.of_kind(Kind::fault)) {
    const auto& detail = history.detail(history[index]);
    ++figures.faults[fmt::format("{} {}", detail.word, detail.role)];
  }
  figures.lost = violations_of(verdicts, "C1");
  figures.twice = violations_of(verdicts, "C3");
  figures.stale = violations_of(verdicts, "C4");
  measure_overlap(history, figures);
  measure_recovery(history, figures);
  return figures;
}

}  // namespace conduitd::check
