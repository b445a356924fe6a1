#include <fmt/format.h>

#include <algorithm>

#include "ctl/bulk.h"
#include "ctl/command_line.h"
#include "ctl/follow.h"
#include "ctl/job_options.h"

namespace asio = boost::asio;

namespace conduitd::ctl {
namespace {

struct Submit final : BrokerCommand {
  JobOptions options;
  std::string args_file;
  std::string wait;  ///< empty, "true" or a duration
  BulkOptions bulk;
  const std::string* after_wait = nullptr;  ///< see Program

  Result<> prepare(const Target& target) override {
    CONDUIT_TRY(longest_wait_, parse_wait("--wait", wait));
    if (!bulk.file.empty()) return prepare_bulk(target);
    const auto usage = [](std::string what) { return Error(Errc::invalid_argument, std::move(what)); };
    if (options.task.empty()) return usage("name the task to run, or give --jsonl FILE; see conduitctl submit --help");
    if (bulk.skip_bad) return usage("--skip-bad goes with --jsonl; leave it out");
    if (bulk.calls_back() || bulk.callback_args) return usage("--on-success, --on-complete and --callback-args go with --jsonl; for one job, submit another with --after");
    if (options.args && !args_file.empty()) return usage("arguments are given twice; leave out --args-file or the JSON");
    if (!args_file.empty()) {
      CONDUIT_TRY(options.args, read_whole(args_file, target.limits.size));
    }
    auto made = make_request(options, target.limits);
    if (!made.has_value()) {
      // Arguments are an object or an array, so what begins like neither was meant for --wait.
      const bool meant_to_wait = options.args && *options.args == *after_wait && options.args->find_first_of("{[") == std::string::npos;
      if (meant_to_wait) return usage(fmt::format("--wait: '{}' is not a duration, and no arguments in JSON", *options.args));
      return made.error();
    }
    request_ = std::move(made.value());
    return ok();
  }

  asio::awaitable<Result<ExitCode>> run(Session& session) override {
    CONDUIT_CO_TRY(auto registry, co_await load_registry(session.directory(), bulk.allow_unknown));
    if (registry.empty()) complain("no worker has announced any task yet: the job waits until one does; see conduitctl worker list");
    if (lines_) {
      BulkSubmit submit(session, bulk, std::move(*lines_), std::move(registry));
      co_return co_await submit.run();
    }
    CONDUIT_CO_TRY(auto queue, registry.queue_of(request_.job.task));
    if (const auto warning = registry.take_warning(request_.job.task); !warning.empty()) complain(warning);
    if (!request_.names_queue) request_.job.queue = std::move(queue);
    if (request_.names_queue && !registry.empty()) co_await warn_if_unserved(session);
    co_return co_await submit_one(session);
  }

 private:
  /// A queue that nobody reads may be a misspelt one.
  asio::awaitable<void> warn_if_unserved(Session& session) {
    const auto& queue = request_.job.queue;
    const auto workers = co_await session.directory().workers();
    if (!workers.has_value()) co_return;
    const bool served = std::any_of(workers.value().begin(), workers.value().end(), [&](const broker::WorkerInfo& worker) {
      return std::find(worker.queues.begin(), worker.queues.end(), queue) != worker.queues.end();
    });
    if (!served) complain(fmt::format("no worker that is there now reads queue '{}': the job waits until one does; see conduitctl worker list", queue));
  }

  Result<> prepare_bulk(const Target& target) {
    const bool one_job = !options.task.empty() || options.args || !args_file.empty() || options.queue || options.delay ||
                         options.at || options.expires || options.deadline || options.timeout || options.unique || options.unique_window ||
                         options.unique_states || options.on_conflict || options.idempotency_key || options.priority || options.weight || options.retries ||
                         options.traceparent || !options.after.empty() || options.after_rule;
    if (one_job) {
      return Error(Errc::invalid_argument, "with --jsonl each line has its own task and options; leave out the others");
    }
    if (bulk.callback_args && !bulk.calls_back()) return Error(Errc::invalid_argument, "--callback-args: whose? Give --on-success or --on-complete");
    if (bulk.calls_back() && bulk.skip_bad) {
      return Error(Errc::invalid_argument, "--skip-bad does not go with --on-success and --on-complete, which run after all jobs of a file; leave one of them out");
    }
    bulk.wait = !wait.empty();
    bulk.longest_wait = longest_wait_;
    constexpr std::size_t kRoomForOptions = 64 * 1024;
    CONDUIT_TRY(auto lines, LineReader::open(bulk.file, target.limits.size + kRoomForOptions, !bulk.skip_bad));
    lines_ = std::move(lines);
    return ok();
  }

