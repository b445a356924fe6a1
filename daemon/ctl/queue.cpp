#include <fmt/format.h>

#include <algorithm>

#include "ctl/announced.h"
#include "ctl/command_line.h"
#include "ctl/human.h"
#include "ctl/pause.h"
#include "ctl/purge.h"
#include "ctl/table.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

struct QueueList final : BrokerCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(const auto queues, co_await session.directory().queues());
    CONDUIT_CO_TRY(const auto workers, co_await session.directory().workers());
    const auto& program = session.program();
    if (program.json()) {
      program.print_json(as_json(queues, workers));
      co_return ExitCode::ok;
    }
    // What no queue has gets no column.
    std::vector<Column> columns{{"QUEUE", false, true}, {"STATE"}, {"QUEUED", true}, {"RUNNING", true}, {"SCHEDULED", true}, {"FAILED", true}};
    std::vector<std::pair<const char*, const char*>> more{{"concurrency", "LIMIT"}, {"weight", "WEIGHT"}};
    std::erase_if(more, [&](const auto& one) {
      return std::all_of(queues.begin(), queues.end(), [&](const auto& queue) { return announced_of_queue(workers, one.first, queue.name).empty(); });
    });
    for (const auto& [member, heading] : more) columns.push_back({heading, true});
    Table table(std::move(columns));
    for (const auto& queue : queues) {
      std::vector<Cell> cells{{queue.name},
                 {queue.paused ? "paused" : "open", queue.paused ? Style::yellow : Style::green},
                 {grouped(queue.queued)},
                 {grouped(queue.running), queue.running > 0 ? Style::cyan : Style::none},
                 {grouped(queue.scheduled)},
                 {grouped(queue.failed), queue.failed > 0 ? Style::red : Style::none}};
      for (const auto& [member, heading] : more) cells.push_back({announced_of_queue(workers, member, queue.name)});
      table.add(std::move(cells));
    }
    if (table.empty()) {
      fmt::print("There is no queue yet: the first job makes one.\n");
    } else {
      fmt::print("{}", table.take(program.out));
    }
    co_return ExitCode::ok;
  }

  static Json as_json(const std::vector<broker::QueueInfo>& queues, const std::vector<broker::WorkerInfo>& workers) {
    Json::Array list;
    for (const auto& queue : queues) {
      Json item;
      item.set("name", queue.name).set("paused", queue.paused).set("queued", queue.queued).set("running", queue.running);
      item.set("scheduled", queue.scheduled).set("failed", queue.failed);
      for (const char* member : {"concurrency", "weight"}) {
        if (auto said = announced_of_queue(workers, member, queue.name); !said.empty()) item.set(member, std::move(said));
      }
      list.push_back(std::move(item));
    }
    return Json(Json::Object{}).set("queues", std::move(list));
  }
};

/// queue pause and queue resume.
struct QueuePause final : Pause {
  QueuePause() : Pause("queue", &broker::Directory::set_queue_paused) {}
};

}  // namespace

void add_queue(CLI::App& app, Program& program) {
  auto& group = add_group(app, "queue", "Lists, pauses, resumes and purges queues");

  auto [list, list_command] = add_broker_command<QueueList>(group, program, "list", "Shows all queues and what waits in them");
  add_examples(*list, "  conduitctl queue list\n  conduitctl queue list -o json | jq '.queues[] | select(.paused)'");

  auto [pause, pause_command] =
      add_broker_command<QueuePause>(group, program, "pause", "Holds queues back: workers take no more jobs from them");
  pause->add_option("QUEUE", pause_command->names, "Queues to pause")->required()->type_name("");
  add_examples(*pause, "  conduitctl queue pause media mail");

  auto [resume, resume_command] = add_broker_command<QueuePause>(group, program, "resume", "Opens paused queues again");
  resume_command->paused = false;
  resume->add_option("QUEUE", resume_command->names, "Queues to resume")->required()->type_name("");
  add_examples(*resume, "  conduitctl queue resume media");

  auto [purge, purge_command] = add_broker_command<Purge>(
      group, program, "purge", "Cancels every waiting job of a queue (asks first at a terminal)");
  purge->add_option("QUEUE", purge_command->queue, "Queue to purge")->required()->type_name("");
  purge->add_option("--task", purge_command->task, "Only jobs of this task")->type_name("TASK");
  purge->add_flag("-y,--yes", purge_command->yes, "Do not ask");
  add_examples(*purge, "  conduitctl queue purge media --yes");
}

}  // namespace conduitd::ctl
