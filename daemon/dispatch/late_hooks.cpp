#include "dispatch/late_hooks.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "base/log.h"

namespace conduitd::dispatch {

std::size_t& LateHooks::running(const Run& run) { return running_.at(static_cast<std::size_t>(run.attempt->task->executor)); }

Attempt* LateHooks::find(hosts::Handle handle) const {
  const auto found = runs_.find(handle);
  return found != runs_.end() ? found->second.attempt.get() : nullptr;
}

void LateHooks::add(hosts::Handle handle, std::unique_ptr<Attempt> attempt, channel::LateHooks hooks) {
  if (full() && !make_room(hooks)) {
    ++left_out_;
    return;
  }
  Run run;
  run.attempt = std::move(attempt);
  run.hooks = std::move(hooks);
  run.until = clock_.now() + kLongest;
  runs_.emplace(handle, std::move(run));
  waiting_.push_back(handle);
  start_waiting();
}

/// That a job has failed is worth more than how others were interrupted by it.
bool LateHooks::make_room(const channel::LateHooks& newer) {
  if (newer.verdict.kind != channel::Verdict::Kind::failed) return false;
  const auto lesser = std::ranges::find_if(waiting_, [this](auto handle) {
    return runs_.at(handle).hooks.verdict.kind != channel::Verdict::Kind::failed;
  });
  if (lesser == waiting_.end()) return false;
  ++left_out_;
  forget(runs_.find(*lesser));
  return true;
}

void LateHooks::start_waiting() {
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    const auto found = runs_.find(*next);
    auto& run = found->second;
    const auto executor = run.attempt->task->executor;
    if (running(run) >= std::max<std::size_t>(hosts_.slots(executor) / 4, 1)) {
      ++next;
      continue;
    }
    next = waiting_.erase(next);
    run.sent = true;
    ++running(run);
    if (hosts_.run_hooks(found->first, executor, run.hooks)) continue;
    warn(run, "nothing runs in that executor any more");
    forget(found);
  }
}

void LateHooks::forget(Runs::iterator run) {
  if (run->second.sent) --running(run->second);
  waiting_.remove(run->first);
  runs_.erase(run);
}

void LateHooks::wait_again(Runs::iterator run) {
  --running(run->second);
  run->second.sent = false;
  waiting_.push_front(run->first);
}

void LateHooks::warn(const Run& run, std::string_view what) {
  const auto& lease = run.attempt->claim.lease;
  log::warning("hooks of an attempt whose host was gone did not run to their end; the job is not affected",
               {{"job", lease.job_id}, {"task", lease.task}, {"attempt", lease.attempt}, {"why", what}});
}

void LateHooks::began(hosts::Handle handle) {
  if (const auto found = runs_.find(handle); found != runs_.end()) found->second.begun = true;
}

/// The job's own log is closed with the attempt.
void LateHooks::tell(const Attempt& attempt, job::LogLevel level, std::string_view line) {
  const auto& lease = attempt.claim.lease;
  const auto write = level >= job::LogLevel::warning ? log::warning : log::info;
  write("a hook of an attempt whose host was gone", {{"said", line}, {"job", lease.job_id}, {"task", lease.task}, {"attempt", lease.attempt}});
}

void LateHooks::said(hosts::Handle handle, channel::FrameType type, std::string_view body) const {
  const auto* attempt = find(handle);
  if (attempt == nullptr || type != channel::FrameType::log) return;
  const auto line = channel::decode<channel::Log>(body);
  if (line.has_value()) tell(*attempt, line.value().level, line.value().message);
}

void LateHooks::printed(hosts::Handle handle, std::string_view line) const {
  if (const auto* attempt = find(handle)) tell(*attempt, job::LogLevel::info, line);
}

void LateHooks::outcome(hosts::Handle handle, const channel::Outcome& outcome) {
  const auto found = runs_.find(handle);
  if (found == runs_.end()) return;
  const bool came_back = !found->second.begun && outcome.kind == channel::Outcome::Kind::cancelled;
  if (came_back && !found->second.late) {
    wait_again(found);
  } else {
    if (came_back) warn(found->second, "no host had room for them in time");
    if (!came_back && !found->second.begun) warn(found->second, outcome.error_message);
    forget(found);
  }
  start_waiting();
}

void LateHooks::lost(hosts::Handle handle, bool had_begun) {
  const auto found = runs_.find(handle);
  if (found == runs_.end()) return;
  if (!had_begun && !found->second.late) {
    wait_again(found);
  } else {
    warn(found->second, "their host ended meanwhile");
    forget(found);
  }
  start_waiting();
}

void LateHooks::take_back(hosts::Handle handle) {
  if (runs_.contains(handle)) hosts_.cancel(handle, channel::Cancel::Reason::shutdown);
}

void LateHooks::watch_once(SteadyTime now) {
  if (left_out_ > 0) {
    log::warning("hooks of attempts whose hosts were gone were left out: too many were to run at once", {{"ends", left_out_}, {"most", kMost}});
    left_out_ = 0;
  }
  std::vector<hosts::Handle> over;
  for (const auto& [handle, run] : runs_) {
    if (run.until <= now && !run.late) over.push_back(handle);
  }
  for (const auto handle : over) {
    const auto found = runs_.find(handle);
    if (found == runs_.end()) continue;
    auto& run = found->second;
    if (run.sent && !run.begun) {
      run.late = true;
      hosts_.cancel(handle, channel::Cancel::Reason::shutdown);  // it comes back as an outcome
      continue;
    }
    warn(run, run.begun ? "they did not end in time" : "no host had room for them in time");
    if (run.begun) static_cast<void>(hosts_.give_up(handle));
    forget(found);
  }
  if (!over.empty()) start_waiting();
}

}  // namespace conduitd::dispatch
