#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "broker/schedule_list.h"
#include "ctl/command_line.h"
#include "ctl/human.h"
#include "ctl/table.h"
#include "ctl/task_registry.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

std::pair<std::string, Style> condition_of(const broker::ScheduleState& state) {
  if (!broker::fault_of(state).empty()) return {"unreadable", Style::red};
  if (state.paused) return {"paused", Style::yellow};
  if (!state.alive) return {"no live worker", Style::red};
  return {"open", Style::green};
}

/// How the jobs of a history stand, newest first; empty where there was none, or where it is forgotten.
using Statuses = std::vector<std::string>;

asio::awaitable<Result<Statuses>> statuses_of(Session& session, std::vector<job::ScheduleRun> runs) {
  Statuses out;
  for (auto& run : runs) {
    out.emplace_back();
    if (run.job_id.empty()) continue;
    CONDUIT_CO_TRY(const auto record, co_await session.directory().find(std::move(run.job_id)));
    if (record) out.back() = job::to_string(record->status);
  }
  co_return out;
}

Json to_json(const broker::ScheduleState& state, WallTime now, const Statuses& statuses = {}) {
  const auto& schedule = state.schedule;
  Json::Array next;
  for (const auto time : broker::next_times(state, now)) next.emplace_back(format_time(time));
  Json::Array runs;
  for (std::size_t i = 0; i < state.runs.size(); ++i) {
    const auto& run = state.runs[i];
    Json one;
    one.set("time", format_time(run.time)).set("job", run.job_id).set("note", run.note);
    if (i < statuses.size() && !statuses[i].empty()) one.set("status", statuses[i]);
    runs.push_back(std::move(one));
  }
  Json out;
  out.set("name", schedule.name).set("task", schedule.task).set("queue", schedule.queue);
  out.set("args", schedule.args.empty() ? Json(Json::Object{}) : Json(Json::Raw{schedule.args})).set("schedule", schedule.expression);
  out.set("timezone", schedule.timezone.empty() ? "UTC" : schedule.timezone).set("missed", job::to_string(schedule.missed));
  out.set("overlap", job::to_string(schedule.overlap)).set("jitter", format_duration(schedule.jitter)).set("paused", state.paused);
  out.set("added", state.added).set("alive", state.alive).set("next", std::move(next)).set("runs", std::move(runs));
  if (const auto fault = broker::fault_of(state); !fault.empty()) out.set("fault", fault);
  return out;
}

struct CronList final : BrokerCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(const auto list, co_await broker::list_schedules(session.schedules(), session.directory()));
    const auto& program = session.program();
    if (program.json()) {
      Json::Array all;
      for (const auto& state : list.schedules) all.push_back(to_json(state, list.now));
      program.print_json(Json(Json::Object{}).set("schedules", std::move(all)));
      co_return ExitCode::ok;
    }
    Table table({{"SCHEDULE", false, true}, {"TASK", false, true}, {"TIMES"}, {"ZONE"}, {"STATE"}, {"LAST"}, {"NEXT"}});
    for (const auto& state : list.schedules) {
      const auto [text, style] = condition_of(state);
      const auto next = broker::next_times(state, list.now, 1);
      table.add({{state.schedule.name},
                 {state.schedule.task},
                 {state.schedule.expression},
                 {state.schedule.timezone.empty() ? "UTC" : state.schedule.timezone},
                 {text, style},
                 {state.runs.empty() ? "" : format_time(state.runs.front().time).substr(0, 19) + "Z"},
                 {next.empty() ? "" : format_time(next.front()).substr(0, 19) + "Z"}});
    }
    fmt::print("{}", table.empty() ? "There is no schedule: see [[cron]] in the configuration file, and conduitctl cron add.\n" : table.take(program.out));
    co_return ExitCode::ok;
  }
};

/// What the commands for one schedule have in common.
struct CronCommand : BrokerCommand {
  std::string name;
};

