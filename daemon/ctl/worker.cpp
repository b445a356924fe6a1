#include <fmt/format.h>

#include "ctl/command_line.h"
#include "base/text.h"
#include "ctl/human.h"
#include "ctl/table.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

struct WorkerList final : BrokerCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(const auto workers, co_await session.directory().workers());
    const auto& program = session.program();
    if (program.json()) {
      program.print_json(as_json(workers));
      co_return ExitCode::ok;
    }
    const auto now = session.clock().wall_now();
    Table table({{"WORKER", false, true}, {"HOST", false, true}, {"PID", true}, {"VERSION"}, {"STATE"}, {"BUSY", true},
                 {"DONE", true}, {"UP", true}, {"SEEN", true}, {"QUEUES", false, true}});
    for (const auto& worker : workers) {
      table.add({{worker.id},
                 {worker.host},
                 {fmt::format("{}", worker.pid)},
                 {worker.version},
                 {worker.state, worker.state == "running" ? Style::green : Style::yellow},
                 {fmt::format("{}/{}", worker.running, worker.slots)},
                 {grouped(worker.done)},
                 {age(worker.started_at, now)},
                 {age(worker.seen_at, now)},
                 {fmt::format("{}", fmt::join(worker.queues, ","))}});
    }
    if (table.empty()) {
      fmt::print("No worker is alive; start conduitd.\n");
    } else {
      fmt::print("{}", table.take(program.out));
    }
    co_return ExitCode::ok;
  }

  static Json names(const std::vector<std::string>& list) {
    Json::Array array;
    for (const auto& name : list) array.emplace_back(name);
    return array;
  }

  static Json as_json(const std::vector<broker::WorkerInfo>& workers) {
    Json::Array list;
    for (const auto& worker : workers) {
      Json item;
      item.set("id", worker.id).set("host", worker.host).set("pid", worker.pid).set("version", worker.version);
      item.set("state", worker.state).set("started_at", format_time(worker.started_at));
      item.set("seen_at", format_time(worker.seen_at)).set("running", worker.running).set("slots", worker.slots);
      item.set("done", worker.done).set("queues", names(worker.queues)).set("tasks", names(worker.tasks));
      item.set("detail", worker.detail.empty() ? Json(Json::Object{}) : Json(Json::Raw{worker.detail}));
      list.push_back(std::move(item));
    }
    return Json(Json::Object{}).set("workers", std::move(list));
  }
};

}  // namespace

void add_worker(CLI::App& app, Program& program) {
  auto& group = add_group(app, "worker", "Lists workers");
  auto [list, command] = add_broker_command<WorkerList>(group, program, "list", "Shows the workers that are alive");
  add_examples(*list, "  conduitctl worker list\n  conduitctl worker list -o json | jq '.workers[].id'");
}

}  // namespace conduitd::ctl
