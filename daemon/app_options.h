#pragma once
// From the configuration to the options of each part: the only place that knows both.

#include <map>
#include <string>

#include "broker/broker.h"
#include "config/config.h"
#include "dispatch/dispatcher.h"
#include "dispatch/task_table.h"
#include "hosts/host_fleet.h"

namespace conduitd {

/// `worker`: this worker's id. `executable`: our own binary, for the zygote.
[[nodiscard]] broker::Options broker_options(const config::Config& config, const std::string& worker);
[[nodiscard]] hosts::HostFleet::Options fleet_options(const config::Config& config, const std::string& executable);
[[nodiscard]] dispatch::Dispatcher::Options dispatcher_options(const config::Config& config, const std::string& worker);
[[nodiscard]] std::vector<dispatch::QueueShare> queue_shares(const config::Config& config);
[[nodiscard]] std::map<std::string, dispatch::TaskOverride> task_overrides(const config::Config& config);
[[nodiscard]] std::vector<dispatch::ConfiguredSchedule> configured_schedules(const config::Config& config);

[[nodiscard]] std::vector<dispatch::ConfiguredSubscription> configured_subscriptions(const config::Config& config);

/// "name-" (from the config, or the host's name), the process id and random characters: no two lives of a worker share
/// one, so a fence can tell them apart.
[[nodiscard]] std::string make_worker_id(const config::Config& config);
[[nodiscard]] std::string host_name();

}  // namespace conduitd