struct CronShow final : CronCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    auto named = name;
    CONDUIT_CO_TRY(const auto found, co_await broker::named_schedule(session.schedules(), session.directory(), std::move(named)));
    const auto& [state, now] = found;
    auto runs = state.runs;
    CONDUIT_CO_TRY(const auto statuses, co_await statuses_of(session, std::move(runs)));
    if (session.program().json()) {
      session.program().print_json(to_json(state, now, statuses));
      co_return ExitCode::ok;
    }
    const auto& schedule = state.schedule;
    fmt::print("schedule    {}\nstate       {}\nfrom        {}\n", schedule.name, condition_of(state).first,
               state.added ? "cron add" : "configuration or plugin");
    if (const auto fault = broker::fault_of(state); !fault.empty()) {
      fmt::print("fault       {}\n", escape_control(fault));
      co_return ExitCode::ok;
    }
    fmt::print("task        {}\nqueue       {}\nargs        {}\n", schedule.task, schedule.queue, escape_control(schedule.args));
    fmt::print("times       {}  ({})\n", schedule.expression, schedule.timezone.empty() ? "UTC" : schedule.timezone);
    fmt::print("missed      {}\noverlap     {}\njitter      {}\n", job::to_string(schedule.missed), job::to_string(schedule.overlap),
               format_duration(schedule.jitter));
    const auto next = broker::next_times(state, now);
    for (std::size_t i = 0; i < next.size(); ++i) fmt::print("{}{}\n", i == 0 ? "next        " : "            ", format_time(next[i]));
    if (state.runs.empty()) co_return ExitCode::ok;
    Table table({{"TIME"}, {"JOB", false, true}, {"STATUS"}, {"NOTE", false, true}});
    for (std::size_t i = 0; i < state.runs.size(); ++i) {
      table.add({{format_time(state.runs[i].time)}, {state.runs[i].job_id}, {statuses[i]}, {state.runs[i].note}});
    }
    fmt::print("\nruns\n{}", table.take(session.program().out));
    co_return ExitCode::ok;
  }
};

/// Submits a job now, beside the schedule's own times.
struct CronRun final : CronCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    auto named = name;
    CONDUIT_CO_TRY(const auto id, co_await broker::run_named(session.schedules(), session.directory(), std::move(named)));
    if (session.program().json()) {
      session.program().print_json(Json(Json::Object{}).set("id", id));
    } else {
      fmt::print("{}\n", id);
    }
    co_return ExitCode::ok;
  }
};

struct CronPause final : CronCommand {
  bool paused = true;

  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    auto named = name;
    CONDUIT_CO_TRY(co_await broker::pause_named(session.schedules(), session.directory(), std::move(named), paused));
    if (session.program().json()) {
      session.program().print_json(Json(Json::Object{}).set("name", name).set("paused", paused));
    } else {
      fmt::print("schedule {} {}\n", name, paused ? "is paused" : "is open");
    }
    co_return ExitCode::ok;
  }
};

struct CronDelete final : CronCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    auto named = name;
    CONDUIT_CO_TRY(co_await broker::delete_named(session.schedules(), session.directory(), std::move(named)));
    if (session.program().json()) {
      session.program().print_json(Json(Json::Object{}).set("name", name).set("deleted", true));
    } else {
      fmt::print("schedule {} is deleted\n", name);
    }
    co_return ExitCode::ok;
  }
};

/// Adds a schedule that no worker announces.
struct CronAdd final : BrokerCommand {
  job::Schedule schedule;
  std::string queue;
  std::string missed;
  std::string overlap;
  std::string jitter;
  bool allow_unknown = false;

  Result<> prepare(const Target& target) override {
    const auto usage = [](std::string what) { return Error(Errc::invalid_argument, std::move(what)); };
    if (!missed.empty()) {
      const auto chosen = job::parse_missed(missed);
      if (!chosen) return usage(fmt::format("--missed: {} are allowed, not '{}'", fmt::join(job::kMissedNames, ", "), missed));
      schedule.missed = *chosen;
    }
    if (!overlap.empty()) {
      const auto chosen = job::parse_overlap(overlap);
      if (!chosen) return usage(fmt::format("--overlap: {} are allowed, not '{}'", fmt::join(job::kOverlapNames, ", "), overlap));
      schedule.overlap = *chosen;
    }
    if (!jitter.empty()) {
      const auto length = parse_duration(jitter);
      if (!length.has_value()) return length.error().within("--jitter");
      if (length.value() > job::kLongestJitter) return usage("--jitter: a day is the most");
      schedule.jitter = length.value();
    }
    if (!queue.empty()) schedule.queue = queue;
    if (schedule.args.size() > target.limits.size) return usage(fmt::format("args: at most {} bytes are allowed", target.limits.size));
    return job::check(schedule);
  }

  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(auto registry, co_await load_registry(session.directory(), allow_unknown));
    if (registry.empty()) complain("no worker has announced any task yet: see conduitctl worker list");
    CONDUIT_CO_TRY(auto own_queue, registry.queue_of(schedule.task));
    if (const auto warning = registry.take_warning(schedule.task); !warning.empty()) complain(warning);
    if (queue.empty()) schedule.queue = std::move(own_queue);
    auto added = schedule;
    CONDUIT_CO_TRY(const auto found, co_await broker::add_and_show(session.schedules(), std::move(added)));
    const auto& [state, now] = found;
    if (session.program().json()) {
      session.program().print_json(to_json(state, now));
      co_return ExitCode::ok;
    }
    const auto next = broker::next_times(state, now, 1);
    fmt::print("schedule {} is added{}\n", schedule.name, next.empty() ? ", and paused" : "; next " + format_time(next.front()));
    co_return ExitCode::ok;
  }
};

