#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "ctl/command_line.h"
#include "ctl/follow.h"
#include "ctl/human.h"
#include "ctl/job_view.h"
#include "ctl/reasons.h"
#include "ctl/table.h"
#include "job/id.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

/// The waiting jobs of a queue that are looked at.
constexpr std::size_t kMostLookedAt = 1'000;

struct Explain final : BrokerCommand {
  std::string id;
  std::string queue;

  Result<> prepare(const Target& /*target*/) override {
    if (id.empty() == queue.empty()) return Error(Errc::invalid_argument, "name a job, or a queue with --queue; see conduitctl explain --help");
    if (!id.empty()) {
      CONDUIT_TRY(job::parse_id(id));
    }
    return ok();
  }

  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(tasks_, co_await session.directory().tasks());
    CONDUIT_CO_TRY(workers_, co_await session.directory().workers());
    if (!queue.empty()) co_return co_await explain_queue(session);
    CONDUIT_CO_TRY(const auto record, co_await session.directory().find(id));
    if (!record) co_return no_such_job(id);
    CONDUIT_CO_TRY(const auto around, co_await around_of(session, *record));
    const auto now = session.clock().wall_now();
    const auto reasons = reasons_of(*record, around, now);
    if (session.program().json()) {
      print_json(session.program(), *record, reasons);
    } else {
      print_page(session.program(), *record, reasons, now);
    }
    co_return ExitCode::ok;
  }

 private:
  asio::awaitable<Result<Surroundings>> around_of(Session& session, const job::JobRecord& record) {
    Surroundings out;
    out.workers = workers_;
    const auto task = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& one) { return one.name == record.task; });
    if (task != tasks_.end()) out.task = *task;
    if (auto others = others_of(record); !others.empty()) {
      others.resize(std::min(others.size(), job::kMostAwaited));
      CONDUIT_CO_TRY(out.others, co_await session.flows().look(std::move(others), false));
    }
    if (record.status != job::JobStatus::queued) co_return out;
    auto limits = out.task ? announced_limits(*out.task) : std::vector<job::Limit>();
    CONDUIT_CO_TRY(out.standing, co_await session.directory().standing(record.id, std::move(limits)));
    co_return out;
  }

  static void print_page(const Program& program, const job::JobRecord& record, const std::vector<Reason>& reasons, WallTime now) {
    fmt::print("{}  {} in queue {}\n", styled(program.out, Style::bold, record.id), escape_control(record.task), escape_control(record.queue));
    fmt::print("{}, submitted {}\n\n", styled(program.out, style_of(record.status), escape_control(status_text(record))), moment(record.created_at, now));
    for (const auto& reason : reasons) {
      fmt::print("  {}\n", escape_control(reason.text));
      if (!reason.advice.empty()) fmt::print("    {}\n", styled(program.out, Style::dim, escape_control(reason.advice)));
    }
    const auto timeline = timeline_of(record);
    if (timeline.size() < 2) return;
    fmt::print("\n");
    Table table({{"TIME"}, {"SINCE", true}, {"WHAT", false, true}});
    for (std::size_t i = 0; i < timeline.size(); ++i) {
      const auto& one = timeline[i];
      table.add({{format_time(one.time)}, {i == 0 ? "" : "+" + span(std::max(one.time - timeline[i - 1].time, Millis{0}))}, {one.text, one.bad ? Style::red : Style::none}});
    }
    fmt::print("{}", table.take(program.out));
  }

  static Json to_json(const std::vector<Reason>& reasons) {
    Json::Array out;
    for (const auto& reason : reasons) {
      Json one;
      one.set("code", reason.code).set("text", reason.text);
      if (!reason.advice.empty()) one.set("advice", reason.advice);
      out.push_back(std::move(one));
    }
    return out;
  }

  static void print_json(const Program& program, const job::JobRecord& record, const std::vector<Reason>& reasons) {
    Json::Array timeline;
    for (const auto& one : timeline_of(record)) timeline.push_back(Json(Json::Object{}).set("time", format_time(one.time)).set("what", one.text));
    Json out;
    out.set("id", record.id).set("task", record.task).set("queue", record.queue).set("status", job::to_string(record.status));
    out.set("reasons", to_json(reasons)).set("timeline", std::move(timeline));
    program.print_json(out);
  }

  /// How many of the waiting jobs wait for what. Jobs of a task with one value of its key wait for the same.
  asio::awaitable<Result<ExitCode>> explain_queue(Session& session) {
    std::map<std::pair<std::string, std::string>, std::size_t> alike;
    std::map<std::pair<std::string, std::string>, job::JobRecord> examples;
    broker::JobFilter filter;
    filter.queue = queue;
    filter.status = job::JobStatus::queued;
    filter.limit = kMostLookedAt;
    CONDUIT_CO_TRY(auto page, co_await session.directory().list(filter));
    for (auto& record : page.jobs) {
      const auto task = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& one) { return one.name == record.task; });
      const auto key = task != tasks_.end() ? job::key_of(announced_limits(*task)) : std::string();
      const std::pair group(record.task, key.empty() ? std::string() : job::key_value(record.args, key));
      ++alike[group];
      examples.insert_or_assign(group, std::move(record));  // the oldest of them at the end
    }
    std::map<std::pair<std::string, std::string>, std::size_t> counts;  // code and task
    for (const auto& [group, record] : examples) {
      CONDUIT_CO_TRY(const auto around, co_await around_of(session, record));
      counts[{reasons_of(record, around, session.clock().wall_now()).front().code, group.first}] += alike[group];
    }
    auto looked_at = page.jobs.size();
    bool more = !page.next.empty();
    // Others wait without standing in line: those that run after others, and those that run and wait for some.
    for (const auto status : {job::JobStatus::scheduled, job::JobStatus::running}) {
      filter.status = status;
      CONDUIT_CO_TRY(const auto others, co_await session.directory().list(filter));
      looked_at += others.jobs.size();
      more = more || !others.next.empty();
      for (const auto& record : others.jobs) {
        auto code = reasons_of(record, {}, session.clock().wall_now()).front().code;
        if (code == "held" || code == "waits") ++counts[{std::move(code), record.task}];
      }
    }
    print_counts(session.program(), counts, looked_at, more);
    co_return ExitCode::ok;
  }

  void print_counts(const Program& program, const std::map<std::pair<std::string, std::string>, std::size_t>& counts, std::size_t looked_at,
                    bool more) const {
    if (program.json()) {
      Json::Array list;
      for (const auto& [what, count] : counts) list.push_back(Json(Json::Object{}).set("reason", what.first).set("task", what.second).set("jobs", count));
      program.print_json(Json(Json::Object{}).set("queue", queue).set("waiting", std::move(list)).set("complete", !more));
      return;
    }
    if (counts.empty()) return fmt::print("No job waits in queue {}.\n", escape_control(queue));
    Table table({{"REASON"}, {"TASK", false, true}, {"JOBS", true}});
    for (const auto& [what, count] : counts) table.add({{what.first}, {what.second}, {grouped(count)}});
    fmt::print("{}", table.take(program.out));
    if (more) fmt::print("Of the newest {} jobs; more wait.\n", grouped(looked_at));
  }

  std::vector<broker::TaskInfo> tasks_;
  std::vector<broker::WorkerInfo> workers_;
};

}  // namespace

void add_explain(CLI::App& app, Program& program) {
  auto [parser, command] = add_broker_command<Explain>(app, program, "explain", "Says why a job is not running, or what became of it");
  parser->add_option("JOB", command->id, "Job id, as submit printed it")->type_name("");
  parser->add_option("-q,--queue", command->queue, "Instead of a job: what the waiting jobs of this queue wait for")->type_name("Q");
  add_examples(*parser,
               "  conduitctl explain default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC\n"
               "  conduitctl explain --queue media\n\n"
               "JSON: {\"id\", \"task\", \"queue\", \"status\", \"reasons\": [{\"code\", \"text\", \"advice\"}], \"timeline\": [{\"time\", \"what\"}]}; the strongest\n"
               "reason first. A code is paused_queue, paused_task, no_worker, no_reader, draining, no_resources, resources, concurrency,\n"
               "rate, queue_concurrency, slots, next, scheduled, held (by jobs it runs after), retrying, running, waits (for jobs, while it\n"
               "runs) or ended. With --queue: {\"queue\", \"waiting\": [{\"reason\", \"task\", \"jobs\"}], \"complete\"}.");
}

}  // namespace conduitd::ctl
