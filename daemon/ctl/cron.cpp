#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "ctl/command_line.h"
#include "ctl/human.h"
#include "ctl/table.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

constexpr std::size_t kNextShown = 5;

/// The times that follow, as the schedule stands; none while it is paused or cannot be read.
std::vector<WallTime> next_times(const broker::ScheduleState& state, WallTime now, std::size_t count) {
  std::vector<WallTime> out;
  if (state.paused || !state.fault.empty()) return out;
  const auto times = job::CronSchedule::make(state.schedule.expression, state.schedule.timezone);
  if (!times.has_value()) return out;
  for (auto time = std::max(state.done_until, now); out.size() < count;) out.push_back(time = times.value().next(time));
  return out;
}

/// What keeps a schedule from ever firing.
std::string fault_of(const broker::ScheduleState& state) {
  if (!state.fault.empty()) return state.fault;
  const auto times = job::CronSchedule::make(state.schedule.expression, state.schedule.timezone);
  return times.has_value() ? std::string() : times.error().message();
}

std::pair<std::string, Style> condition_of(const broker::ScheduleState& state) {
  if (!fault_of(state).empty()) return {"unreadable", Style::red};
  if (state.paused) return {"paused", Style::yellow};
  if (!state.alive) return {"no live worker", Style::red};
  return {"open", Style::green};
}

Json to_json(const broker::ScheduleState& state, WallTime now) {
  const auto& schedule = state.schedule;
  Json::Array next;
  for (const auto time : next_times(state, now, kNextShown)) next.emplace_back(format_time(time));
  Json::Array runs;
  for (const auto& run : state.runs) {
    Json one;
    one.set("time", format_time(run.time)).set("job", run.job_id).set("note", run.note);
    runs.push_back(std::move(one));
  }
  Json out;
  out.set("name", schedule.name).set("task", schedule.task).set("queue", schedule.queue);
  out.set("args", schedule.args.empty() ? Json(Json::Object{}) : Json(Json::Raw{schedule.args})).set("schedule", schedule.expression);
  out.set("timezone", schedule.timezone.empty() ? "UTC" : schedule.timezone).set("missed", job::to_string(schedule.missed));
  out.set("overlap", job::to_string(schedule.overlap)).set("jitter", format_duration(schedule.jitter)).set("paused", state.paused);
  out.set("alive", state.alive).set("next", std::move(next)).set("runs", std::move(runs));
  if (const auto fault = fault_of(state); !fault.empty()) out.set("fault", fault);
  return out;
}

struct CronList final : BrokerCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(const auto list, co_await session.schedules().schedules());
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
      const auto next = next_times(state, list.now, 1);
      table.add({{state.schedule.name},
                 {state.schedule.task},
                 {state.schedule.expression},
                 {state.schedule.timezone.empty() ? "UTC" : state.schedule.timezone},
                 {text, style},
                 {state.runs.empty() ? "" : format_time(state.runs.front().time).substr(0, 19) + "Z"},
                 {next.empty() ? "" : format_time(next.front()).substr(0, 19) + "Z"}});
    }
    fmt::print("{}", table.empty() ? "No worker has announced a schedule yet: see [[cron]] in the configuration file.\n" : table.take(program.out));
    co_return ExitCode::ok;
  }
};

/// What the commands for one schedule have in common.
struct CronCommand : BrokerCommand {
  std::string name;

  asio::awaitable<Result<std::pair<broker::ScheduleState, WallTime>>> find(Session& session) {
    CONDUIT_CO_TRY(const auto list, co_await session.schedules().schedules());
    std::vector<std::string> names;
    for (const auto& state : list.schedules) {
      if (state.schedule.name == name) co_return std::pair(state, list.now);
      names.push_back(state.schedule.name);
    }
    const auto near = nearest(name, names);
    co_return Error(Errc::not_found, fmt::format("there is no schedule '{}'{}", escape_control(name),
                                                 near ? fmt::format("; did you mean '{}'?", *near) : ""));
  }
};

