#include "check/runs.h"

#include <algorithm>

namespace conduitd::check {

Faults::Faults(const History& history) {
  for (const auto index : history.of_kind(Kind::fault)) {
    const auto& event = history[index];
    const auto& detail = history.detail(event);
    const Strike strike{event.time, detail.word == "kill"};
    if (detail.role == "broker") {
      broker_.push_back(strike);
      continue;
    }
    if (detail.target != 0) by_process_[detail.target].push_back(strike);
    // What is done to one host is no harm to its worker's other attempts.
    if (detail.role != "host" && event.worker != kNone) by_worker_[event.worker].push_back(strike);
  }
}

const Faults::Strike* Faults::first(const Strikes* strikes, double from, bool kills_only) {
  if (strikes == nullptr) return nullptr;
  const auto found = std::find_if(strikes->begin(), strikes->end(), [&](const Strike& strike) {
    return strike.time >= from && (strike.kill || !kills_only);
  });
  return found == strikes->end() ? nullptr : &*found;
}

namespace {

template <class Map, class Key>
auto find_in(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

std::optional<double> Faults::killed(std::int32_t pid, Name worker, double from) const {
  std::optional<double> earliest;
  for (const auto* strike : {first(find_in(by_process_, pid), from, true), first(find_in(by_worker_, worker), from, true)}) {
    if (strike != nullptr && (!earliest || strike->time < *earliest)) earliest = strike->time;
  }
  return earliest;
}

bool Faults::met(std::int32_t pid, Name worker, double from, double until) const {
  for (const auto* strike : {first(find_in(by_process_, pid), from, false), first(find_in(by_worker_, worker), from, false),
                             first(&broker_, from, false)}) {
    if (strike != nullptr && strike->time <= until) return true;
  }
  return false;
}

const Event* begin_of(const History& history, Name job, std::uint32_t attempt) {
  for (const auto index : history.of_job(job)) {
    const auto& event = history[index];
    if (event.kind == Kind::begin && event.attempt == attempt) return &event;
  }
  return nullptr;
}

double accepted_after(const History& history, const Event& event) {
  if (!event.repeated) return event.sent;
  double earliest = 0;
  for (const auto index : history.of_job(event.job)) {
    const auto& other = history[index];
    const bool before = other.kind == Kind::begin || other.kind == Kind::task_start || other.kind == Kind::task_end;
    if (before && other.attempt == event.attempt && other.time <= event.sent) earliest = std::max(earliest, other.time);
  }
  return earliest;
}

std::vector<Run> runs_of(const History& history, const Faults& faults, Name job) {
  std::vector<Run> runs;
  for (const auto index : history.of_job(job)) {
    const auto& event = history[index];
    if (event.kind == Kind::task_start) {
      runs.push_back({&event, nullptr, event.time});
    } else if (event.kind == Kind::task_end) {
      const auto run = std::find_if(runs.rbegin(), runs.rend(), [&event](const Run& one) {
        return one.end == nullptr && one.start->attempt == event.attempt && one.start->pid == event.pid;
      });
      if (run == runs.rend()) continue;
      run->end = &event;
      run->until = event.time;
    }
  }
  for (auto& run : runs) {
    if (run.end != nullptr) continue;
    const auto* begin = begin_of(history, job, run.start->attempt);
    const auto killed = faults.killed(run.start->pid, begin != nullptr ? begin->worker : kNone, run.start->time);
    if (killed) run.until = *killed;
  }
  return runs;
}

}  // namespace conduitd::check
