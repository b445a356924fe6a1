// The blocking functions: each begins a call and waits for its answer.

#include <conduit/client.hpp>

#include <fmt/format.h>
#include <future>

#include "inside.h"

namespace conduit {

using detail::Done;
using detail::SubmitStage;

namespace {

ClientError conflict_error(const Submitted& submitted) {
  return {ClientErrorKind::conflict, fmt::format("job {} holds the unique key: nothing was submitted", submitted.id)};
}

}  // namespace

namespace detail {

Done<std::vector<Submitted>> rejection_is_error(Done<std::vector<Submitted>> done) {
  return [done = std::move(done)](const std::exception_ptr& error, std::vector<Submitted> answer) {
    const bool rejected = !error && !answer.empty() && answer.front().rejected;
    done(rejected ? std::make_exception_ptr(conflict_error(answer.front())) : error, std::move(answer));
  };
}

void throw_blocking_call(const char* function, const char* awaitable) {
  throw ClientError(
      ClientErrorKind::blocking_call_on_event_loop,
      fmt::format("conduit::Client::{} blocks, and this thread runs an event loop, which would stand still: use "
                  "co_await conduit::{}(client, ...) from conduit/client_async.hpp",
                  function, awaitable));
}

}  // namespace detail

namespace {

/// The far end of a call. Shared with the core, because the caller may run out of patience first.
template <class T>
struct Answer {
  std::promise<T> promise;
  std::future<T> future = promise.get_future();
};

template <class T>
Done<T> give_to(const std::shared_ptr<Answer<T>>& answer) {
  return [answer](const std::exception_ptr& error, T value) {
    if (error) {
      answer->promise.set_exception(error);
    } else {
      answer->promise.set_value(std::move(value));
    }
  };
}

template <class T>
bool has_come(const std::shared_ptr<Answer<T>>& answer, std::chrono::milliseconds timeout) {
  return answer->future.wait_for(timeout) == std::future_status::ready;
}

/// Begins a call and waits for its answer.
template <class T, class Begin>
T block(const char* doing, std::chrono::milliseconds timeout, const Begin& begin) {
  const auto answer = std::make_shared<Answer<T>>();
  begin(give_to(answer));
  if (!has_come(answer, timeout)) {
    throw ClientError(ClientErrorKind::timed_out, fmt::format("{}: no answer from the broker in {} ms", doing, timeout.count()));
  }
  return answer->future.get();
}

SubmitStage withdraw(std::atomic<SubmitStage>& stage) {
  auto before = SubmitStage::waiting;
  stage.compare_exchange_strong(before, SubmitStage::withdrawn);
  return before;
}

detail::SharedStage new_stage() { return std::make_shared<std::atomic<SubmitStage>>(SubmitStage::waiting); }

/// Begins a submit and waits for its answer; what has not been sent when it waits no longer is withdrawn.
template <class T, class Begin>
T block_submit(std::chrono::milliseconds timeout, const Begin& begin) {
  const auto stage = new_stage();
  const auto answer = std::make_shared<Answer<T>>();
  begin(stage, give_to(answer));
  if (has_come(answer, timeout)) return answer->future.get();
  const bool sent = withdraw(*stage) == SubmitStage::sent;
  throw ClientError(ClientErrorKind::timed_out,
                    fmt::format("submit: no answer from the broker in {} ms; {}", timeout.count(),
                                sent ? "jobs may have been accepted" : "nothing was sent"));
}

}  // namespace

Client::Client(ClientOptions options) : inside_(std::make_unique<Inside>(std::move(options))) {}
Client::~Client() = default;

void Client::start_blocking() {
  block<bool>("start", inside_->options().timeout, [&](Done<bool> done) { inside_->begin_start(std::move(done)); });
}

void Client::stop_blocking() { inside_->stop(); }

std::string Client::submit_blocking(JobRequest job) {
  std::vector<JobRequest> jobs;
  jobs.push_back(std::move(job));
  auto submitted = std::move(submit_bulk_blocking(std::move(jobs)).front());
  if (submitted.rejected) throw conflict_error(submitted);
  return std::move(submitted.id);
}

std::vector<Submitted> Client::submit_bulk_blocking(std::vector<JobRequest> requests) {
  auto jobs = inside_->admit(requests, Inside::Room::caller_waits);
  return block_submit<std::vector<Submitted>>(inside_->options().timeout, [&](const detail::SharedStage& stage, Done<std::vector<Submitted>> done) {
    inside_->send(std::move(jobs), stage, std::move(done));
  });
}

SubmittedBatch Client::submit_batch_blocking(std::vector<JobRequest> requests, BatchOptions options) {
  auto batch = inside_->admit_batch(std::move(requests), options, Inside::Room::caller_waits);
  return block_submit<SubmittedBatch>(inside_->options().timeout, [&](const detail::SharedStage& stage, Done<SubmittedBatch> done) {
    inside_->send_batch(std::move(batch), stage, std::move(done));
  });
}

void Client::submit_and_forget(std::string task, Json args, SubmitOptions options) {
  std::vector<JobRequest> requests;
  requests.push_back({std::move(task), std::move(args), std::move(options)});
  auto jobs = inside_->admit(requests, Inside::Room::refused);
  const auto report = inside_->options().on_error;
  const auto tell = [report](const std::exception_ptr& error, const std::vector<Submitted>&) {
    if (!error || !report) return;
    try {
      std::rethrow_exception(error);
    } catch (const ClientError& told) {
      report(told);
    }
  };
  inside_->send(std::move(jobs), new_stage(), detail::rejection_is_error(tell));
}

Triggered Client::trigger_blocking(std::string event, Json payload, TriggerOptions options) {
  return block<Triggered>("trigger", inside_->options().timeout, [&](Done<Triggered> done) {
    inside_->begin_trigger(event, payload, options, std::move(done));
  });
}

JobRecord Client::wait_blocking(const std::string& id, std::chrono::milliseconds timeout) {
  std::uint64_t number = 0;
  const auto answer = std::make_shared<Answer<JobRecord>>();
  number = inside_->begin_wait(id, timeout, give_to(answer));
  if (has_come(answer, timeout + inside_->options().timeout)) return answer->future.get();
  inside_->end_wait(number);
  throw ClientError(ClientErrorKind::timed_out, fmt::format("wait for job {}: no answer from the broker", id));
}

std::optional<JobRecord> Client::find_blocking(const std::string& id) {
  return block<std::optional<JobRecord>>("find", inside_->options().timeout, [&](Done<std::optional<JobRecord>> done) {
    inside_->begin_find(id, std::move(done));
  });
}

CancelOutcome Client::cancel_blocking(const std::string& id) {
  return block<CancelOutcome>("cancel", inside_->options().timeout,
                              [&](Done<CancelOutcome> done) { inside_->begin_cancel(id, std::move(done)); });
}

ScheduleRecord Client::add_schedule_blocking(const Schedule& schedule) {
  return block<ScheduleRecord>("add a schedule", inside_->options().timeout,
                               [&](Done<ScheduleRecord> done) { inside_->begin_add_schedule(schedule, std::move(done)); });
}

std::vector<ScheduleRecord> Client::schedules_blocking() {
  using Records = std::vector<ScheduleRecord>;
  return block<Records>("list schedules", inside_->options().timeout, [&](Done<Records> done) { inside_->begin_schedules(std::move(done)); });
}

std::optional<ScheduleRecord> Client::find_schedule_blocking(const std::string& name) {
  using Found = std::optional<ScheduleRecord>;
  return block<Found>("find a schedule", inside_->options().timeout, [&](Done<Found> done) { inside_->begin_find_schedule(name, std::move(done)); });
}

std::string Client::run_schedule_blocking(const std::string& name) {
  return block<std::string>("run a schedule", inside_->options().timeout,
                            [&](Done<std::string> done) { inside_->begin_run_schedule(name, std::move(done)); });
}

void Client::pause_schedule_blocking(const std::string& name, bool paused) {
  block<bool>(paused ? "pause a schedule" : "resume a schedule", inside_->options().timeout,
              [&](Done<bool> done) { inside_->begin_pause_schedule(name, paused, std::move(done)); });
}

void Client::remove_schedule_blocking(const std::string& name) {
  block<bool>("remove a schedule", inside_->options().timeout, [&](Done<bool> done) { inside_->begin_remove_schedule(name, std::move(done)); });
}

void Client::begin_start(Done<bool> done) { inside_->begin_start(std::move(done)); }
void Client::begin_stop(Done<bool> done) { inside_->begin_stop(std::move(done)); }

void Client::begin_submit(std::vector<JobRequest> requests, Done<std::vector<Submitted>> done) {
  Inside::Jobs jobs;
  try {
    jobs = inside_->admit(requests, Inside::Room::always_taken);
  } catch (const ClientError&) {
    return done(std::current_exception(), {});
  }
  inside_->send(std::move(jobs), new_stage(), std::move(done));
}

void Client::begin_batch(std::vector<JobRequest> requests, BatchOptions options, Done<SubmittedBatch> done) {
  Inside::Batch batch;
  try {
    batch = inside_->admit_batch(std::move(requests), options, Inside::Room::always_taken);
  } catch (const ClientError&) {
    return done(std::current_exception(), {});
  }
  inside_->send_batch(std::move(batch), new_stage(), std::move(done));
}

void Client::begin_trigger(std::string event, Json payload, TriggerOptions options, Done<Triggered> done) {
  inside_->begin_trigger(event, payload, options, std::move(done));
}
std::uint64_t Client::begin_wait(const std::string& id, std::chrono::milliseconds timeout, Done<JobRecord> done) {
  return inside_->begin_wait(id, timeout, std::move(done));
}
void Client::end_wait(std::uint64_t number) { inside_->end_wait(number); }
void Client::begin_find(const std::string& id, Done<std::optional<JobRecord>> done) {
  inside_->begin_find(id, std::move(done));
}
void Client::begin_cancel(const std::string& id, Done<CancelOutcome> done) {
  inside_->begin_cancel(id, std::move(done));
}

void Client::begin_add_schedule(const Schedule& schedule, Done<ScheduleRecord> done) { inside_->begin_add_schedule(schedule, std::move(done)); }
void Client::begin_schedules(Done<std::vector<ScheduleRecord>> done) { inside_->begin_schedules(std::move(done)); }
void Client::begin_find_schedule(std::string name, Done<std::optional<ScheduleRecord>> done) {
  inside_->begin_find_schedule(std::move(name), std::move(done));
}
void Client::begin_run_schedule(std::string name, Done<std::string> done) { inside_->begin_run_schedule(std::move(name), std::move(done)); }
void Client::begin_pause_schedule(std::string name, bool paused, Done<bool> done) {
  inside_->begin_pause_schedule(std::move(name), paused, std::move(done));
}
void Client::begin_remove_schedule(std::string name, Done<bool> done) { inside_->begin_remove_schedule(std::move(name), std::move(done)); }

}  // namespace conduit
