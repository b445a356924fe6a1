#include <fmt/format.h>

#include "ctl/command_line.h"
#include "ctl/follow.h"
#include "ctl/job_commands.h"
#include "job/id.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

void add_id(CLI::App& parser, std::string& id) { parser.add_option("JOB", id, "Job id, as submit printed it")->required()->type_name(""); }

void add_ids(CLI::App& parser, std::vector<std::string>& ids) {
  parser.add_option("JOB", ids, "Job ids")->required()->type_name("");
}

void add_list(CLI::App& group, Program& program) {
  auto [parser, command] = add_broker_command<JobList>(group, program, "list", "Lists jobs, newest first");
  parser->add_option("-s,--state", command->state, "Only this state")->type_name("STATE");
  parser->add_option("-q,--queue", command->filter.queue, "Only this queue")->type_name("QUEUE");
  parser->add_option("-t,--task", command->filter.task, "Only this task")->type_name("TASK");
  parser->add_option("-n,--limit", command->filter.limit, "At most so many, 1 to 1000 (default 50)")->type_name("N");
  parser->add_option("--cursor", command->filter.cursor, "Go on where a page ended")->type_name("CURSOR");
  parser->add_flag("-a,--all", command->all, "Everything, page after page; --limit is then of no account");
  add_examples(*parser,
               "  conduitctl job list --state failed --queue media\n"
               "  conduitctl job list --all -o json | jq -r '.jobs[].id'\n\n"
               "A state is scheduled, queued, running, retrying, complete, failed, cancelled or expired.\n\n"
               "JSON: {\"jobs\": [job, ...], \"next\": cursor or null}; a job is as in job show, without history.");
}

void add_show(CLI::App& group, Program& program) {
  auto [parser, command] = add_broker_command<JobShow>(group, program, "show", "Shows all that is known of a job");
  add_id(*parser, command->id);
  add_examples(*parser,
               "  conduitctl job show default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC\n"
               "  conduitctl job show ID -o json | jq .result\n\n"
               "JSON: id, task, queue, status, reason, args, priority, attempts, failures, crashes, interruptions,\n"
               "created_at, due_at, started_at, ended_at, worker, progress, metadata, checkpoint, result, failure,\n"
               "history; members that do not apply are absent or null. Times are RFC 3339 in UTC.");
}

void add_logs(CLI::App& group, Program& program) {
  auto [parser, command] = add_broker_command<JobLogs>(group, program, "logs", "Prints what a job logged");
  add_id(*parser, command->id);
  parser->add_flag("-f,--follow", command->follow, "Go on until the job has ended");
  add_examples(*parser,
               "  conduitctl job logs ID -f\n\n"
               "JSON: one object for each line: time, attempt, level, message, fields.");
}

void add_wait(CLI::App& group, Program& program) {
  auto [parser, command] = add_broker_command<JobWait>(group, program, "wait", "Waits until a job has ended and prints its result");
  add_id(*parser, command->id);
  parser->add_option("--timeout", command->timeout, "Wait no longer than this, then exit 1; the job goes on")->type_name("D");
  add_examples(*parser, "  conduitctl job wait ID --timeout 5m && echo done\n\nJSON: the job as in job show.");
}

void add_changes(CLI::App& group, Program& program) {
  auto [cancel, cancel_command] =
      add_broker_command<JobCancel>(group, program, "cancel", "Cancels waiting jobs and asks running ones to stop");
  add_ids(*cancel, cancel_command->ids);
  add_examples(*cancel,
               "  conduitctl job cancel ID1 ID2\n\n"
               "JSON: {\"jobs\": [{\"id\", \"outcome\": \"cancelled\", \"requested\" or \"ended\"}]}.");

  auto [retry, retry_command] =
      add_broker_command<JobRetry>(group, program, "retry", "Puts ended jobs back into their queue, with a new budget of retries");
  add_ids(*retry, retry_command->ids);
  add_examples(*retry,
               "  conduitctl job retry ID\n"
               "  conduitctl job list --state failed -o json | jq -r '.jobs[].id' | xargs conduitctl job retry");

  auto [remove, remove_command] = add_broker_command<JobDelete>(group, program, "delete", "Forgets ended or waiting jobs");
  add_ids(*remove, remove_command->ids);
  add_examples(*remove, "  conduitctl job delete ID");
}

std::string sentence(std::string_view outcome) {
  if (outcome == "requested") return "is running and was asked to stop";
  if (outcome == "ended") return "had ended before: nothing to cancel";
  return std::string("is ") + std::string(outcome);
}

}  // namespace

Result<> JobWait::prepare(const Target& /*target*/) {
  CONDUIT_TRY(job::parse_id(id));
  CONDUIT_TRY(wait_, parse_wait("--timeout", timeout));
  return ok();
}

asio::awaitable<Result<ExitCode>> JobWait::run(Session& session) {
  Follower follower(session, id);
  CONDUIT_CO_TRY(const auto record, co_await follower.run(wait_));
  if (!record) co_return no_such_job(id);
  if (session.program().json()) session.program().print_json(job::to_json(*record));
  co_return tell_end(session.program(), *record, wait_);
}

Result<> JobChange::prepare(const Target& /*target*/) {
  for (const auto& id : ids) {
    CONDUIT_TRY(job::parse_id(id));
  }
  return ok();
}

asio::awaitable<Result<ExitCode>> JobChange::run(Session& session) {
  const auto& program = session.program();
  auto exit = ExitCode::ok;
  Json::Array list;
  for (const auto& id : ids) {
    session.allow(Millis{0});
    const auto outcome = co_await change(session.directory(), id);
    if (!outcome.has_value()) {
      if (exit_code_of(outcome.error()) == ExitCode::broker) co_return outcome.error();
      exit = worse(exit, fail(outcome.error()));
      continue;
    }
    list.push_back(Json(Json::Object{}).set("id", id).set("outcome", outcome.value()));
    if (!program.json()) fmt::print("{} {}\n", id, sentence(outcome.value()));
  }
  if (program.json()) program.print_json(Json(Json::Object{}).set("jobs", std::move(list)));
  co_return exit;
}

asio::awaitable<Result<std::string>> JobCancel::change(broker::Directory& directory, std::string id) {
  CONDUIT_CO_TRY(const auto outcome, co_await directory.cancel(std::move(id)));
  switch (outcome) {
    case broker::CancelOutcome::cancelled: co_return "cancelled";
    case broker::CancelOutcome::requested: co_return "requested";
    case broker::CancelOutcome::ended: break;
  }
  co_return "ended";
}

asio::awaitable<Result<std::string>> JobRetry::change(broker::Directory& directory, std::string id) {
  CONDUIT_CO_TRY(co_await directory.retry(std::move(id)));
  co_return "queued";
}

asio::awaitable<Result<std::string>> JobDelete::change(broker::Directory& directory, std::string id) {
  CONDUIT_CO_TRY(co_await directory.remove(std::move(id)));
  co_return "deleted";
}

void add_job(CLI::App& app, Program& program) {
  auto& group = add_group(app, "job", "Lists, shows, follows and changes jobs");
  add_list(group, program);
  add_show(group, program);
  add_logs(group, program);
  add_wait(group, program);
  add_changes(group, program);
}

}  // namespace conduitd::ctl
