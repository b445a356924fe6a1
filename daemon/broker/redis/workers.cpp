#include "broker/redis/workers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/text.h"

namespace asio = boost::asio;

namespace conduitd::broker::redis {
namespace {

Json names(const std::vector<std::string>& list) {
  Json out{Json::Array{}};
  for (const auto& name : list) out.push(name);
  return out;
}

std::vector<std::string> names_in(const Json& json, std::string_view key) {
  std::vector<std::string> out;
  const auto* member = json.find(key);
  const auto* array = member != nullptr ? member->as_array() : nullptr;
  if (array == nullptr) return out;
  for (const auto& name : *array) {
    if (name.as_string() != nullptr) out.push_back(*name.as_string());
  }
  return out;
}

std::string describe(const WorkerInfo& worker) {
  Json out;
  out.set("host", worker.host).set("pid", worker.pid).set("version", worker.version);
  out.set("started_at", to_unix_ms(worker.started_at)).set("state", worker.state);
  out.set("queues", names(worker.queues)).set("tasks", names(worker.tasks));
  out.set("running", worker.running).set("slots", worker.slots).set("done", worker.done).set("detail", worker.detail);
  return out.text();
}

WorkerInfo worker_from(std::string id, const Json& json, WallTime seen_at) {
  WorkerInfo out;
  out.id = std::move(id);
  out.host = json.string_or("host", "");
  out.pid = json.int_or("pid", 0);
  out.version = json.string_or("version", "");
  out.started_at = from_unix_ms(json.int_or("started_at", 0));
  out.seen_at = seen_at;
  out.state = json.string_or("state", "");
  out.queues = names_in(json, "queues");
  out.tasks = names_in(json, "tasks");
  out.running = static_cast<std::uint64_t>(json.int_or("running", 0));
  out.slots = static_cast<std::uint64_t>(json.int_or("slots", 0));
  out.done = static_cast<std::uint64_t>(json.int_or("done", 0));
  out.detail = json.string_or("detail", "");
  return out;
}

std::string describe(const TaskInfo& task) {
  Json out;
  out.set("queue", task.queue).set("executor", task.executor).set("plugin", task.plugin);
  out.set("plugin_version", task.plugin_version).set("options", task.options);
  return out.text();
}

std::string_view info_value(std::string_view info, std::string_view key) {
  const auto at = info.find(fmt::format("\n{}:", key));
  if (at == std::string_view::npos) return {};
  const auto value = info.substr(at + key.size() + 2);
  return value.substr(0, value.find_first_of("\r\n"));
}

}  // namespace

asio::awaitable<Result<>> Workers::heartbeat(WorkerInfo worker, std::vector<TaskInfo> tasks, Millis interval) {
  Words keys{server_.keys.workers(), server_.keys.worker(worker.id), server_.keys.tasks()};
  Words args{worker.id, std::to_string(interval.count() * 3), describe(worker)};
  for (const auto& task : tasks) {
    args.push_back(task.name);
    args.push_back(describe(task));
  }
  Batch batch;
  batch.script(Script::heartbeat, keys, args);
  for (const auto& queue : worker.queues) batch.command({"ZADD", server_.keys.queues(), "0", queue});
  CONDUIT_CO_TRY(co_await server_.exec(std::move(batch)));
  co_return ok();
}

asio::awaitable<Result<>> Workers::farewell(std::string worker) {
  Batch batch;
  batch.command({"DEL", server_.keys.worker(worker), server_.keys.wake(worker)});
  batch.command({"ZREM", server_.keys.workers(), worker});
  CONDUIT_CO_TRY(const auto queues, co_await lanes_.all_queues());
  CONDUIT_CO_TRY(co_await lanes_.refresh(queues));
  const Words owner{worker};
  for (const auto& queue : queues) {
    Words streams;
    for (const auto& lane : lanes_.known(queue)) streams.push_back(server_.keys.queue(queue).stream(lane.task, lane.lane));
    if (!streams.empty()) batch.script(Script::leave, streams, owner);
    if (server_.is_cluster()) batch.command({"DEL", server_.keys.queue(queue).wake(worker)});
  }
  CONDUIT_CO_TRY(co_await server_.exec(std::move(batch)));
  co_return ok();
}

asio::awaitable<Result<std::vector<WorkerInfo>>> Workers::workers() {
  Batch list;
  list.command({"ZRANGE", server_.keys.workers(), "0", "-1", "WITHSCORES"});
  CONDUIT_CO_TRY(const auto known, co_await server_.exec(std::move(list)));
  Batch look;
  for (std::size_t i = 0; i + 1 < known[0].view().size(); i += 2) look.command({"GET", server_.keys.worker(known[0][i].text())});
  CONDUIT_CO_TRY(const auto described, co_await server_.exec(std::move(look)));
  std::vector<WorkerInfo> out;
  Batch clear;
  for (std::size_t i = 0; i < described.size(); ++i) {
    const auto id = std::string(known[0][i * 2].text());
    const auto json = parse_json(described[i].view().text());
    if (described[i].view().is_nil()) {
      // Its heartbeats have stopped. If they begin again, so does its entry.
      clear.command({"ZREM", server_.keys.workers(), id});
    } else if (json.has_value()) {
      out.push_back(worker_from(id, json.value(), from_unix_ms(known[0][i * 2 + 1].integer_or(0))));
    }
  }
  // Whoever may only look leaves that to others.
  const auto cleared = co_await server_.exec(std::move(clear));
  static_cast<void>(cleared);
  co_return out;
}

asio::awaitable<Result<std::vector<TaskInfo>>> Workers::tasks() {
  CONDUIT_CO_TRY(const auto alive, co_await workers());
  Batch batch;
  batch.command({"HGETALL", server_.keys.tasks()});
  batch.command({"ZRANGE", server_.keys.paused_tasks(), "0", "-1"});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  const auto paused = replies[1].view();
  std::vector<TaskInfo> out;
  for (std::size_t i = 0; i + 1 < replies[0].view().size(); i += 2) {
    const auto json = parse_json(replies[0][i + 1].text());
    if (!json.has_value()) continue;
    TaskInfo task;
    task.name = replies[0][i].text();
    task.queue = json.value().string_or("queue", "");
    task.executor = json.value().string_or("executor", "");
    task.plugin = json.value().string_or("plugin", "");
    task.plugin_version = json.value().string_or("plugin_version", "");
    task.options = json.value().string_or("options", "");
    for (std::size_t n = 0; n < paused.size(); ++n) task.paused = task.paused || paused[n].text() == task.name;
    for (const auto& worker : alive) {
      task.workers += static_cast<std::size_t>(std::count(worker.tasks.begin(), worker.tasks.end(), task.name));
    }
    out.push_back(std::move(task));
  }
  std::sort(out.begin(), out.end(), [](const TaskInfo& a, const TaskInfo& b) { return a.name < b.name; });
  co_return out;
}

std::string Workers::eviction_fault(std::string_view server, std::string_view memory) const {
  const auto policy = info_value(memory, "maxmemory_policy");
  if (policy == "noeviction") return {};
  return fmt::format("{}: maxmemory-policy is {}: when memory is full, this Redis server drops waiting jobs. Set 'maxmemory-policy "
                     "noeviction' in redis.conf",
                     server, policy.empty() ? "not known" : policy);
}

asio::awaitable<Result<>> Workers::check_eviction() {
  // A producer has jobs accepted, or not; to keep them is the workers' business.
  if (server_.options.worker.empty() || server_.endpoint.allow_eviction) co_return ok();
  Words question{"INFO", "memory"};
  CONDUIT_CO_TRY(const auto answers, co_await server_.ask_each(std::move(question)));
  for (const auto& [server, reply] : answers) {
    if (reply.view().is_error()) co_return server_.error_of(reply.view(), "INFO");
    const auto fault = eviction_fault(server, reply.view().text());
    if (!fault.empty()) co_return Error(Errc::unsupported, fault + ", or start with allow_eviction = true in [broker]");
  }
  co_return ok();
}

asio::awaitable<Result<std::vector<std::string>>> Workers::warnings() {
  Words of_memory{"INFO", "memory"};
  Words of_persistence{"INFO", "persistence"};
  CONDUIT_CO_TRY(const auto memory, co_await server_.ask_each(std::move(of_memory)));
  CONDUIT_CO_TRY(const auto persistence, co_await server_.ask_each(std::move(of_persistence)));
  std::vector<std::string> out;
  for (const auto& [server, reply] : persistence) {
    if (reply.view().is_error()) co_return server_.error_of(reply.view(), "INFO");
    if (info_value(reply.view().text(), "aof_enabled") != "0") continue;
    out.push_back(fmt::format("{}: appendonly is off: when this Redis server crashes, every job accepted since its last "
                              "snapshot is lost. Set 'appendonly yes' in redis.conf.",
                              server));
  }
  for (const auto& [server, reply] : memory) {
    if (reply.view().is_error()) co_return server_.error_of(reply.view(), "INFO");
    if (const auto fault = eviction_fault(server, reply.view().text()); !fault.empty()) out.push_back(fault + ".");
  }
  co_return out;
}

// Of the keys, the records and the scripts together: it grows when an older program could not work with what a newer one writes.
constexpr int kStoreVersion = 1;

asio::awaitable<Result<>> Workers::check_store() {
  Batch look;
  look.command({"GET", server_.keys.version()});
  CONDUIT_CO_TRY(auto replies, co_await server_.exec(std::move(look)));
  // Producers may not be allowed to write here, and make no store.
  if (replies[0].view().is_nil() && !server_.options.worker.empty()) {
    Batch write;
    const auto ours = std::to_string(kStoreVersion);
    write.command({"SET", server_.keys.version(), ours, "NX"});
    write.command({"GET", server_.keys.version()});
    CONDUIT_CO_TRY(replies, co_await server_.exec(std::move(write)));
  }
  if (replies.back().view().is_nil()) co_return ok();
  const auto text = replies.back().view().text();
  int version = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (failure != std::errc{} || end != text.data() + text.size() || version < 1) {
    constexpr std::size_t kMostShown = 60;
    co_return Error(Errc::corrupt,
                    fmt::format("{}: the key {} holds '{}' where the version of what is kept in the namespace should stand: if that is another "
                                "program's key, name another namespace; if it was damaged, delete it, and the next worker writes it anew",
                                server_.name(), server_.keys.version(), escape_control(text.substr(0, kMostShown))));
  }
  if (version <= kStoreVersion) co_return ok();
  co_return Error(Errc::unsupported,
                  fmt::format("{}: what is kept in the namespace '{}' has version {}, this program knows version {}: run the newer "
                              "program, or name another namespace", server_.name(), server_.keys.name_space, version, kStoreVersion));
}

asio::awaitable<Result<>> Workers::check_version() {
  Batch batch;
  batch.command({"INFO", "server"});
  CONDUIT_CO_TRY(const auto replies, co_await server_.exec(std::move(batch)));
  if (!server_.is_cluster() && info_value(replies[0].view().text(), "redis_mode") == "cluster") {
    co_return Error(Errc::unsupported, fmt::format("{}: this server is a node of a cluster: write redis-cluster:// (or rediss-cluster://) before its address",
                                                   server_.name()));
  }
  const auto version = info_value(replies[0].view().text(), "redis_version");
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  constexpr int kOldestMajor = 7;
  if (major >= kOldestMajor) co_return ok();
  co_return Error(Errc::unsupported, fmt::format("{}: this is Redis {}: version 7.0 or later is needed", server_.name(),
                                                 version.empty() ? "of an unknown version" : version));
}

}  // namespace conduitd::broker::redis
