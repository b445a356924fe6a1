#pragma once
// The tables of resources: what a worker has ([resources]) and what a task needs (`needs`).

#include <map>
#include <optional>
#include <string>

#include "config/keys.h"
#include "job/needs.h"

namespace conduitd::config {

[[nodiscard]] Key resources_key(std::map<std::string, job::Resource>& resources);
/// Unset: as the plugin says; empty: nothing.
[[nodiscard]] Key needs_key(std::optional<job::Needs>& needs);

}  // namespace conduitd::config