struct CronShow final : CronCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(const auto found, co_await find(session));
    const auto& [state, now] = found;
    if (session.program().json()) {
      session.program().print_json(to_json(state, now));
      co_return ExitCode::ok;
    }
    const auto& schedule = state.schedule;
    fmt::print("schedule    {}\nstate       {}\n", schedule.name, condition_of(state).first);
    if (const auto fault = fault_of(state); !fault.empty()) {
      fmt::print("fault       {}\n", escape_control(fault));
      co_return ExitCode::ok;
    }
    fmt::print("task        {}\nqueue       {}\nargs        {}\n", schedule.task, schedule.queue, escape_control(schedule.args));
    fmt::print("times       {}  ({})\n", schedule.expression, schedule.timezone.empty() ? "UTC" : schedule.timezone);
    fmt::print("missed      {}\noverlap     {}\njitter      {}\n", job::to_string(schedule.missed), job::to_string(schedule.overlap),
               format_duration(schedule.jitter));
    const auto next = next_times(state, now, kNextShown);
    for (std::size_t i = 0; i < next.size(); ++i) fmt::print("{}{}\n", i == 0 ? "next        " : "            ", format_time(next[i]));
    if (state.runs.empty()) co_return ExitCode::ok;
    Table table({{"TIME"}, {"JOB", false, true}, {"NOTE", false, true}});
    for (const auto& run : state.runs) table.add({{format_time(run.time)}, {run.job_id}, {run.note}});
    fmt::print("\nruns\n{}", table.take(session.program().out));
    co_return ExitCode::ok;
  }
};

/// Submits a job now, beside the schedule's own times.
struct CronRun final : CronCommand {
  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(const auto found, co_await find(session));
    const auto& [state, now] = found;
    if (!state.fault.empty()) co_return Error(Errc::conflict, state.fault);
    job::NewJob job;
    job.task = state.schedule.task;
    job.queue = state.schedule.queue;
    job.args = state.schedule.args;
    std::vector<job::NewJob> jobs{std::move(job)};
    CONDUIT_CO_TRY(const auto accepted, co_await session.broker().enqueue(std::move(jobs)));
    const auto& id = accepted.front().id;
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
    CONDUIT_CO_TRY(co_await find(session));
    auto named = name;
    CONDUIT_CO_TRY(co_await session.schedules().set_schedule_paused(std::move(named), paused));
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
    CONDUIT_CO_TRY(const auto found, co_await find(session));
    if (found.first.alive) {
      co_return Error(Errc::conflict, fmt::format("schedule '{}' is announced by a live worker: take it out of the configuration or the "
                                                  "plugin and reload, or pause it", name));
    }
    auto named = name;
    CONDUIT_CO_TRY(co_await session.schedules().remove_schedule(std::move(named)));
    if (session.program().json()) {
      session.program().print_json(Json(Json::Object{}).set("name", name).set("deleted", true));
    } else {
      fmt::print("schedule {} is deleted\n", name);
    }
    co_return ExitCode::ok;
  }
};

template <class Command>
std::pair<CLI::App*, std::shared_ptr<Command>> add_named(CLI::App& group, Program& program, const std::string& verb, const std::string& what) {
  auto [app, command] = add_broker_command<Command>(group, program, verb, what);
  app->add_option("SCHEDULE", command->name, "Its name, as in cron list")->required()->type_name("");
  add_examples(*app, fmt::format("  conduitctl cron {} images.sweep", verb));
  return {app, command};
}

}  // namespace

void add_cron(CLI::App& app, Program& program) {
  auto& group = add_group(app, "cron", "Lists, runs and pauses schedules");
  auto [list, list_command] = add_broker_command<CronList>(group, program, "list", "Shows the schedules that workers have announced");
  add_examples(*list, "  conduitctl cron list");
  add_named<CronShow>(group, program, "show", "Shows a schedule, its next times and what was made of the last ones");
  add_named<CronRun>(group, program, "run", "Submits a job of a schedule now, beside its own times");
  add_named<CronPause>(group, program, "pause", "Stops a schedule on all workers until it is resumed");
  auto [resume, resume_command] =
      add_named<CronPause>(group, program, "resume", "Lets a paused schedule go on with its next time; nothing is made up for");
  resume_command->paused = false;
  add_named<CronDelete>(group, program, "delete", "Forgets a schedule that no live worker announces");
}

}  // namespace conduitd::ctl
