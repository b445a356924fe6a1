#include "translate.h"

#include <algorithm>

#include "broker/schedule_list.h"
#include "job/job.h"
#include "job/request.h"

namespace conduit::detail {

using conduitd::Errc;
using conduitd::Error;

namespace {

// The daemon's enum, as the SDK shows it: the same states with the same values.
constexpr bool same_status(JobStatus ours, conduitd::job::JobStatus theirs) {
  return static_cast<int>(ours) == static_cast<int>(theirs);
}
static_assert(conduitd::job::kAllStatuses.size() == 8);
static_assert(same_status(JobStatus::scheduled, conduitd::job::JobStatus::scheduled));
static_assert(same_status(JobStatus::queued, conduitd::job::JobStatus::queued));
static_assert(same_status(JobStatus::running, conduitd::job::JobStatus::running));
static_assert(same_status(JobStatus::retrying, conduitd::job::JobStatus::retrying));
static_assert(same_status(JobStatus::complete, conduitd::job::JobStatus::complete));
static_assert(same_status(JobStatus::failed, conduitd::job::JobStatus::failed));
static_assert(same_status(JobStatus::cancelled, conduitd::job::JobStatus::cancelled));
static_assert(same_status(JobStatus::expired, conduitd::job::JobStatus::expired));

static_assert(static_cast<int>(UniqueStates::waiting) == static_cast<int>(conduitd::job::UniqueStates::waiting));
static_assert(static_cast<int>(OnConflict::reject) == static_cast<int>(conduitd::job::OnConflict::reject));
static_assert(static_cast<int>(OnConflict::replace) == static_cast<int>(conduitd::job::OnConflict::replace));

static_assert(static_cast<int>(Missed::skip) == static_cast<int>(conduitd::job::Missed::skip));
static_assert(static_cast<int>(Missed::latest) == static_cast<int>(conduitd::job::Missed::latest));
static_assert(static_cast<int>(Missed::all) == static_cast<int>(conduitd::job::Missed::all));
static_assert(static_cast<int>(Overlap::skip) == static_cast<int>(conduitd::job::Overlap::skip));
static_assert(static_cast<int>(Overlap::queue) == static_cast<int>(conduitd::job::Overlap::queue));
static_assert(static_cast<int>(Overlap::allow) == static_cast<int>(conduitd::job::Overlap::allow));

static_assert(static_cast<int>(AfterRule::complete) == static_cast<int>(conduitd::job::AfterRule::complete));
static_assert(static_cast<int>(AfterRule::ended) == static_cast<int>(conduitd::job::AfterRule::ended));

ClientErrorKind kind_of(const Error& error) {
  if (error.is(Errc::invalid_argument)) return ClientErrorKind::invalid_argument;
  if (error.is(Errc::unsupported)) return ClientErrorKind::invalid_argument;
  if (error.is(Errc::not_found)) return ClientErrorKind::not_found;
  if (error.is(Errc::conflict)) return ClientErrorKind::conflict;
  if (error.is(Errc::unavailable)) return ClientErrorKind::unavailable;
  if (error.is(Errc::timed_out)) return ClientErrorKind::timed_out;
  if (error.is(Errc::refused)) return ClientErrorKind::refused;
  if (error.is(Errc::full)) return ClientErrorKind::full;
  if (error.is(Errc::cancelled)) return ClientErrorKind::stopped;
  return ClientErrorKind::broker;
}

/// Above what job::check allows, and yet an int: it is refused there, with the sentence for it.
constexpr std::uint32_t kMostRetries = 1'000'000'000;

Json parse_or_null(const conduitd::job::Bytes& bytes) { return bytes.empty() ? Json() : Json::parse(bytes); }

}  // namespace

ClientError to_client_error(const Error& error) { return {kind_of(error), error.message()}; }

conduitd::Result<conduitd::job::NewJob> to_new_job(const JobRequest& request) {
  conduitd::job::NewJob job;
  job.task = request.task;
  const SubmitOptions& options = request.options;
  if (options.queue) job.queue = *options.queue;
  if (options.priority) job.priority = *options.priority;
  job.weight = options.weight;
  job.delay = options.delay;
  job.expires = options.expires;
  job.deadline = options.deadline;
  if (options.retries) job.retries = static_cast<int>(std::min(*options.retries, kMostRetries));
  job.timeout = options.timeout;
  job.unique = options.unique.value_or("");
  job.unique_window = options.unique_window;
  job.unique_states = static_cast<conduitd::job::UniqueStates>(options.unique_states.value_or(UniqueStates::live));
  job.on_conflict = static_cast<conduitd::job::OnConflict>(options.on_conflict.value_or(OnConflict::existing));
  job.idempotency_key = options.idempotency_key.value_or("");
  job.traceparent = options.traceparent.value_or("");
  job.after = options.after.value_or(std::vector<std::string>{});
  if (options.after_rule && !options.after) return conduitd::job::rule_without_after();
  if (options.after_rule == AfterRule::ended) job.after_rule = conduitd::job::AfterRule::ended;
  if (options.on_parent_end == OnParentEnd::cancel) job.on_parent_end = conduitd::job::OnParentEnd::cancel;
  try {
    // As in a task's own submit: `{}` for no arguments is a null here.
    job.args = request.args.is_null() ? "{}" : request.args.dump();
  } catch (const JsonError& error) {
    return Error(Errc::invalid_argument, std::string("args: ") + error.what());
  }
  CONDUIT_TRY(conduitd::job::check(job));
  if (!options.queue) job.queue.clear();  // found when the job is sent
  return job;
}

conduitd::Result<conduitd::job::NewEvent> to_new_event(const std::string& name, const Json& payload, const TriggerOptions& options) {
  conduitd::job::NewEvent event;
  event.name = name;
  event.idempotency_key = options.idempotency_key.value_or("");
  event.traceparent = options.traceparent.value_or("");
  try {
    event.payload = payload.dump();
  } catch (const JsonError& error) {
    return Error(Errc::invalid_argument, std::string("payload: ") + error.what());
  }
  CONDUIT_TRY(conduitd::job::check(event));
  return event;
}

conduitd::Result<conduitd::job::Schedule> to_schedule(const Schedule& schedule) {
  conduitd::job::Schedule out;
  out.name = schedule.name;
  out.task = schedule.task;
  if (schedule.queue) out.queue = *schedule.queue;
  out.expression = schedule.schedule;
  out.timezone = schedule.timezone;
  out.missed = static_cast<conduitd::job::Missed>(schedule.missed);
  out.overlap = static_cast<conduitd::job::Overlap>(schedule.overlap);
  out.jitter = schedule.jitter;
  try {
    out.args = schedule.args.is_null() ? "{}" : schedule.args.dump();
  } catch (const JsonError& error) {
    return Error(Errc::invalid_argument, std::string("args: ") + error.what());
  }
  if (out.jitter > conduitd::job::kLongestJitter) return Error(Errc::invalid_argument, "jitter: a day is the most");
  CONDUIT_TRY(conduitd::job::check(out));
  if (!schedule.queue) out.queue.clear();  // found when it is sent
  return out;
}

Triggered to_sdk(const conduitd::broker::Triggered& triggered) {
  Triggered out;
  out.id = triggered.id;
  out.repeated = triggered.repeated;
  for (const auto& delivery : triggered.deliveries) {
    if (delivery.job_id.empty()) ++out.collected;
    if (!delivery.job_id.empty()) out.jobs.push_back(delivery.job_id);
  }
  return out;
}

Submitted to_sdk(conduitd::broker::Enqueued enqueued) { 
  return {std::move(enqueued.id), enqueued.created, enqueued.repeated, enqueued.rejected, std::move(enqueued.replaced)};
}

CancelOutcome to_sdk(conduitd::broker::CancelOutcome outcome) {
  switch (outcome) {
    case conduitd::broker::CancelOutcome::cancelled: return CancelOutcome::cancelled;
    case conduitd::broker::CancelOutcome::requested: return CancelOutcome::requested;
    case conduitd::broker::CancelOutcome::ended: return CancelOutcome::ended;
  }
  return CancelOutcome::ended;
}

JobRecord to_sdk(const conduitd::job::JobRecord& record) {
  JobRecord out;
  out.id = record.id;
  out.task = record.task;
  out.queue = record.queue;
  out.status = static_cast<JobStatus>(record.status);
  if (record.reason != conduitd::job::FailureReason::none) out.reason = to_string(record.reason);
  out.args = parse_or_null(record.args);
  out.priority = record.priority;
  out.weight = record.weight;
  out.attempts = record.counters.attempts;
  out.failures = record.counters.failures;
  out.crashes = record.counters.crashes;
  out.parent_id = record.parent_id;
  out.root_id = record.root_id;
  out.traceparent = record.traceparent;
  out.worker = record.worker;
  out.cancel_requested = record.cancel_requested;
  out.created_at = record.created_at;
  out.due_at = record.due_at;
  out.started_at = record.started_at;
  out.ended_at = record.ended_at;
  if (record.progress) out.progress = JobProgress{record.progress->fraction, record.progress->message};
  out.metadata = record.metadata.empty() ? Json::object() : Json::parse(record.metadata);
  out.checkpoint = parse_or_null(record.checkpoint);
  out.result = parse_or_null(record.result);
  if (record.failure) {
    out.failure = JobFailure{record.failure->type, record.failure->message, parse_or_null(record.failure->detail)};
  }
  return out;
}

ScheduleRecord to_sdk(const conduitd::broker::ScheduleState& state, conduitd::WallTime now) {
  const auto& theirs = state.schedule;
  ScheduleRecord out;
  out.schedule.name = theirs.name;
  out.schedule.task = theirs.task;
  out.schedule.schedule = theirs.expression;
  out.schedule.timezone = theirs.timezone;
  out.schedule.missed = static_cast<Missed>(theirs.missed);
  out.schedule.overlap = static_cast<Overlap>(theirs.overlap);
  out.schedule.jitter = theirs.jitter;
  out.schedule.args = theirs.args.empty() ? Json::object() : Json::parse(theirs.args);
  out.schedule.queue = theirs.queue;
  out.paused = state.paused;
  out.added = state.added;
  out.alive = state.alive;
  out.next = conduitd::broker::next_times(state, now);
  for (const auto& run : state.runs) out.runs.push_back({run.time, run.job_id, run.note});
  out.fault = conduitd::broker::fault_of(state);
  return out;
}

}  // namespace conduit::detail