constexpr const char* kAddExamples = R"(  conduitctl cron add sweep --task images.sweep --schedule "0 3 * * *" --timezone Europe/Berlin
  conduitctl cron add tick --task report.tick --schedule "*/30 * * * * *" --args '{"n": 1}' --overlap queue

Any worker that is there fires it, whether or not its configuration has it, until conduitctl cron delete. One that was added before is
replaced; the name of one that a live worker announces is refused. What the options mean is what the keys of [[cron]] mean.

JSON: the schedule, as in cron show.)";

void add_add(CLI::App& group, Program& program) {
  auto [add, command] = add_broker_command<CronAdd>(group, program, "add", "Adds a schedule, kept until it is deleted");
  auto& schedule = command->schedule;
  add->add_option("NAME", schedule.name, "A name of its own in the namespace")->required()->type_name("");
  add->add_option("--task", schedule.task, "The task whose jobs it submits")->required()->type_name("TASK");
  add->add_option("--schedule", schedule.expression, "Cron expression: five fields, or six with seconds; @daily and the like")
      ->required()
      ->type_name("EXPR");
  add->add_option("--timezone", schedule.timezone, "IANA name of the zone of its times (default: UTC)")->type_name("ZONE");
  add->add_option("--args", schedule.args, "What its jobs are given, as JSON (default {})")->type_name("JSON");
  add->add_option("-q,--queue", command->queue, "Where its jobs go (default: the task's own)")->type_name("QUEUE");
  add->add_option("--missed", command->missed, "Times no worker came to: skip, latest (the default) or all")->type_name("M");
  add->add_option("--overlap", command->overlap, "While an earlier job has not ended: skip (the default), queue or allow")->type_name("O");
  add->add_option("--jitter", command->jitter, "Put each time off by up to so much")->type_name("D");
  add->add_flag("--allow-unknown", command->allow_unknown, "Add it though no worker has announced the task");
  add_examples(*add, kAddExamples);
}

template <class Command>
std::pair<CLI::App*, std::shared_ptr<Command>> add_named(CLI::App& group, Program& program, const std::string& verb, const std::string& what) {
  auto [app, command] = add_broker_command<Command>(group, program, verb, what);
  app->add_option("SCHEDULE", command->name, "Its name, as in cron list")->required()->type_name("");
  add_examples(*app, fmt::format("  conduitctl cron {} images.sweep", verb));
  return {app, command};
}

}  // namespace

void add_cron(CLI::App& app, Program& program) {
  auto& group = add_group(app, "cron", "Lists, adds, runs and pauses schedules");
  auto [list, list_command] = add_broker_command<CronList>(group, program, "list", "Shows the schedules that workers have announced or somebody has added");
  add_examples(*list, "  conduitctl cron list");
  add_add(group, program);
  add_named<CronShow>(group, program, "show", "Shows a schedule, its next times and what was made of the last ones");
  add_named<CronRun>(group, program, "run", "Submits a job of a schedule now, beside its own times");
  add_named<CronPause>(group, program, "pause", "Stops a schedule on all workers until it is resumed");
  auto [resume, resume_command] =
      add_named<CronPause>(group, program, "resume", "Lets a paused schedule go on with its next time; nothing is made up for");
  resume_command->paused = false;
  add_named<CronDelete>(group, program, "delete", "Forgets a schedule that was added, or that no live worker announces");
}

}  // namespace conduitd::ctl
