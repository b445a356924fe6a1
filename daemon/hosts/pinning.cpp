// Which process children are pinned to which devices: the part of a pool that finds one for an attempt, or has one started.

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "hosts/pooled_host.h"

namespace asio = boost::asio;

namespace conduitd::hosts {
namespace {

/// Of lists with commas.
bool share_one(const std::string& some, std::string_view others) {
  const auto all = "," + some + ",";
  while (!others.empty()) {
    const auto end = std::min(others.find(','), others.size());
    if (all.find(fmt::format(",{},", others.substr(0, end))) != std::string::npos) return true;
    others.remove_prefix(std::min(end + 1, others.size()));
  }
  return false;
}

}  // namespace

/// A host for an attempt that holds these devices. None that ran attempts without them: their code may have looked for devices, and
/// found all. Nothing is staged behind another: what holds a device shall use it.
HostPool::HostPtr HostPool::pinned_to(const std::string& devices) const {
  HostPtr found;
  for (const auto& [number, host] : hosts_) {
    // What did not stop and was killed may be on a device until it has ended.
    if (!host->fault.empty() && !host->exited && share_one(host->devices, devices)) return nullptr;
    if (host->devices != devices) continue;
    if (host->state == Host::State::ready && host->fault.empty() && host->attempts.empty()) found = host;
  }
  return found;
}

/// The devices of waiting attempts for which another host is to be started.
std::vector<std::string> HostPool::devices_wanted() const {
  std::vector<std::string> out;
  for (const auto& waiting : waiting_pinned_) {
    const auto& devices = waiting.devices;
    if (std::ranges::find(out, devices) != out.end()) continue;
    // One that starts, or is idle, is soon theirs; one that runs something else perhaps, if that is short.
    const bool patient = clock_.now() - waiting.since < kPinnedPatience;
    const bool there = std::any_of(hosts_.begin(), hosts_.end(), [&](const auto& entry) {
      const auto& host = *entry.second;
      if (host.devices != devices || host.state == Host::State::retiring || !host.fault.empty()) return false;
      return host.state == Host::State::starting || host.attempts.empty() || patient;
    });
    if (!there && !(awaiting_host_ && awaited_devices_ == devices)) out.push_back(devices);
  }
  return out;
}

asio::awaitable<void> HostPool::look_again() {
  co_await clock_.sleep_for(kPinnedPatience);
  looking_again_ = false;
  pump();
}

/// Sees to it that there will be a host for each waiting attempt that needs one pinned to its devices.
void HostPool::make_way() {
  if (retiring_) return;
  if (!std::exchange(looking_again_, true)) tasks_.spawn("look again", look_again());
  const auto wanted = devices_wanted();
  const auto up = serving() + (awaiting_host_ ? 1 : 0);
  // Those that are to be started anyway take what is wanted first.
  for (std::size_t i = options_.hosts - std::min<std::size_t>(up, options_.hosts); i < wanted.size(); ++i) replace_one_for(wanted[i]);
}

void HostPool::replace_one_for(const std::string& devices) {
  const auto cost = [&devices](const HostPtr& of) {
    const bool killed = !of->fault.empty();
    return std::tuple(of->attempts.size() + (killed ? 1 : 0), !of->devices.empty(), of->devices == devices);
  };
  HostPtr least;
  for (const auto& [number, host] : hosts_) {
    if (host->state == Host::State::ready && may_take(*host) && (least == nullptr || cost(host) < cost(least))) least = host;
  }
  // If all are busy one of them serves to the end of what it has, beside its successor.
  if (least != nullptr) begin_retiring(least);
}

}  // namespace conduitd::hosts
