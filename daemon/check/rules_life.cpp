// C1 to C5: what becomes of a job, and who may say so.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include "check/rules.h"
#include "job/status.h"

namespace conduitd::check {
namespace {

using Charge = job::Settlement::Charge;

bool is_final(const Event& event) { return event.state && job::is_final(*event.state); }

/// The tasks that write down themselves when they run.
std::unordered_set<Name> witnesses(const History& history) {
  std::unordered_set<Name> tasks;
  for (const auto index : history.of_kind(Kind::task_start)) tasks.insert(history[index].task);
  tasks.erase(kNone);
  return tasks;
}

bool ran_to_its_end(const History& history, Name job) {
  return std::ranges::any_of(history.of_job(job), [&](std::uint32_t index) {
    const auto& event = history[index];
    return event.kind == Kind::task_end && history.detail(event).word == "complete";
  });
}

}  // namespace

Verdict check_lost(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C1", "no accepted job is lost", all.options.most_offences);
  const auto tasks = witnesses(history);
  const bool records_were_read = !history.of_kind(Kind::final_state).empty();
  for (const auto index : history.of_kind(Kind::submit_ok)) {
    const auto& submitted = history[index];
    verdict.look();
    const auto* record = history.final_state(submitted.job);
    const auto name = fmt::format("{} ({})", history.job_name(submitted.job), history.place(submitted));
    if (record == nullptr && records_were_read) {
      verdict.offend(fmt::format("{}: accepted, and there is no record of it", name));
    } else if (record != nullptr ? !is_final(*record) : history.last_end(submitted.job) == nullptr) {
      verdict.offend(fmt::format("{}: accepted, and has not ended: {}", name,
                                 record != nullptr ? job::to_string(*record->state) : "no line says so"));
    } else if (record != nullptr && record->state == job::JobStatus::complete && tasks.contains(submitted.task) &&
               !ran_to_its_end(history, submitted.job)) {
      verdict.offend(fmt::format("{}: its record says complete ({}), and its task never came to its end", name,
                                 history.place(*record)));
    }
  }
  return verdict;
}

Verdict check_phantom(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C2", "only what was submitted runs", all.options.most_offences);
  std::unordered_set<Name> accepted;
  std::unordered_set<std::int64_t> unknown;
  for (const auto index : history.of_kind(Kind::submit_ok)) accepted.insert(history[index].job);
  for (const auto index : history.of_kind(Kind::submit_unknown)) unknown.insert(history[index].ref);
  for (const auto index : history.of_kind(Kind::task_start)) {
    const auto& started = history[index];
    verdict.look();
    if (accepted.contains(started.job) || (started.ref >= 0 && unknown.contains(started.ref))) continue;
    verdict.offend(fmt::format("{} ran ({}), and nobody had submitted it", history.job_name(started.job), history.place(started)));
  }
  return verdict;
}

Verdict check_twice(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C3", "a job ends once", all.options.most_offences);
  for (Name job = 0; job < history.jobs(); ++job) {
    std::vector<const Event*> ends;
    for (const auto index : history.of_job(job)) {
      const auto& event = history[index];
      if (event.kind == Kind::operator_retry) ends.clear();
      if (!ends_job(event)) continue;
      verdict.look();
      // A worker whose first answer was lost asks again, and is told so.
      const bool heard_again = std::ranges::any_of(ends, [&event](const Event* one) {
        return one->attempt == event.attempt && (one->repeated || event.repeated);
      });
      if (!ends.empty() && !heard_again) {
        verdict.offend(fmt::format("{}: attempt {} ended it ({}), and so did attempt {} ({})", history.job_name(job),
                                   ends.front()->attempt, history.place(*ends.front()), event.attempt, history.place(event)));
      }
      ends.push_back(&event);
    }
  }
  return verdict;
}

Verdict check_fence(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C4", "a stale attempt writes nothing", all.options.most_offences);
  const auto writes = [](Kind kind) { return kind == Kind::finish_ok || kind == Kind::release || kind == Kind::reclaim; };
  for (Name job = 0; job < history.jobs(); ++job) {
    std::map<std::uint32_t, const Event*> begun;
    for (const auto index : history.of_job(job)) {
      const auto& event = history[index];
      if (event.kind != Kind::begin && !writes(event.kind)) continue;
      if (event.kind == Kind::begin) verdict.look();
      // Only what was written before the call was made certainly came before it.
      const auto newer = std::find_if(begun.upper_bound(event.attempt), begun.end(),
                                      [&event](const auto& one) { return one.second->time < event.sent; });
      if (newer != begun.end() && !event.repeated) {
        verdict.offend(fmt::format("{}: {} of attempt {} ({}) was accepted after attempt {} had begun ({})", history.job_name(job),
                                   kKindNames[static_cast<std::size_t>(event.kind)], event.attempt, history.place(event),
                                   newer->first, history.place(*newer->second)));
      }
      if (event.kind != Kind::begin) continue;
      const auto [twin, is_new] = begun.emplace(event.attempt, &event);
      if (!is_new) {
        verdict.offend(fmt::format("{}: attempt {} was begun twice ({}, {})", history.job_name(job), event.attempt,
                                   history.place(*twin->second), history.place(event)));
      }
    }
  }
  return verdict;
}

namespace {

/// What the lines say of a job's attempts.
struct Counted {
  std::uint32_t attempts = 0;  // the highest number seen
  std::set<std::uint32_t> failures, crashes, interruptions, free;
  std::map<std::uint32_t, const Event*> ends;
};

Counted count(const History& history, Name job) {
  Counted counted;
  for (const auto index : history.of_job(job)) {
    const auto& event = history[index];
    counted.attempts = std::max(counted.attempts, event.attempt);
    const bool writes = event.kind == Kind::finish_ok || event.kind == Kind::release || event.kind == Kind::reclaim;
    if (!writes) continue;
    counted.ends[event.attempt] = &event;
    const auto charge = event.kind == Kind::reclaim ? Charge::crash : event.charge;
    if (charge == Charge::failure) counted.failures.insert(event.attempt);
    if (charge == Charge::crash) counted.crashes.insert(event.attempt);
    if (charge == Charge::interruption) counted.interruptions.insert(event.attempt);
    if (charge == Charge::nothing && !is_final(event)) counted.free.insert(event.attempt);
  }
  return counted;
}

/// A run that the record lists must not contradict what the worker was told.
std::string contradiction(const History& history, const Counted& counted, const Detail& record) {
  for (const auto& run : record.runs) {
    const auto found = counted.ends.find(run.attempt);
    if (found == counted.ends.end()) continue;
    const auto& event = *found->second;
    const bool reclaimed = run.outcome == "lease expired";
    if (reclaimed == (event.kind == Kind::reclaim)) continue;
    return fmt::format("attempt {} is kept as '{}', and a worker was told otherwise ({})", run.attempt, run.outcome,
                       history.place(event));
  }
  return {};
}

std::string wrong_counter(std::string_view what, std::uint64_t recorded, std::uint64_t seen, bool may_lack_lines) {
  // Lines may be missing, so the record may know of more; never of less.
  if (recorded == seen || (recorded > seen && may_lack_lines)) return {};
  return fmt::format("{} {} are recorded, {} were seen", recorded, what, seen);
}

std::string wrong_counters(const History& history, const Event& record, const Event* submitted) {
  const auto& detail = history.detail(record);
  const auto& counters = detail.counters;
  const auto counted = count(history, record.job);
  const auto since = submitted != nullptr ? submitted->sent : 0.0;
  const bool lacking = history.may_lack_lines(since, record.time);
  for (auto wrong : {wrong_counter("attempts", counters.attempts, counted.attempts, lacking),
                     wrong_counter("failures", counters.failures, counted.failures.size(), lacking),
                     wrong_counter("crashes", counters.crashes, counted.crashes.size(), lacking),
                     wrong_counter("interruptions", counters.interruptions, counted.interruptions.size(), lacking)}) {
    if (!wrong.empty()) return wrong;
  }
  const auto paid = counters.failures + counters.crashes + counters.interruptions + counted.free.size() + 1;
  if (counters.attempts > paid && !lacking) {
    return fmt::format("{} attempts, and only {} of them have a reason", counters.attempts, paid);
  }
  if (submitted != nullptr && history.detail(*submitted).retries &&
      counters.failures > static_cast<std::uint64_t>(*history.detail(*submitted).retries) + 1) {
    return fmt::format("{} failures with {} retries", counters.failures, *history.detail(*submitted).retries);
  }
  return contradiction(history, counted, detail);
}

}  // namespace

Verdict check_counters(const Case& all) {
  const auto& history = all.history;
  Verdict verdict("C5", "the record counts what happened", all.options.most_offences);
  // Without the workers' lines there is nothing to compare with.
  if (history.of_kind(Kind::begin).empty()) return verdict;
  for (Name job = 0; job < history.jobs(); ++job) {
    const auto* record = history.final_state(job);
    if (record == nullptr) continue;
    verdict.look();
    const Event* submitted = nullptr;
    bool retried = false;
    for (const auto index : history.of_job(job)) {
      if (history[index].kind == Kind::submit_ok && submitted == nullptr) submitted = &history[index];
      retried = retried || history[index].kind == Kind::operator_retry;
    }
    if (retried) continue;  // its counters began anew
    const auto wrong = wrong_counters(history, *record, submitted);
    if (!wrong.empty()) verdict.offend(fmt::format("{} ({}): {}", history.job_name(job), history.place(*record), wrong));
  }
  return verdict;
}

}  // namespace conduitd::check
