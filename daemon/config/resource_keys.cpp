#include "config/resource_keys.h"

#include <fmt/format.h>

#include <algorithm>

namespace conduitd::config {
namespace {

bool read_units(Reader& reader, const Node& node, const std::string& path, const std::string& name, std::uint64_t& units) {
  auto read = Result<std::uint64_t>(Error(Errc::invalid_argument, ""));
  if (node.kind == Node::Kind::integer) {
    read = job::units_of(name, node.integer);
  } else if (node.kind == Node::Kind::text) {
    const auto text = reader.read_text(node, path);
    if (!text) return false;
    read = job::units_of(name, text->value);
  } else {
    return reader.wrong_type(node, path, name == job::kMemory ? "a size from 1 byte, as in \"16GiB\"" : "a whole number from 1");
  }
  // The error begins with the resource's name, which the path has too.
  if (!read.has_value()) return reader.wrong(node, path, read.error().message().substr(name.size() + 2));
  units = read.value();
  return true;
}

bool read_devices(Reader& reader, const Node& node, const std::string& path, const std::string& name, job::Resource& resource) {
  if (name != job::kGpu) return reader.wrong(node, path, fmt::format("only {} has devices with names; a number is needed", job::kGpu));
  bool good = true;
  for (const auto& element : node.list) {
    const auto text = reader.read_text(element, path);
    if (!text) return false;
    if (const auto what = job::device_name_fault(text->value); !what.empty()) {
      good = reader.wrong(element, path, what);
    } else if (std::ranges::find(resource.devices, text->value) != resource.devices.end()) {
      good = reader.wrong(element, path, "this device is in the list twice");
    } else {
      resource.devices.push_back(text->value);
    }
  }
  if (node.list.empty()) return reader.wrong(node, path, "a device is needed in the list; leave the key out if there is none");
  resource.units = resource.devices.size();
  return good;
}

bool read_resource(Reader& reader, const Node& node, const std::string& path, const std::string& name, job::Resource& resource) {
  if (node.kind == Node::Kind::list) return read_devices(reader, node, path, name, resource);
  if (!read_units(reader, node, path, name, resource.units)) return false;
  if (name == job::kGpu) resource.devices = job::numbered_devices(resource.units);
  return true;
}

/// Calls `read` for each member with a name that may stand for a resource.
template <class Read>
bool read_members(Reader& reader, const Node& node, const std::string& path, std::string_view example, const Read& read) {
  if (node.kind != Node::Kind::table) return reader.wrong_type(node, path, fmt::format("a table of resources, as in {},", example));
  if (node.members.size() > job::kMostResources) return reader.wrong(node, path, fmt::format("at most {} resources are allowed", job::kMostResources));
  bool good = true;
  for (const auto& member : node.members) {
    if (const auto what = job::resource_name_fault(member.key); !what.empty()) {
      reader.fault(member.at, fmt::format("{}: {}", join_path(path, member.key), what));
      good = false;
    } else {
      good = read(member, join_path(path, member.key)) && good;
    }
  }
  return good;
}

}  // namespace

Key resources_key(std::map<std::string, job::Resource>& resources) {
  Key each;
  each.name = "<name>";
  each.type = "whole number from 1; memory: size; gpu: number or list of devices";
  each.fallback = "none; cpu and memory: the machine's";
  Key key;
  key.name = key.path_of_keys = "resources";
  key.type = "table";
  key.keys = {std::move(each)};
  key.read = [&resources](Reader& reader, const Node& node, const std::string& path) {
    if (node.kind == Node::Kind::null) return true;
    return read_members(reader, node, path, "{ gpu = 2 }", [&](const Member& member, const std::string& place) {
      job::Resource resource;
      if (!read_resource(reader, member.value, place, member.key, resource)) return false;
      resources.insert_or_assign(member.key, std::move(resource));
      return true;
    });
  };
  return key;
}

Key needs_key(std::optional<job::Needs>& needs) {
  Key key;
  key.name = "needs";
  key.type = "table of resources and how much of each";
  key.fallback = "as the plugin says";
  key.read = [&needs](Reader& reader, const Node& node, const std::string& path) {
    job::Needs found;
    const bool good = read_members(reader, node, path, "{ gpu = 1, memory = \"4GiB\" }", [&](const Member& member, const std::string& place) {
      return read_units(reader, member.value, place, member.key, found[member.key]);
    });
    if (good) needs = std::move(found);
    return good;
  };
  return key;
}

}  // namespace conduitd::config
