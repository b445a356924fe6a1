#include <fmt/format.h>

#include "ctl/command_line.h"
#include "ctl/follow.h"
#include "ctl/job_commands.h"
#include "job/id.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

void add_id(CLI::App& parser, std::string& id) { parser.add_option("JOB", id, "Job id, as submit printed it")->required()->type_name(""); }

CLI::Option* add_ids(CLI::App& parser, std::vector<std::string>& ids) {
  return parser.add_option("JOB", ids, "Job ids")->type_name("");
}

/// For commands that take ids or a filter.
void add_selection(CLI::App& parser, JobChange& command) {
  add_ids(parser, command.ids);
  add_filter(parser, command.only);
  parser.add_option("-n,--limit", command.limit, "With a filter: at most so many, the newest first")->type_name("N");
  parser.add_flag("-y,--yes", command.yes, "Without ids and filters: every failed job");
}

constexpr const char* kSelectionNote =
    "\n\nJobs are named by their ids, or by at least one filter; without --state the failed ones are meant.\n\n"
    "JSON: with ids {\"jobs\": [{\"id\", \"outcome\"}]}; with a filter {\"outcome\", \"changed\": N, \"passed_over\": N}, the\n"
    "latter those that somebody else changed first.";

void add_list(CLI::App& group, Program& program) {
  auto [parser, command] = add_broker_command<JobList>(group, program, "list", "Lists jobs, newest first");
  add_filter(*parser, command->only);
  parser->add_option("-n,--limit", command->filter.limit, "At most so many, 1 to 1000 (default 50)")->type_name("N");
  parser->add_option("--cursor", command->filter.cursor, "Go on where a page ended")->type_name("CURSOR");
  parser->add_flag("-a,--all", command->all, "Everything, page after page; --limit is then of no account");
  add_examples(*parser,
               "  conduitctl job list --state failed --queue media\n"
               "  conduitctl job list --reason poison\n"
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

void add_tree(CLI::App& group, Program& program) {
  auto [parser, command] = add_broker_command<JobTree>(group, program, "tree", "Shows a job, all that it has submitted, and what runs before and after it");
  add_id(*parser, command->id);
  parser->add_flag("--root", command->root, "Begin at the job that all of them come from");
  parser->add_option("--depth", command->depth, "Look at no more than so many levels below the first job")->type_name("N");
  parser->add_option("-n,--limit", command->limit, "Look at no more than so many jobs (default 20000)")->type_name("N");
  parser->add_flag("-a,--all", command->all, "Show each job, also where many are alike");
  add_examples(*parser,
               "  conduitctl job tree default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC\n"
               "  conduitctl job tree ID --root --depth 2\n"
               "  conduitctl job tree ID -o json | jq -r '.jobs[] | select(.status == \"failed\") | .id'\n\n"
               "Of jobs of one task without any of their own, ten are shown, those that failed or run first, and the others counted.\n\n"
               "Lines with `after` are jobs that the one above runs after, those with `then` wait to run after the one above.\n\n"
               "JSON: {\"jobs\": [{\"id\", \"relation\", \"parent_id\", \"depth\", \"task\", \"queue\", \"status\", \"attempts\", ...}, ...], \"complete\"}: each job\n"
               "before its children, with members named as in job show. relation is child, after or then, to the last job before it that has a depth one less. status is null where the record is gone; unseen is the number of\n"
               "children that were left out, at least; complete is false if there are any.");
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
  add_ids(*cancel, cancel_command->ids)->required();
  cancel->add_flag("--tree", cancel_command->tree, "Also all that they have submitted, and what that has");
  add_examples(*cancel,
               "  conduitctl job cancel ID1 ID2\n"
               "  conduitctl job cancel ID --tree\n\n"
               "Jobs that were submitted to end with the job are cancelled with it, without --tree too.\n\n"
               "JSON: {\"jobs\": [{\"id\", \"outcome\": \"cancelled\", \"requested\" or \"ended\", \"below\"}]}; below is how many of those\n"
               "that it submitted were cancelled or asked to stop.");

  auto [retry, retry_command] =
      add_broker_command<JobRetry>(group, program, "retry", "Puts ended jobs back into their queue, with a new budget of retries");
  add_selection(*retry, *retry_command);
  add_examples(*retry,
               std::string("  conduitctl job retry ID\n"
                           "  conduitctl job retry --state failed --task mail.send --limit 100\n"
                           "  conduitctl job retry --reason poison --queue media") + kSelectionNote);

  auto [remove, remove_command] = add_broker_command<JobDelete>(group, program, "delete", "Forgets ended or waiting jobs");
  add_selection(*remove, *remove_command);
  add_examples(*remove, std::string("  conduitctl job delete ID\n"
                                    "  conduitctl job delete --state failed --reason invalid") + kSelectionNote);
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

void add_job(CLI::App& app, Program& program) {
  auto& group = add_group(app, "job", "Lists, shows, follows and changes jobs");
  add_list(group, program);
  add_show(group, program);
  add_tree(group, program);
  add_logs(group, program);
  add_wait(group, program);
  add_changes(group, program);
}

}  // namespace conduitd::ctl
