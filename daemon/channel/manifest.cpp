#include "channel/manifest.h"

#include <fmt/format.h>

namespace conduitd::channel {
namespace {

// Options are stored as their text: they were parsed where they were registered.
Json to_json(const TaskManifest& task) {
  Json json;
  json.set("name", task.name).set("kind", task.async ? "async" : "blocking");
  json.set("wants_context", task.wants_context).set("executor", task.executor);
  if (!task.options.empty()) json.set("options", Json::Raw{task.options});
  return json;
}

Json to_json(const HookManifest& hook) {
  Json json;
  json.set("event", hook.event);
  if (!hook.task.empty()) json.set("task", hook.task);
  return json;
}

Json to_json(const MiddlewareManifest& layer) {
  Json json;
  json.set("name", layer.name).set("priority", layer.priority);
  json.set("blocking", layer.blocking).set("async", layer.async);
  if (!layer.task.empty()) json.set("task", layer.task);
  json.set("scope", layer.worker ? "worker" : "plugin");
  return json;
}

HookManifest hook_from_json(const Json& json) { return {json.string_or("event", ""), json.string_or("task", "")}; }

MiddlewareManifest middleware_from_json(const Json& json) {
  return {json.string_or("name", ""), json.int_or("priority", 0), json.bool_or("blocking", false), json.bool_or("async", false),
          json.string_or("task", ""), json.string_or("scope", "plugin") == "worker"};
}

template <class T>
Json to_array(const std::vector<T>& items) {
  Json array{Json::Array{}};
  for (const auto& item : items) array.push(to_json(item));
  return array;
}

template <class T>
void read_array(const Json& json, std::string_view key, std::vector<T>& into, T (*read)(const Json&)) {
  const auto* array = json.find(key);
  if (array == nullptr || array->as_array() == nullptr) return;
  for (const auto& item : *array->as_array()) into.push_back(read(item));
}

Error missing(std::string_view member) {
  return {Errc::protocol, fmt::format("manifest: '{}' is missing or of the wrong kind", member)};
}

Result<TaskManifest> task_from_json(const Json& json) {
  TaskManifest task;
  const std::string kind = json.string_or("kind", "");
  task.name = json.string_or("name", "");
  task.async = kind == "async";
  task.wants_context = json.bool_or("wants_context", false);
  task.executor = json.string_or("executor", "");
  if (const auto* options = json.find("options")) task.options = options->text();
  if (task.name.empty()) return missing("tasks.name");
  if (kind != "async" && kind != "blocking") return missing("tasks.kind");
  return task;
}

// Plugins with thousands of tasks are conceivable; more than this is no manifest.
constexpr JsonLimits kLimits{.size = 4 * 1024 * 1024, .depth = 70};

}  // namespace

Json to_json(const PluginManifest& manifest) {
  Json json;
  json.set("path", manifest.path);
  if (!manifest.fault.empty()) return json.set("fault", manifest.fault);
  json.set("name", manifest.name).set("version", manifest.version);
  json.set("sdk_version", manifest.sdk_version).set("compiler", manifest.compiler).set("boost", manifest.boost);
  json.set("build_id", manifest.build_id).set("uses_asio", manifest.uses_asio);
  json.set("starts_threads", manifest.starts_threads);
  Json warnings{Json::Array{}};
  for (const auto& warning : manifest.warnings) warnings.push(warning);
  json.set("tasks", to_array(manifest.tasks));
  if (!manifest.middleware.empty()) json.set("middleware", to_array(manifest.middleware));
  if (!manifest.hooks.empty()) json.set("hooks", to_array(manifest.hooks));
  return json.set("warnings", std::move(warnings));
}

Result<PluginManifest> manifest_from_json(const Json& json) {
  PluginManifest manifest;
  const auto text = [&json](std::string_view key) { return json.string_or(key, ""); };
  manifest.path = text("path");
  if (manifest.path.empty()) return missing("path");
  manifest.fault = text("fault");
  if (!manifest.fault.empty()) return manifest;
  manifest.name = text("name");
  manifest.version = text("version");
  manifest.sdk_version = text("sdk_version");
  manifest.compiler = text("compiler");
  manifest.boost = text("boost");
  manifest.build_id = text("build_id");
  manifest.uses_asio = json.bool_or("uses_asio", false);
  manifest.starts_threads = json.bool_or("starts_threads", false);
  const auto* tasks = json.find("tasks");
  if (tasks == nullptr || tasks->as_array() == nullptr) return missing("tasks");
  for (const auto& task : *tasks->as_array()) {
    CONDUIT_TRY(auto one, task_from_json(task));
    manifest.tasks.push_back(std::move(one));
  }
  read_array(json, "middleware", manifest.middleware, middleware_from_json);
  read_array(json, "hooks", manifest.hooks, hook_from_json);
  if (const auto* warnings = json.find("warnings"); warnings != nullptr && warnings->as_array() != nullptr) {
    for (const auto& warning : *warnings->as_array()) {
      if (const auto* sentence = warning.as_string()) manifest.warnings.push_back(*sentence);
    }
  }
  return manifest;
}

std::string encode_manifests(const std::vector<PluginManifest>& manifests) {
  Json plugins{Json::Array{}};
  for (const auto& manifest : manifests) plugins.push(to_json(manifest));
  return Json().set("plugins", std::move(plugins)).text();
}

Result<std::vector<PluginManifest>> decode_manifests(std::string_view text) {
  CONDUIT_TRY(const auto json, parse_json(text, kLimits));
  const auto* plugins = json.find("plugins");
  if (plugins == nullptr || plugins->as_array() == nullptr) return missing("plugins");
  std::vector<PluginManifest> manifests;
  for (const auto& plugin : *plugins->as_array()) {
    CONDUIT_TRY(auto manifest, manifest_from_json(plugin));
    manifests.push_back(std::move(manifest));
  }
  return manifests;
}

}  // namespace conduitd::channel
