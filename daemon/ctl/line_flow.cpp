#include "ctl/line_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace conduitd::ctl {

void LineFlow::add(std::uint64_t line, const job::Request& request) {
  const auto job = size_++;
  if (request.ref.empty() && request.after_refs.empty()) return;
  tie(job, {line, request.ref, request.after_refs, false});
}

void LineFlow::add_bad(std::uint64_t line, const std::optional<std::string>& ref) {
  if (!ref) may_be_anybodys_ = true;
  if (!ref || ref->empty()) return;
  ++bad_;
  tie(size_++, {line, *ref, {}, true});
}

void LineFlow::tie(std::size_t job, Tie tie) {
  if (!tie.ref.empty()) by_ref_.emplace(tie.ref, job);
  ties_.emplace(job, std::move(tie));
}

std::vector<LineFault> LineFlow::faults() const {
  std::vector<LineFault> out;
  bool doubled = false;
  for (const auto& [job, tie] : ties_) {
    if (!tie.ref.empty() && by_ref_.at(tie.ref) != job) {
      doubled = true;
      if (!tie.bad) out.push_back({tie.line, fmt::format("ref: '{}' is that of line {} already", tie.ref, ties_.at(by_ref_.at(tie.ref)).line)});
    }
    for (const auto& ref : tie.after) {
      if (!may_be_anybodys_ && !by_ref_.contains(ref)) out.push_back({tie.line, fmt::format("after: '{}' is neither a job id nor the ref of a line", ref)});
    }
  }
  if (doubled) return out;  // who is meant by them, and so what is a circle, is not known
  for (auto& circle : circles()) out.push_back(std::move(circle));
  std::ranges::stable_sort(out, {}, &LineFault::line);
  return out;
}

LineFlow::Jobs LineFlow::before(std::size_t job) const {
  Jobs out;
  const auto tie = ties_.find(job);
  if (tie == ties_.end()) return out;
  for (const auto& ref : tie->second.after) {
    if (const auto found = by_ref_.find(ref); found != by_ref_.end()) out.push_back(found->second);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::map<std::size_t, std::size_t> LineFlow::levels() const {
  std::map<std::size_t, std::size_t> missing;  // jobs before it that have no level yet
  std::map<std::size_t, Jobs> followers;
  std::map<std::size_t, std::size_t> out;
  Jobs wave;
  for (const auto& [job, tie] : ties_) {
    const auto needed = before(job);
    missing[job] = needed.size();
    for (const auto one : needed) followers[one].push_back(job);
    if (needed.empty()) wave.push_back(job);
  }
  for (std::size_t level = 0; !wave.empty(); ++level) {
    Jobs next;
    for (const auto job : wave) {
      out[job] = level;
      for (const auto follower : followers[job]) {
        if (--missing[follower] == 0) next.push_back(follower);
      }
    }
    wave = std::move(next);
  }
  return out;
}

/// One circle for each job that begins one: from a job that got no level to one of those before it that got none either, until one
/// comes for the second time.
std::vector<LineFault> LineFlow::circles() const {
  const auto placed = levels();
  std::vector<LineFault> out;
  std::set<std::size_t> seen;
  for (const auto& [start, unused] : ties_) {
    Jobs path;
    auto job = start;
    while (!placed.contains(job) && seen.insert(job).second) {
      path.push_back(job);
      const auto needed = before(job);
      job = *std::find_if(needed.begin(), needed.end(), [&](std::size_t one) { return !placed.contains(one); });
    }
    const auto first = std::find(path.begin(), path.end(), job);
    if (first == path.end()) continue;  // it leads to a circle that was met before
    constexpr std::size_t kMostNamed = 10;
    std::string way;
    for (auto at = first; at != path.end() && at - first < static_cast<std::ptrdiff_t>(kMostNamed); ++at) {
      way += fmt::format("{}'{}'", way.empty() ? "" : " after ", ties_.at(*at).ref);
    }
    if (path.end() - first > static_cast<std::ptrdiff_t>(kMostNamed)) way += " after ...";
    out.push_back({ties_.at(*first).line, fmt::format("after: jobs cannot run after one another in a circle: {} after '{}'", way, ties_.at(*first).ref)});
  }
  return out;
}

std::vector<LineFlow::Jobs> LineFlow::waves() const {
  const auto placed = levels();
  std::vector<Jobs> out;
  for (std::size_t job = 0; job < size_; ++job) {
    const auto found = placed.find(job);
    const auto level = found == placed.end() ? 0 : found->second;
    if (out.size() <= level) out.resize(level + 1);
    out[level].push_back(job);
  }
  return out;
}

}  // namespace conduitd::ctl