  asio::awaitable<Result<ExitCode>> submit_one(Session& session) {
    std::vector<job::NewJob> jobs{request_.job};
    CONDUIT_CO_TRY(const auto accepted, co_await session.broker().enqueue(std::move(jobs)));
    const auto& enqueued = accepted.front();
    if (enqueued.rejected) co_return broker::conflict_of(enqueued);
    auto answer = to_json(enqueued);
    if (wait.empty()) {
      tell_id(session.program(), enqueued, answer);
      co_return ExitCode::ok;
    }
    // Whoever waits wants the result on standard output; the id is for looking the job up.
    if (!session.program().json()) fmt::print(stderr, "{}\n", enqueued.id);
    Follower follower(session, enqueued.id);
    const auto followed = co_await follower.run(longest_wait_);
    if (!followed.has_value()) co_return unfollowed(followed.error(), enqueued.id);
    const auto& record = followed.value();
    if (!record) co_return no_such_job(enqueued.id);
    if (session.program().json()) session.program().print_json(answer.set("job", job::to_json(*record)));
    co_return tell_end(session.program(), *record, longest_wait_);
  }

  static void tell_id(const Program& program, const broker::Enqueued& enqueued, const Json& answer) {
    if (program.json()) {
      program.print_json(answer);
      return;
    }
    fmt::print("{}\n", enqueued.id);
    if (enqueued.repeated) {
      complain("this submit had been accepted before; its id is shown, nothing more was submitted");
    } else if (!enqueued.created) {
      complain("another job holds this unique key; its id is shown, nothing was submitted");
    } else if (!enqueued.replaced.empty()) {
      complain(fmt::format("job {} held this unique key and waited: it is cancelled", enqueued.replaced));
    }
  }

  job::Request request_;
  std::optional<Millis> longest_wait_;
  std::optional<LineReader> lines_;
};

constexpr const char* kExamples = R"(  conduitctl submit hello.greet '{"name": "Ada"}'
  conduitctl submit images.thumbnail --args-file args.json --queue media --wait 1m
  conduitctl submit report.daily --at 2026-01-31T06:00:00+01:00 --unique daily-report
  conduitctl submit report.mail --after default:01J8ZQ4YV7D3N0WQ5T2K6R9XBC
  generate-jobs | conduitctl submit --jsonl - -o json
  conduitctl submit --jsonl jobs.jsonl --on-success report.mail

ARGS is a JSON object (arguments by name) or array (arguments in order). D is a duration: 500ms, 10s, 5m, 24h, 7d.

Each line of --jsonl is an object with "task" and, as needed, "args", "queue", "delay", "at", "priority", "weight",
"unique", "unique_window", "unique_states", "on_conflict", "idempotency_key", "expires", "deadline", "retries", "timeout",
"traceparent", "after" and "after_rule" (durations as "10s"), and a "ref". Bad lines are reported as FILE:LINE: what is wrong, and
nothing of a file with bad lines is submitted, unless --skip-bad is given.

A job with --after waits until those jobs have ended. By the rule "complete", the default, it is cancelled if one of them does not
complete; by "ended" it runs however they end. In a line "after" is an id or the ref of another line, or an array of them; such lines
may stand in any order, 100,000 in a file. --on-success submits one more job, which runs if all jobs of the file complete (at most
10,000), --on-complete one that runs when all have ended; its arguments are {"batch": number of jobs} or those of --callback-args.

A unique key belongs to its queue. While a job holds it, --on-conflict says what becomes of another: "existing" answers with the
holder's id, "reject" is an error that names it, "replace" cancels the holder if it still waits and takes its place. It is held
until the job has ended, with --unique-states waiting until it is started, and never longer than --unique-window.
A submit repeated with the same --idempotency-key, as after an answer that was lost, makes no second job.

JSON: {"id", "created"}; created is false if nothing was submitted: then the id is that of the job which holds the unique key, or,
with "repeated": true, of the job that the first submit made. "replaced" is the id of a job that was cancelled for this one. With --wait
also "job", as in job show. With --jsonl one such line for each job, in the order of the lines (one with "id": null was not submitted),
then one with "callback": "on_success" or "on_complete" for each of these, and with --wait a last line {"summary": {"jobs": N,
"complete": N, ...}}, which does not count callbacks.)";

}  // namespace

