#include "ctl/worker_resources.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace conduitd::ctl {
namespace {

Json parsed(const std::string& text) {
  auto json = parse_json(text.empty() ? "{}" : text);
  return json.has_value() ? std::move(json.value()) : Json();
}

Stock to_stock(const Json& json) {
  Stock out;
  out.units = static_cast<std::uint64_t>(std::max<std::int64_t>(json.int_or("units", 0), 0));
  out.free = static_cast<std::uint64_t>(std::max<std::int64_t>(json.int_or("free", 0), 0));
  const auto* devices = json.find("devices");
  if (devices == nullptr || devices->as_array() == nullptr) return out;
  for (const auto& device : *devices->as_array()) {
    if (const auto* name = device.as_string()) out.devices.push_back(*name);
  }
  return out;
}

std::uint64_t of(const std::map<std::string, Stock>& stock, const std::string& resource, std::uint64_t Stock::*what) {
  const auto found = stock.find(resource);
  return found != stock.end() ? found->second.*what : 0;
}

}  // namespace

std::optional<std::map<std::string, Stock>> stock_of(const broker::WorkerInfo& worker) {
  const auto detail = parsed(worker.detail);
  const auto* resources = detail.find("resources");
  if (resources == nullptr || resources->as_object() == nullptr) return std::nullopt;
  std::map<std::string, Stock> out;
  for (const auto& [name, stock] : *resources->as_object()) out.insert_or_assign(name, to_stock(stock));
  return out;
}

job::Needs needs_of(const broker::TaskInfo& task) {
  const auto options = parsed(task.options);
  const auto* needs = options.find("needs");
  if (needs == nullptr) return {};
  const auto read = job::needs_from(*needs);
  return read.has_value() ? read.value() : job::Needs{};
}

Able able_to_give(const std::vector<const broker::WorkerInfo*>& workers, const job::Needs& needs) {
  Able out;
  std::map<std::string, std::uint64_t> most;
  for (const auto* worker : workers) {
    const auto stock = stock_of(*worker);
    const bool able = !stock || std::all_of(needs.begin(), needs.end(), [&](const auto& need) { return of(*stock, need.first, &Stock::units) >= need.second; });
    if (able) out.workers.push_back(worker);
    if (!stock) continue;
    for (const auto& [resource, units] : needs) most[resource] = std::max(most[resource], of(*stock, resource, &Stock::units));
  }
  if (!out.workers.empty()) return out;
  for (const auto& [resource, units] : needs) {
    if (most[resource] >= units) continue;
    out.lack = most[resource] == 0 ? fmt::format("no live worker has {}", resource)
                                   : fmt::format("no live worker has more of {} than {}", resource, job::format_units(resource, most[resource]));
    return out;
  }
  if (!workers.empty()) out.lack = fmt::format("no live worker alone has {}", job::describe(needs));
  return out;
}

std::string lack_now(const std::vector<const broker::WorkerInfo*>& workers, const job::Needs& needs) {
  std::string told;
  std::uint64_t most = 0;
  for (const auto* worker : workers) {
    const auto stock = stock_of(*worker);
    if (!stock) return {};
    const auto lacking = std::find_if(needs.begin(), needs.end(), [&](const auto& need) { return of(*stock, need.first, &Stock::free) < need.second; });
    if (lacking == needs.end()) return {};
    const auto free = of(*stock, lacking->first, &Stock::free);
    if (!told.empty() && free <= most) continue;
    most = free;
    told = fmt::format("needs {}, free {}", job::describe(lacking->first, lacking->second), job::format_units(lacking->first, free));
  }
  return told;
}

}  // namespace conduitd::ctl
