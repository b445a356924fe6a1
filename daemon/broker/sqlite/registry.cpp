// Who works here, and which tasks they have.

#include <map>

#include "broker/sqlite/operations.h"
#include "broker/sqlite/schema_upgrade.h"

namespace conduitd::broker::sqlite {
namespace {

Json names(const std::vector<std::string>& list) {
  Json out{Json::Array{}};
  for (const auto& name : list) out.push(name);
  return out;
}

std::vector<std::string> names_from(const Json* json) {
  std::vector<std::string> out;
  if (json == nullptr || json->as_array() == nullptr) return out;
  for (const auto& name : *json->as_array()) {
    if (name.as_string() != nullptr) out.push_back(*name.as_string());
  }
  return out;
}

std::string encode(const WorkerInfo& worker) {
  Json json;
  json.set("host", worker.host).set("pid", worker.pid).set("version", worker.version);
  json.set("started_at", to_unix_ms(worker.started_at)).set("state", worker.state);
  json.set("queues", names(worker.queues)).set("tasks", names(worker.tasks));
  json.set("running", worker.running).set("slots", worker.slots).set("done", worker.done);
  // Text inside text: the object's own bytes come back as they were.
  json.set("detail", worker.detail);
  return json.text();
}

WorkerInfo decode(std::string id, const std::string& info, WallTime seen) {
  WorkerInfo worker;
  worker.id = std::move(id);
  worker.seen_at = seen;
  const auto parsed = parse_json(info);
  if (!parsed.has_value()) return worker;
  const auto& json = parsed.value();
  worker.host = json.string_or("host", "");
  worker.pid = json.int_or("pid", 0);
  worker.version = json.string_or("version", "");
  worker.started_at = from_unix_ms(json.int_or("started_at", 0));
  worker.state = json.string_or("state", "");
  worker.queues = names_from(json.find("queues"));
  worker.tasks = names_from(json.find("tasks"));
  worker.running = static_cast<std::uint64_t>(json.int_or("running", 0));
  worker.slots = static_cast<std::uint64_t>(json.int_or("slots", 0));
  worker.done = static_cast<std::uint64_t>(json.int_or("done", 0));
  worker.detail = json.string_or("detail", "");
  return worker;
}

/// After so many missed heartbeats a worker's announcement is forgotten.
constexpr std::int64_t kForgotten = 100;

}  // namespace

Result<> heartbeat(Store& store, const WorkerInfo& worker, const std::vector<TaskInfo>& tasks, Millis interval) {
  auto& db = store.db();
  const auto beat = store.monotonic();
  CONDUIT_TRY(db.run("INSERT OR REPLACE INTO workers VALUES(?, ?, ?, ?, ?)", worker.id, encode(worker), store.now(), beat,
                     interval));
  CONDUIT_TRY(db.run("DELETE FROM workers WHERE beat + interval * ? < ?", kForgotten, beat));
  for (const auto& task : tasks) {
    // Written only if something changed, for this comes every few seconds.
    CONDUIT_TRY(db.run(
        "INSERT INTO tasks VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(name) DO UPDATE SET queue = ?2, executor = ?3, "
        "plugin = ?4, version = ?5, options = ?6 WHERE (queue, executor, plugin, version, options) <> (?2, ?3, ?4, ?5, ?6)",
        task.name, task.queue, task.executor, task.plugin, task.plugin_version, task.options));
  }
  return ok();
}

Result<> farewell(Store& store, const std::string& worker) {
  CONDUIT_TRY(store.db().run("DELETE FROM workers WHERE id = ?", worker));
  return ok();
}

Result<std::vector<WorkerInfo>> workers(Store& store) {
  std::vector<WorkerInfo> out;
  CONDUIT_TRY(store.db().each(
      "SELECT id, info, seen FROM workers WHERE beat + interval * ? >= ? ORDER BY id",
      [&](const Row& row) { out.push_back(decode(row.text(0), row.text(1), from_unix_ms(row.integer(2)))); }, kMissedBeats,
      store.monotonic()));
  return out;
}

Result<std::vector<TaskInfo>> tasks(Store& store) {
  std::vector<TaskInfo> out;
  CONDUIT_TRY(store.db().each(
      "SELECT name, queue, executor, plugin, version, options, "
      "EXISTS (SELECT 1 FROM paused p WHERE p.kind = 'task' AND p.name = tasks.name) FROM tasks ORDER BY name",
      [&](const Row& row) {
        out.push_back({row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), row.text(5),
                       row.integer(6) != 0, 0});
      }));
  CONDUIT_TRY(const auto live, workers(store));
  std::map<std::string, std::size_t> having;
  for (const auto& worker : live) {
    for (const auto& task : worker.tasks) ++having[task];
  }
  for (auto& task : out) task.workers = having[task.name];
  return out;
}

}  // namespace conduitd::broker::sqlite
