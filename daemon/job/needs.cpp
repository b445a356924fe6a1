#include "job/needs.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "job/id.h"

namespace conduitd::job {
namespace {

constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 50;
constexpr std::size_t kLongestDevice = 100;

Error units_fault(std::string_view resource, std::string_view shown) {
  if (resource == kMemory) {
    return {Errc::invalid_argument, fmt::format("memory: a size from 1 byte to {} is needed, as in \"4GiB\", not {}", format_size(kMostMemory), shown)};
  }
  return {Errc::invalid_argument, fmt::format("{}: a whole number from 1 to {} is needed, not {}", escape_control(resource), kMostUnits, shown)};
}

std::uint64_t most_of(std::string_view resource) { return resource == kMemory ? kMostMemory : kMostUnits; }

}  // namespace

std::string resource_name_fault(std::string_view name) {
  return is_valid_name(name) ? std::string() : "a resource's name is 1 to 100 of A-Z a-z 0-9 _ . -";
}

std::string device_name_fault(std::string_view name) {
  const auto fine = [](char c) { return c > ' ' && c < 127 && c != ',' && c != '"' && c != '\''; };
  if (!name.empty() && name.size() <= kLongestDevice && std::ranges::all_of(name, fine)) return {};
  return "a device's name is 1 to 100 printable characters without spaces, commas and quotes";
}

std::vector<std::string> numbered_devices(std::uint64_t count) {
  std::vector<std::string> out;
  for (std::uint64_t i = 0; i < count; ++i) out.push_back(std::to_string(i));
  return out;
}

Result<std::uint64_t> units_of(std::string_view resource, std::int64_t number) {
  if (number < 1 || static_cast<std::uint64_t>(number) > most_of(resource)) return units_fault(resource, std::to_string(number));
  return static_cast<std::uint64_t>(number);
}

Result<std::uint64_t> units_of(std::string_view resource, std::string_view text) {
  const auto size = resource == kMemory ? parse_size(text) : Result<std::uint64_t>(Error(Errc::invalid_argument, ""));
  if (!size.has_value() || size.value() < 1 || size.value() > kMostMemory) return units_fault(resource, fmt::format("'{}'", escape_control(text)));
  return size.value();
}

Result<Needs> needs_from(const Json& json) {
  const auto* members = json.as_object();
  if (members == nullptr || members->size() > kMostResources) {
    return Error(Errc::invalid_argument, fmt::format("option 'needs': an object of at most {} resources is needed, as in {{\"gpu\": 1}}", kMostResources));
  }
  Needs out;
  for (const auto& [name, value] : *members) {
    if (const auto what = resource_name_fault(name); !what.empty()) {
      return Error(Errc::invalid_argument, fmt::format("option 'needs': '{}': {}", escape_control(name), what));
    }
    Result<std::uint64_t> units = units_fault(name, value.text());
    if (const auto* number = value.as_int()) units = units_of(name, *number);
    if (const auto* text = value.as_string()) units = units_of(name, *text);
    if (!units.has_value()) return Error(Errc::invalid_argument, fmt::format("option 'needs': {}", units.error().message()));
    out.insert_or_assign(name, units.value());
  }
  return out;
}

Json to_json(const Needs& needs) {
  Json out{Json::Object{}};
  for (const auto& [name, units] : needs) out.set(name, units);
  return out;
}

std::size_t times_in(const Needs& free, const Needs& needs) {
  auto out = std::numeric_limits<std::size_t>::max();
  for (const auto& [name, units] : needs) {
    const auto found = free.find(name);
    out = std::min<std::size_t>(out, found != free.end() ? found->second / units : 0);
  }
  return out;
}

std::string format_units(std::string_view resource, std::uint64_t units) {
  return resource == kMemory ? format_size(units) : std::to_string(units);
}

std::string describe(std::string_view resource, std::uint64_t units) { return fmt::format("{} {}", resource, format_units(resource, units)); }

std::string describe(const Needs& needs) {
  std::string out;
  for (const auto& [name, units] : needs) out += (out.empty() ? "" : ", ") + describe(name, units);
  return out;
}

}  // namespace conduitd::job