void add_submit(CLI::App& app, Program& program) {
  auto [parser, command] = add_broker_command<Submit>(app, program, "submit", "Submits a job, or with --jsonl many");
  auto& options = command->options;
  command->after_wait = &program.after_wait;
  parser->add_option("TASK", options.task, "Task to run")->type_name("");
  parser->add_option("ARGS", options.args, "Its arguments as JSON (default {})")->type_name("");
  parser->add_option("--args-file", command->args_file, "Read the arguments from a file, or from stdin (-)")->type_name("F|-");
  parser->add_option("-q,--queue", options.queue, "Queue (default: the task's own)")->type_name("QUEUE");
  parser->add_option("--delay", options.delay, "Run not before this has passed")->type_name("D");
  parser->add_option("--at", options.at, "Run not before this time (RFC 3339)")->type_name("TIME");
  parser->add_option("--priority", options.priority, "0 to 9; 9 runs first (default 5)")->type_name("N");
  parser->add_option("--weight", options.weight, "Units of its task's and queue's limits that it takes (default: the task's own)")->type_name("N");
  parser->add_option("--unique", options.unique, "One job with this key at a time: see below")->type_name("KEY");
  parser->add_option("--unique-window", options.unique_window, "The key counts no longer than this")->type_name("D");
  parser->add_option("--unique-states", options.unique_states, "live (until its end, the default) or waiting (until its start)")
      ->type_name("S");
  parser->add_option("--on-conflict", options.on_conflict, "existing (the default), reject or replace")->type_name("R");
  parser->add_option("--idempotency-key", options.idempotency_key, "Names this submit: repeated, it makes no second job")->type_name("KEY");
  parser->add_option("--expires", options.expires, "Drop the job if it has not started by then")->type_name("D");
  parser->add_option("--deadline", options.deadline, "The job must have ended by then, retries included")->type_name("D");
  parser->add_option("--retries", options.retries, "Attempts after a failed first one (default: the task's)")->type_name("N");
  parser->add_option("--timeout", options.timeout, "Longest time of one attempt (default: the task's)")->type_name("D");
  parser->add_option("--traceparent", options.traceparent, "The trace it belongs to (W3C Trace Context)")->type_name("T");
  parser->add_option("--after", options.after, "Run only after these jobs; may be repeated")->type_name("ID[,ID]")->allow_extra_args(false);
  parser->add_option("--after-rule", options.after_rule, "complete (of all these jobs, the default) or ended (in whatever way)")->type_name("R");
  parser->add_flag("--wait", command->wait, "Wait for the end, at most D if given, and print the result")->type_name("[D]");
  parser->add_option("--jsonl", command->bulk.file, "Submit a job for each line of a file, or of stdin (-)")->type_name("F|-");
  parser->add_option("--on-success", command->bulk.on_success, "With --jsonl: a task that runs if all jobs complete")->type_name("TASK");
  parser->add_option("--on-complete", command->bulk.on_complete, "With --jsonl: a task that runs when all jobs have ended")->type_name("TASK");
  parser->add_option("--callback-args", command->bulk.callback_args, "Their arguments as JSON (default {\"batch\": jobs})")->type_name("JSON");
  parser->add_flag("--skip-bad", command->bulk.skip_bad, "With --jsonl: submit the good lines of a file with bad ones");
  parser->add_flag("--allow-unknown", command->bulk.allow_unknown, "Submit though no worker has announced the task");
  add_examples(*parser, kExamples);
}

}  // namespace conduitd::ctl
