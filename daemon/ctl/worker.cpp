#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ctl/command_line.h"
#include "base/text.h"
#include "ctl/human.h"
#include "ctl/table.h"
#include "ctl/worker_resources.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

Json names(const std::vector<std::string>& list) {
  Json::Array array;
  for (const auto& name : list) array.emplace_back(name);
  return array;
}

Json to_json(const broker::WorkerInfo& worker) {
  Json item;
  item.set("id", worker.id).set("host", worker.host).set("pid", worker.pid).set("version", worker.version);
  item.set("state", worker.state).set("started_at", format_time(worker.started_at));
  item.set("seen_at", format_time(worker.seen_at)).set("running", worker.running).set("slots", worker.slots);
  item.set("done", worker.done).set("queues", names(worker.queues)).set("tasks", names(worker.tasks));
  item.set("detail", worker.detail.empty() ? Json(Json::Object{}) : Json(Json::Raw{worker.detail}));
  return item;
}

/// "cpu 6/8, gpu 0/2": what is free, and all.
std::string free_of_all(const broker::WorkerInfo& worker) {
  std::string out;
  for (const auto& [name, stock] : stock_of(worker).value_or(std::map<std::string, Stock>())) {
    out += fmt::format("{}{} {}/{}", out.empty() ? "" : ", ", name, job::format_units(name, stock.free), job::format_units(name, stock.units));
  }
  return out;
}

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
                 {"DONE", true}, {"UP", true}, {"SEEN", true}, {"FREE", false, true}, {"QUEUES", false, true}});
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
                 {free_of_all(worker)},
                 {fmt::format("{}", fmt::join(worker.queues, ","))}});
    }
    if (table.empty()) {
      fmt::print("No worker is alive; start conduitd.\n");
    } else {
      fmt::print("{}", table.take(program.out));
    }
    co_return ExitCode::ok;
  }

  static Json as_json(const std::vector<broker::WorkerInfo>& workers) {
    Json::Array list;
    for (const auto& worker : workers) list.push_back(to_json(worker));
    return Json(Json::Object{}).set("workers", std::move(list));
  }
};

struct WorkerShow final : BrokerCommand {
  std::string id;

  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(const auto workers, co_await session.directory().workers());
    const auto found = std::find_if(workers.begin(), workers.end(), [this](const auto& worker) { return worker.id == id; });
    if (found == workers.end()) {
      co_return Error(Errc::not_found, fmt::format("no worker '{}' is alive; see conduitctl worker list", escape_control(id)));
    }
    if (session.program().json()) {
      session.program().print_json(to_json(*found));
    } else {
      CONDUIT_CO_TRY(const auto tasks, co_await session.directory().tasks());
      print_page(session.program(), *found, tasks, session.clock().wall_now());
    }
    co_return ExitCode::ok;
  }

  static void print_page(const Program& program, const broker::WorkerInfo& worker, const std::vector<broker::TaskInfo>& tasks, WallTime now) {
    fmt::print("{}  {} since {}\n", styled(program.out, Style::bold, escape_control(worker.id)), escape_control(worker.state), moment(worker.started_at, now));
    fmt::print("host {}, pid {}, version {}, seen {}\n", escape_control(worker.host), worker.pid, escape_control(worker.version), age(worker.seen_at, now));
    fmt::print("{} of {} slots busy, {} done\n", worker.running, worker.slots, grouped(worker.done));
    fmt::print("queues: {}\n", escape_control(fmt::format("{}", fmt::join(worker.queues, ", "))));
    std::vector<std::string> takes;
    std::vector<std::string> never;
    for (const auto& name : worker.tasks) {
      const auto task = std::find_if(tasks.begin(), tasks.end(), [&](const auto& one) { return one.name == name; });
      const bool able = task == tasks.end() || !able_to_give({&worker}, needs_of(*task)).workers.empty();
      (able ? takes : never).push_back(able ? name : fmt::format("{} (needs {})", name, job::describe(needs_of(*task))));
    }
    fmt::print("tasks: {}\n", escape_control(fmt::format("{}", fmt::join(takes, ", "))));
    if (!never.empty()) fmt::print("never taken, for it has not what they need: {}\n", escape_control(fmt::format("{}", fmt::join(never, "; "))));
    Table table({{"RESOURCE"}, {"FREE", true}, {"OF", true}, {"DEVICES", false, true}});
    for (const auto& [name, stock] : stock_of(worker).value_or(std::map<std::string, Stock>())) {
      table.add({{name}, {job::format_units(name, stock.free)}, {job::format_units(name, stock.units)}, {fmt::format("{}", fmt::join(stock.devices, ","))}});
    }
    if (!table.empty()) fmt::print("\n{}", table.take(program.out));
  }
};

}  // namespace

void add_worker(CLI::App& app, Program& program) {
  auto& group = add_group(app, "worker", "Lists and shows workers");
  auto [list, command] = add_broker_command<WorkerList>(group, program, "list", "Shows the workers that are alive");
  add_examples(*list, "  conduitctl worker list\n  conduitctl worker list -o json | jq '.workers[].id'");

  auto [show, shown] = add_broker_command<WorkerShow>(group, program, "show", "Shows a worker: its slots, tasks and resources");
  show->add_option("WORKER", shown->id, "Its id, as worker list has it")->required()->type_name("");
  add_examples(*show, "  conduitctl worker show web1-2714-5f0c22d1");
}

}  // namespace conduitd::ctl
