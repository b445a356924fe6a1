#include "job/flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace conduitd::job {
namespace {

using Named = std::map<std::string_view, std::size_t>;

Result<Named> named(const std::vector<Request>& requests) {
  Named out;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].ref.empty() || out.emplace(requests[i].ref, i).second) continue;
    return Error(Errc::invalid_argument, fmt::format("ref '{}': two jobs have it", requests[i].ref));
  }
  for (const auto& request : requests) {
    for (const auto& ref : request.after_refs) {
      if (!out.contains(ref)) return Error(Errc::invalid_argument, fmt::format("after: '{}' is neither a job id nor the ref of a job submitted together", ref));
    }
  }
  return out;
}

}  // namespace

Result<std::vector<std::vector<std::size_t>>> waves_of(const std::vector<Request>& requests) {
  CONDUIT_TRY(const auto by_name, named(requests));
  std::vector<std::size_t> missing(requests.size());  // jobs before it that are in no wave yet
  std::vector<std::vector<std::size_t>> followers(requests.size());
  std::vector<std::size_t> wave;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    missing[i] = requests[i].after_refs.size();
    for (const auto& ref : requests[i].after_refs) followers[by_name.at(ref)].push_back(i);
    if (missing[i] == 0) wave.push_back(i);
  }
  std::vector<std::vector<std::size_t>> waves;
  std::size_t placed = 0;
  while (!wave.empty()) {
    std::vector<std::size_t> next;
    for (const auto i : wave) {
      for (const auto follower : followers[i]) {
        if (--missing[follower] == 0) next.push_back(follower);
      }
    }
    placed += wave.size();
    waves.push_back(std::move(wave));
    std::sort(next.begin(), next.end());
    wave = std::move(next);
  }
  if (placed == requests.size()) return waves;
  const auto stuck = std::find_if(missing.begin(), missing.end(), [](std::size_t count) { return count > 0; });
  const auto& request = requests[static_cast<std::size_t>(stuck - missing.begin())];
  return Error(Errc::invalid_argument, fmt::format("after: '{}' leads back to itself: jobs cannot run after one another in a circle",
                                                   request.ref.empty() ? request.after_refs.front() : request.ref));
}

void resolve_refs(std::vector<Request>& requests, const std::vector<std::size_t>& wave, const std::vector<std::string>& ids) {
  std::map<std::string_view, std::size_t> by_name;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (!requests[i].ref.empty()) by_name.emplace(requests[i].ref, i);
  }
  for (const auto i : wave) {
    auto& after = requests[i].job.after;
    for (const auto& ref : requests[i].after_refs) after.push_back(ids[by_name.at(ref)]);
    after = once_each(std::move(after));
    requests[i].after_refs.clear();
  }
}

std::vector<std::string> once_each(std::vector<std::string> ids) {
  std::set<std::string> seen;
  std::erase_if(ids, [&seen](const std::string& id) { return !seen.insert(id).second; });
  return ids;
}

}  // namespace conduitd::job
