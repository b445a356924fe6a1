#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "ctl/announced.h"
#include "ctl/command_line.h"
#include "ctl/follow.h"
#include "ctl/human.h"
#include "ctl/job_view.h"
#include "ctl/limit_reasons.h"
#include "ctl/reasons.h"
#include "ctl/table.h"
#include "job/id.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

/// The waiting jobs of a queue that are looked at, and the running ones of a task.
constexpr std::size_t kMostLookedAt = 1'000;
/// How far up to look for whom a job keeps waiting.
constexpr std::size_t kMostAbove = 20;
/// A job that was taken while it was looked at says nothing of its like: so many more are tried.
constexpr std::size_t kMostTries = 8;

bool waits(const broker::Glance& one) { return !one.over() && one.status != job::JobStatus::running; }

struct Explain final : BrokerCommand {
  std::string id;
  std::string queue;

  Result<> prepare(const Target& /*target*/) override {
    if (id.empty() == queue.empty()) return Error(Errc::invalid_argument, "name a job, or a queue with --queue; see conduitctl explain --help");
    if (!queue.empty()) return job::check_name("queue", queue);
    CONDUIT_TRY(job::parse_id(id));
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
  using Counts = std::map<std::pair<std::string, std::string>, std::size_t>;  // by code and task

  asio::awaitable<Result<Surroundings>> around_of(Session& session, const job::JobRecord& record) {
    CONDUIT_CO_TRY(auto out, co_await place_of(session, record));
    if (auto others = others_of(record); !others.empty()) {
      others.resize(std::min(others.size(), job::kMostAwaited));
      CONDUIT_CO_TRY(out.others, co_await session.flows().look(std::move(others), false));
    }
    if (record.status == job::JobStatus::running) {
      CONDUIT_CO_TRY(out.hanging, co_await hanging_of(session, out.others));
    }
    if (out.standing) {
      CONDUIT_CO_TRY(out.above, co_await above(session, record));
    }
    co_return out;
  }

  /// Of a job by itself, whatever other jobs it has to do with.
  asio::awaitable<Result<Surroundings>> place_of(Session& session, const job::JobRecord& record) {
    Surroundings out;
    out.workers = workers_;
    const auto task = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& one) { return one.name == record.task; });
    if (task != tasks_.end()) out.task = *task;
    if (record.status != job::JobStatus::queued) co_return out;
    const auto limits = out.task ? announced_limits(*out.task) : std::vector<job::Limit>();
    std::vector<std::string> with_task;
    for (const auto& worker : workers_) {
      if (std::find(worker.tasks.begin(), worker.tasks.end(), record.task) != worker.tasks.end()) with_task.push_back(worker.id);
    }
    session.allow(Millis{0});
    CONDUIT_CO_TRY(out.standing, co_await session.directory().standing(record.id, limits, std::move(with_task)));
    const bool own = std::any_of(limits.begin(), limits.end(), [](const job::Limit& limit) {
      return limit.scope == job::Limit::Scope::worker && limit.kind == job::Limit::Kind::concurrency;
    });
    if (!own || !out.standing) co_return out;
    broker::JobFilter filter;
    filter.task = record.task;
    filter.status = job::JobStatus::running;
    filter.limit = kMostLookedAt;
    CONDUIT_CO_TRY(auto page, co_await session.directory().list(filter));
    out.alike = std::move(page.jobs);
    co_return out;
  }

  /// Of the jobs that somebody waits for one that does not run, before all one that nobody can run.
  asio::awaitable<Result<std::optional<Hanging>>> hanging_of(Session& session, const std::vector<broker::Glance>& others) {
    const auto orphan = std::find_if(others.begin(), others.end(), [this](const auto& one) {
      return waits(one) && std::none_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
        return std::find(worker.tasks.begin(), worker.tasks.end(), one.task) != worker.tasks.end();
      });
    });
    const auto one = orphan != others.end() ? orphan : std::find_if(others.begin(), others.end(), waits);
    if (one == others.end()) co_return std::optional<Hanging>();
    session.allow(Millis{0});
    CONDUIT_CO_TRY(const auto record, co_await session.directory().find(one->id));
    if (!record || job::is_final(record->status) || record->status == job::JobStatus::running) co_return std::optional<Hanging>();
    CONDUIT_CO_TRY(auto place, co_await place_of(session, *record));
    if (record->status == job::JobStatus::queued && !place.standing) co_return std::optional<Hanging>();
    CONDUIT_CO_TRY(place.above, co_await above(session, *record));
    auto why = reasons_of(*record, place, session.clock().wall_now()).front().text;
    co_return std::optional(Hanging{record->id, std::string(job::to_string(record->status)), std::move(why)});
  }

  /// Who runs and waits for it, from its parent upwards.
  static asio::awaitable<Result<std::vector<job::JobRecord>>> above(Session& session, const job::JobRecord& record) {
    std::vector<job::JobRecord> out;
    auto id = record.id;
    auto parent = record.parent_id;
    while (!parent.empty() && out.size() < kMostAbove) {
      session.allow(Millis{0});
      CONDUIT_CO_TRY(auto found, co_await session.directory().find(parent));
      if (!found || found->status != job::JobStatus::running) break;
      const auto& awaited = found->waits_for;
      if (std::find(awaited.begin(), awaited.end(), id) == awaited.end()) break;
      id = found->id;
      parent = found->parent_id;
      out.push_back(std::move(*found));
    }
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
    CONDUIT_CO_TRY(const auto known, co_await session.directory().queues());
    const bool read = std::any_of(workers_.begin(), workers_.end(), [this](const auto& worker) {
      return std::find(worker.queues.begin(), worker.queues.end(), queue) != worker.queues.end();
    });
    if (!read && std::none_of(known.begin(), known.end(), [this](const auto& one) { return one.name == queue; })) {
      co_return Error(Errc::not_found, fmt::format("there is no queue '{}'; see conduitctl queue list", queue));
    }
    std::map<std::pair<std::string, std::string>, std::size_t> alike;
    std::map<std::pair<std::string, std::string>, std::vector<job::JobRecord>> examples;
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
      if (auto& some = examples[group]; some.size() < kMostTries) some.push_back(std::move(record));  // the newest, which are taken last
    }
    Counts counts;
    for (const auto& [group, records] : examples) {
      CONDUIT_CO_TRY(co_await count_alike(session, records, alike[group], counts));
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

  /// Those that were taken while they were looked at wait no more.
  asio::awaitable<Result<>> count_alike(Session& session, const std::vector<job::JobRecord>& records, std::size_t number, Counts& counts) {
    for (const auto& record : records) {
      CONDUIT_CO_TRY(const auto around, co_await around_of(session, record));
      if (!around.standing) {
        --number;
        continue;
      }
      const auto code = reasons_of(record, around, session.clock().wall_now()).front().code;
      const auto at_once = code == "next" ? started_at_once(around) : std::nullopt;
      const auto first = std::min(number, at_once.value_or(number));
      counts[{code, record.task}] += first;
      // In the moment in which a rate admits the next the others still wait for it.
      if (number > first) counts[{"rate", record.task}] += number - first;
      break;
    }
    co_return ok();
  }

  void print_counts(const Program& program, const Counts& counts, std::size_t looked_at, bool more) const {
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
