#include "check/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "job/status.h"

namespace conduitd::check {

Name History::Names::number(const std::string& text) {
  const auto [found, is_new] = numbers_.emplace(text, static_cast<Name>(texts_.size()));
  if (is_new) texts_.push_back(&found->first);
  return found->second;
}

std::span<const std::uint32_t> History::of_job(Name job) const {
  return std::span(by_job_).subspan(job_begin_[job], job_begin_[job + 1] - job_begin_[job]);
}

const Detail& History::detail(const Event& event) const {
  static const Detail kNothing;
  return event.detail < 0 ? kNothing : details_[static_cast<std::size_t>(event.detail)];
}

std::string History::place(const Event& event) const { return fmt::format("{}:{}", files_[event.file], event.line); }

const Event* History::final_state(Name job) const {
  const Event* found = nullptr;
  for (const auto index : of_job(job)) {
    if (events_[index].kind == Kind::final_state) found = &events_[index];
  }
  return found;
}

const Event* History::last_end(Name job) const {
  const Event* found = nullptr;
  for (const auto index : of_job(job)) {
    const auto& event = events_[index];
    if (ends_job(event) && (found == nullptr || event.sent > found->sent)) found = &event;
  }
  return found;
}

bool History::may_lack_lines(double from, double until) const {
  const auto first = std::lower_bound(lossy_.begin(), lossy_.end(), from);
  return first != lossy_.end() && *first <= until;
}

void History::index() {
  std::stable_sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) { return a.time < b.time; });
  job_begin_.assign(jobs_.size() + 1, 0);
  for (std::uint32_t i = 0; i < events_.size(); ++i) {
    const auto& event = events_[i];
    by_kind_[static_cast<std::size_t>(event.kind)].push_back(i);
    if (event.job != kNone) ++job_begin_[event.job + 1];
    if (event.kind != Kind::fault) continue;
    const auto& what = detail(event);
    // A stopped process goes on writing where it was; a killed one has lost what it had not written.
    if (what.word == "kill" || what.role == "broker") lossy_.push_back(event.time);
  }
  std::partial_sum(job_begin_.begin(), job_begin_.end(), job_begin_.begin());
  by_job_.resize(job_begin_.back());
  auto next = job_begin_;
  for (std::uint32_t i = 0; i < events_.size(); ++i) {
    if (events_[i].job != kNone) by_job_[next[events_[i].job]++] = i;
  }
}

bool ends_job(const Event& event) {
  switch (event.kind) {
    case Kind::cancel_ok: return true;
    case Kind::finish_ok:
    case Kind::reclaim: return event.state && job::is_final(*event.state);
    default: return false;
  }
}

}  // namespace conduitd::check
