// C9, C10, C11, C13, C14 and C15: parents, keys, cancels, and what the daemon says of itself.

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "check/rules.h"
#include "job/status.h"

namespace conduitd::check {
namespace {

/// The earliest time at which a job may have ended; nothing if nobody saw it end.
std::optional<double> earliest_end(const History& history, Name job) {
  const auto* end = history.last_end(job);
  return end == nullptr ? std::nullopt : std::optional(accepted_after(history, *end));
}

}  // namespace

Verdict check_children(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C9", "a parent goes on after its children", all.options.most_offences);
  for (const auto index : history.of_kind(Kind::parent_resume)) {
    const auto& resumed = history[index];
    for (const auto child : history.detail(resumed).children) {
      verdict.look();
      const auto* record = history.final_state(child);
      const auto end = earliest_end(history, child);
      const auto ended = record != nullptr ? history.detail(*record).ended : std::nullopt;
      const bool in_time = ended ? *ended <= resumed.wall + all.options.slack_ms : end && *end <= resumed.time;
      if (in_time) continue;
      verdict.offend(fmt::format("{} went on ({}) before its child {} had ended", history.job_name(resumed.job),
                                 history.place(resumed), history.job_name(child)));
    }
  }
  return verdict;
}

Verdict check_unique(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C10", "a unique key has one live job", all.options.most_offences);
  struct Life {
    const Event* accepted;
    double since;  // it was heard of
    double until;  // its end was not even asked for before
  };
  std::map<std::string, std::vector<Life>> by_key;
  for (const auto index : history.of_kind(Kind::submit_ok)) {
    const auto& accepted = history[index];
    const auto& detail = history.detail(accepted);
    if (detail.unique.empty() || !detail.created) continue;
    verdict.look();
    // A key belongs to its queue, which is the front of every job's id.
    const auto& id = history.job_name(accepted.job);
    auto& lives = by_key[id.substr(0, id.rfind(':') + 1) + detail.unique];
    const auto* record = history.final_state(accepted.job);
    const auto end = earliest_end(history, accepted.job);
    const bool over = record != nullptr && job::is_final(*record->state);
    // Ended, and nobody who saw it could write: when is not known, so nothing can be said.
    const auto until = end ? *end : over ? 0.0 : std::numeric_limits<double>::infinity();
    const Life life{&accepted, history[history.of_job(accepted.job).front()].time, until};
    for (const auto& other : lives) {
      // In which order jobs were accepted that were submitted together, the lines do not say.
      const bool both = std::max(life.since, other.since) < std::min(life.until, other.until);
      if (other.accepted->job == accepted.job || !both) continue;
      verdict.offend(fmt::format("'{}': {} ({}) and {} ({}) lived at once", detail.unique, history.job_name(other.accepted->job),
                                 history.place(*other.accepted), id, history.place(accepted)));
    }
    lives.push_back(life);
  }
  return verdict;
}

Verdict check_cancel(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C11", "a cancelled job does not start", all.options.most_offences);
  for (Name job = 0; job < history.jobs(); ++job) {
    const Event* cancelled = nullptr;
    for (const auto index : history.of_job(job)) {
      const auto& event = history[index];
      if (event.kind == Kind::operator_retry) cancelled = nullptr;
      if (event.kind == Kind::cancel_ok) {
        cancelled = &event;
        verdict.look();
      }
      if (event.kind != Kind::task_start || cancelled == nullptr) continue;
      verdict.offend(fmt::format("{} ran ({}) after it had been cancelled ({})", history.job_name(job), history.place(event),
                                 history.place(*cancelled)));
    }
  }
  return verdict;
}

Verdict check_metrics(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C13", "what a worker counts is what happened", all.options.most_offences);
  for (const auto index : history.of_kind(Kind::metrics)) {
    const auto& read = history[index];
    for (const auto& [name, said] : history.detail(read).numbers) {
      const auto* kind = std::find(kKindNames.begin(), kKindNames.end(), name);
      if (kind == kKindNames.end()) continue;
      verdict.look();
      const auto& lines = history.of_kind(static_cast<Kind>(kind - kKindNames.begin()));
      const auto seen = std::ranges::count_if(lines, [&](std::uint32_t line) { return history[line].worker == read.worker; });
      if (seen == said) continue;
      verdict.offend(fmt::format("{}: {} {} counted ({}), {} seen", history.worker_name(read.worker), said, name,
                                 history.place(read), seen));
    }
  }
  return verdict;
}

Verdict check_leak(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C14", "a process returns to where it began", all.options.most_offences);
  constexpr double kMemoryGrowth = 1.05;
  std::map<std::int32_t, const Event*> starts;
  for (const auto index : history.of_kind(Kind::sample)) {
    const auto& sample = history[index];
    if (history.detail(sample).word == "start") starts[sample.pid] = &sample;
    if (history.detail(sample).word != "end" || !starts.contains(sample.pid)) continue;
    const auto& start = *starts.at(sample.pid);
    for (const auto& [name, now] : history.detail(sample).numbers) {
      const auto& before = history.detail(start).numbers;
      const auto was = std::find_if(before.begin(), before.end(), [&name = name](const auto& one) { return one.first == name; });
      if (was == before.end()) continue;
      verdict.look();
      const double allowed = static_cast<double>(was->second) * (name == "rss_kb" ? kMemoryGrowth : 1);
      if (static_cast<double>(now) <= allowed) continue;
      verdict.offend(fmt::format("process {}: {} {} at the end ({}), {} at the start ({})", sample.pid, now, name,
                                 history.place(sample), was->second, history.place(start)));
    }
  }
  return verdict;
}

Verdict check_once(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C15", "a submit that was repeated makes one job", all.options.most_offences);
  std::map<std::int64_t, std::uint32_t> submits;
  for (const auto index : history.of_kind(Kind::submit)) ++submits[history[index].ref];
  std::map<std::int64_t, std::set<Name>> jobs;
  for (const auto index : history.of_kind(Kind::task_start)) jobs[history[index].ref].insert(history[index].job);
  for (const auto index : history.of_kind(Kind::submit_ok)) {
    // Another job's unique key kept it out: then the answer names that one.
    const auto& detail = history.detail(history[index]);
    if (detail.created || detail.unique.empty()) jobs[history[index].ref].insert(history[index].job);
  }
  for (const auto& [ref, times] : submits) {
    if (times < 2) continue;
    verdict.look();
    const auto& made = jobs[ref];
    if (made.size() < 2) continue;
    verdict.offend(fmt::format("ref {}: submitted {} times, and {} jobs were made of it: {}, {}", ref, times, made.size(),
                               history.job_name(*made.begin()), history.job_name(*made.rbegin())));
  }
  return verdict;
}

std::vector<Verdict> check_all(const History& history, const Options& options) {
  const Faults faults(history);
  const Case all{history, faults, options};
  return {check_lost(all),     check_phantom(all),  check_twice(all), check_fence(all),  check_counters(all),
          check_overlap(all),  check_time(all),     check_limits(all), check_children(all), check_unique(all),
          check_cancel(all),   check_liveness(all), check_metrics(all), check_leak(all), check_once(all)};
}

}  // namespace conduitd::check
