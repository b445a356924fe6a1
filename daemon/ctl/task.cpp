#include <fmt/format.h>

#include <algorithm>

#include "ctl/announced.h"
#include "ctl/command_line.h"
#include "ctl/human.h"
#include "ctl/pause.h"
#include "ctl/purge.h"
#include "ctl/table.h"
#include "ctl/worker_resources.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

struct TaskList final : BrokerCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(const auto tasks, co_await session.directory().tasks());
    CONDUIT_CO_TRY(const auto workers, co_await session.directory().workers());
    const auto& program = session.program();
    if (program.json()) {
      program.print_json(as_json(tasks, workers));
      co_return ExitCode::ok;
    }
    // What no task has gets no column.
    const bool limited = std::any_of(tasks.begin(), tasks.end(), [](const auto& task) { return !limits_text(task).empty(); });
    std::vector<Column> columns{{"TASK", false, true}, {"QUEUE", false, true}, {"EXECUTOR"}, {"PLUGIN", false, true}, {"STATE"}, {"WORKERS", true}, {"NEEDS", false, true}};
    if (limited) columns.push_back({"LIMITS", false, true});
    Table table(std::move(columns));
    for (const auto& task : tasks) {
      const auto takers = takers_of(task, workers);
      std::vector<Cell> cells{{task.name},
                 {task.queue},
                 {task.executor},
                 {task.plugin_version.empty() ? task.plugin : task.plugin + " " + task.plugin_version},
                 {task.paused ? "paused" : "open", task.paused ? Style::yellow : Style::green},
                 {grouped(takers), takers == 0 ? Style::red : Style::none},
                 {job::describe(needs_of(task))}};
      if (limited) cells.push_back({limits_text(task)});
      table.add(std::move(cells));
    }
    if (table.empty()) {
      fmt::print("No worker has announced a task yet; start conduitd with a plugin.\n");
    } else {
      fmt::print("{}", table.take(program.out));
    }
    co_return ExitCode::ok;
  }

  /// The live workers that have it and all that it needs.
  static std::size_t takers_of(const broker::TaskInfo& task, const std::vector<broker::WorkerInfo>& workers) {
    std::vector<const broker::WorkerInfo*> with_task;
    for (const auto& worker : workers) {
      if (std::find(worker.tasks.begin(), worker.tasks.end(), task.name) != worker.tasks.end()) with_task.push_back(&worker);
    }
    return able_to_give(with_task, needs_of(task)).workers.size();
  }

  static Json as_json(const std::vector<broker::TaskInfo>& tasks, const std::vector<broker::WorkerInfo>& workers) {
    Json::Array list;
    for (const auto& task : tasks) {
      Json item;
      item.set("name", task.name).set("queue", task.queue).set("executor", task.executor).set("plugin", task.plugin);
      item.set("plugin_version", task.plugin_version).set("paused", task.paused).set("workers", takers_of(task, workers));
      item.set("options", task.options.empty() ? Json(Json::Object{}) : Json(Json::Raw{task.options}));
      list.push_back(std::move(item));
    }
    return Json(Json::Object{}).set("tasks", std::move(list));
  }
};

/// task pause and task resume.
struct TaskPause final : Pause {
  TaskPause() : Pause("task", &broker::Directory::set_task_paused) {}
};

}  // namespace

void add_task(CLI::App& app, Program& program) {
  auto& group = add_group(app, "task", "Lists, pauses, resumes and purges tasks");

  auto [list, list_command] = add_broker_command<TaskList>(group, program, "list", "Shows the tasks that workers have announced");
  add_examples(*list, "  conduitctl task list");

  auto [pause, pause_command] =
      add_broker_command<TaskPause>(group, program, "pause", "Holds tasks back in every queue: workers take no more of their jobs");
  pause->add_option("TASK", pause_command->names, "Tasks to pause")->required()->type_name("");
  add_examples(*pause, "  conduitctl task pause images.thumbnail");

  auto [resume, resume_command] = add_broker_command<TaskPause>(group, program, "resume", "Opens paused tasks again");
  resume_command->paused = false;
  resume->add_option("TASK", resume_command->names, "Tasks to resume")->required()->type_name("");
  add_examples(*resume, "  conduitctl task resume images.thumbnail");

  auto [purge, purge_command] = add_broker_command<Purge>(
      group, program, "purge", "Cancels every waiting job of a task, in all queues (asks first at a terminal)");
  purge->add_option("TASK", purge_command->task, "Task to purge")->required()->type_name("");
  purge->add_option("--queue", purge_command->queue, "Only jobs in this queue")->type_name("QUEUE");
  purge->add_flag("-y,--yes", purge_command->yes, "Do not ask");
  add_examples(*purge, "  conduitctl task purge images.thumbnail --yes");
}

}  // namespace conduitd::ctl
