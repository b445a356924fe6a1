#pragma once
// What a worker has of cpu, memory, gpu and whatever else an operator names, and what an attempt at a task takes of it.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace conduitd::job {

/// Units by resource; memory in bytes. Never zero: what is not needed is not named.
using Needs = std::map<std::string, std::uint64_t>;

/// The resource whose units are bytes, and the one whose units are devices with names.
inline constexpr std::string_view kMemory = "memory";
inline constexpr std::string_view kGpu = "gpu";
inline constexpr std::uint64_t kMostUnits = 1'000'000;
inline constexpr std::size_t kMostResources = 100;

/// What a worker declares of one resource.
struct Resource {
  std::uint64_t units = 0;
  std::vector<std::string> devices = {};  ///< of gpu: as many names as units
  bool operator==(const Resource&) const = default;
};

/// Empty if the name may stand for a resource; else what is allowed.
[[nodiscard]] std::string resource_name_fault(std::string_view name);
/// Empty if a device may be called so; else what is allowed. Names go into a list with commas.
[[nodiscard]] std::string device_name_fault(std::string_view name);
/// So many devices, called "0", "1", ...
[[nodiscard]] std::vector<std::string> numbered_devices(std::uint64_t count);

/// A whole number from 1, or of memory also a size ("4GiB"). The error names the resource and says what is allowed.
[[nodiscard]] Result<std::uint64_t> units_of(std::string_view resource, std::int64_t number);
[[nodiscard]] Result<std::uint64_t> units_of(std::string_view resource, std::string_view text);

/// The member `needs` of a task's options: an object of units by resource.
[[nodiscard]] Result<Needs> needs_from(const Json& json);
[[nodiscard]] Json to_json(const Needs& needs);

/// How often `needs` can be taken out of `free`; without bound if nothing is needed.
[[nodiscard]] std::size_t times_in(const Needs& free, const Needs& needs);

/// For people: "gpu 1", "memory 4GiB".
[[nodiscard]] std::string describe(std::string_view resource, std::uint64_t units);
/// "gpu 1, memory 4GiB"
[[nodiscard]] std::string describe(const Needs& needs);
/// Only the number: "1", "4GiB".
[[nodiscard]] std::string format_units(std::string_view resource, std::uint64_t units);

}  // namespace conduitd::job
