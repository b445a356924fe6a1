#pragma once
// What a plugin says of itself, as plain data that crosses a pipe and is printed by `conduitctl plugin check`.

#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace conduitd::channel {

struct TaskManifest {
  std::string name;
  bool async = false;           ///< a coroutine; otherwise a blocking function
  bool wants_context = false;   ///< found once, when the task was registered
  std::string executor;         ///< where it runs unless the config says otherwise: "async", "thread", "process"
  std::string options;          ///< the options as JSON text (channel/task_options.h reads them); empty: none
};

/// Hooks of one event: of one task, or, with an empty one, of every task of the worker.
struct HookManifest {
  std::string event;  ///< "on_failure"
  std::string task;
};

/// A layer around the plugin's own tasks, around one of them, or around all that the worker runs.
struct MiddlewareManifest {
  std::string name;
  std::int64_t priority = 0;
  bool blocking = false;  ///< it goes around functions
  bool async = false;     ///< it goes around coroutines
  std::string task;       ///< empty: all of the plugin's, or of the worker's
  bool worker = false;    ///< around every task that the worker runs
};

struct PluginManifest {
  std::string path;
  std::string name;
  std::string version;
  std::string sdk_version;
  std::string compiler;
  std::string boost;
  std::string build_id;
  bool uses_asio = false;
  bool starts_threads = false;  ///< it starts threads while loading, so every host loads it anew after its fork
  std::vector<TaskManifest> tasks;
  std::vector<MiddlewareManifest> middleware = {};  ///< outermost first
  std::vector<HookManifest> hooks = {};             ///< in the order they run
  std::vector<std::string> warnings;
  std::string fault;            ///< not empty: left out, and this sentence says why; only `path` is certain then
};

/// The tasks' kinds are written as "blocking" and "async".
[[nodiscard]] Json to_json(const PluginManifest& manifest);
/// The error names the first member that is missing or of the wrong kind.
[[nodiscard]] Result<PluginManifest> manifest_from_json(const Json& json);

/// The body of a `manifest` frame: {"plugins": [...]}, and back.
[[nodiscard]] std::string encode_manifests(const std::vector<PluginManifest>& manifests);
[[nodiscard]] Result<std::vector<PluginManifest>> decode_manifests(std::string_view text);

}  // namespace conduitd::channel
