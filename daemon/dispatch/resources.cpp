#include "dispatch/resources.h"

#include <algorithm>

#include "base/assert.h"

namespace conduitd::dispatch {

std::vector<std::string> Resources::free_devices(const job::Resource& resource) const {
  std::vector<std::string> out;
  std::ranges::copy_if(resource.devices, std::back_inserter(out), [this](const auto& device) { return !held_devices_.contains(device); });
  return out;
}

std::uint64_t Resources::free(const std::string& name) const {
  const auto found = declared_.find(name);
  if (found == declared_.end()) return 0;
  // A reload may have given devices other names while some are held.
  if (!found->second.devices.empty()) return free_devices(found->second).size();
  const auto held = held_.find(name);
  return found->second.units - (held != held_.end() ? std::min(held->second, found->second.units) : 0);
}

job::Needs Resources::all_free() const {
  job::Needs out;
  for (const auto& [name, resource] : declared_) out.emplace(name, free(name));
  return out;
}

bool Resources::could_give(const job::Needs& needs, std::string* missing) const {
  for (const auto& [name, units] : needs) {
    const auto found = declared_.find(name);
    if (found != declared_.end() && found->second.units >= units) continue;
    if (missing != nullptr) *missing = name;
    return false;
  }
  return true;
}

bool Resources::has_free(const job::Needs& needs) const {
  return std::ranges::all_of(needs, [this](const auto& need) { return free(need.first) >= need.second; });
}

std::vector<std::string> Resources::take(const job::Needs& needs) {
  CONDUIT_ASSERT(has_free(needs));
  std::vector<std::string> devices;
  for (const auto& [name, units] : needs) {
    held_[name] += units;
    auto named = free_devices(declared_.at(name));
    if (named.empty()) continue;
    // The first that are free, always in one order: so the processes that are pinned to them serve again.
    named.resize(units);
    held_devices_.insert(named.begin(), named.end());
    devices.insert(devices.end(), named.begin(), named.end());
  }
  return devices;
}

void Resources::give_back(const job::Needs& needs, const std::vector<std::string>& devices) {
  for (const auto& [name, units] : needs) {
    auto& held = held_[name];
    CONDUIT_ASSERT(held >= units);
    held -= units;
  }
  for (const auto& device : devices) held_devices_.erase(device);
}

}  // namespace conduitd::dispatch
