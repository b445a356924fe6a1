#include "inside.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "base/text.h"
#include "job/flow.h"
#include "schedule_calls.h"
#include "translate.h"

namespace conduit {

using conduitd::Millis;
using conduitd::Result;
using conduitd::broker::Broker;
using conduitd::broker::Enqueued;
using detail::Done;
using detail::Pass;
using detail::SubmitStage;
using detail::to_client_error;
using detail::to_sdk;

namespace {

ClientError stopped_error() { return {ClientErrorKind::stopped, detail::kStopped}; }

ClientError full_error(std::size_t bound) {
  return {ClientErrorKind::full, fmt::format("{} calls wait for the broker already: see ClientOptions::max_waiting", bound)};
}

ClientError not_found_error(const std::string& id) {
  return {ClientErrorKind::not_found, fmt::format("there is no job {}, or its record has expired", id)};
}

/// Gives `done` what `answer` translates to, or the error as an exception.
template <class T, class Theirs, class Translate>
void finish(const Done<T>& done, Result<Theirs> answer, const Translate& translate) {
  std::exception_ptr error;
  T value{};
  if (!answer.has_value()) {
    error = std::make_exception_ptr(to_client_error(answer.error()));
  } else {
    try {
      value = translate(std::move(answer.value()));
    } catch (const JsonError& fault) {
      error = std::make_exception_ptr(
          ClientError(ClientErrorKind::broker, fmt::format("the job's record cannot be read: {}", fault.what())));
    } catch (const ClientError&) {
      error = std::current_exception();
    }
  }
  done(error, std::move(value));
}

/// The answers to one submit that went out in several parts. Used on the core's thread only.
struct Parts {
  Done<std::vector<Submitted>> done;
  std::vector<std::vector<Submitted>> answers;
  std::size_t missing = 0;
  std::optional<ClientError> error;

  void take(std::size_t part, Result<std::vector<Enqueued>> answer) {
    if (answer.has_value()) {
      for (auto& enqueued : answer.value()) answers[part].push_back(to_sdk(std::move(enqueued)));
    } else if (!error) {
      error = to_client_error(answer.error());
    }
    if (--missing == 0) give();
  }

  void give() {
    std::vector<Submitted> all;
    for (auto& answer : answers) std::move(answer.begin(), answer.end(), std::back_inserter(all));
    if (!error) return done(nullptr, std::move(all));
    if (!all.empty()) error = ClientError(error->kind(), fmt::format("{} (after {} jobs were accepted)", error->what(), all.size()));
    done(std::make_exception_ptr(*error), {});
  }
};

std::exception_ptr without_callbacks(const std::exception_ptr& error, std::size_t jobs) {
  try {
    std::rethrow_exception(error);
  } catch (const ClientError& told) {
    const auto what = fmt::format("{} jobs submitted, but not what was to run after all of them: {}", jobs, told.what());
    return std::make_exception_ptr(ClientError(told.kind(), what));
  }
}

}  // namespace

Client::Inside::Inside(ClientOptions options)
    : options_(std::move(options)),
      submits_(std::make_shared<detail::Gate>(options_.max_waiting)),
      calls_(std::make_shared<detail::Gate>(options_.max_waiting)) {
  if (options_.url.empty()) {
    throw ClientError(ClientErrorKind::invalid_argument,
                      "ClientOptions::url is empty: name the broker, as in sqlite:///var/lib/conduit/conduit.db");
  }
  broker_.url = options_.url;
  broker_.name_space = options_.name_space;
  broker_.command_timeout = std::min<Millis>(broker_.command_timeout, options_.timeout);
}

Client::Inside::~Inside() { stop(); }

template <class Use>
void Client::Inside::with_core(const Use& use) {
  const std::lock_guard lock(mutex_);
  if (life_ == Life::idle) {
    core_ = std::make_unique<detail::Core>(broker_);
    life_ = Life::running;
  }
  if (life_ == Life::running) use(*core_);
}

void Client::Inside::begin_start(Done<bool> done) {
  join();
  {
    const std::lock_guard lock(mutex_);
    if (life_ == Life::stopped) {
      life_ = Life::idle;
      submits_->open();
      calls_->open();
    }
  }
  auto reply = detail::Reply<bool>([done = std::move(done)](Result<bool> opened) {
    finish(done, std::move(opened), [](bool yes) { return yes; });
  });
  with_core([&](detail::Core& core) { core.open(std::move(reply)); });
}

void Client::Inside::begin_stop(Done<bool> done) {
  {
    const std::lock_guard lock(mutex_);
    submits_->close();
    calls_->close();
    if (life_ == Life::running) {
      life_ = Life::stopping;
      core_->stop(options_.stop_timeout, [this] { finish_stop(); });
    }
    if (life_ == Life::stopping) {
      stop_waiters_.push_back(std::move(done));
      return;
    }
    life_ = Life::stopped;
  }
  done(nullptr, true);
}

void Client::Inside::finish_stop() {
  std::vector<Done<bool>> waiters;
  {
    const std::lock_guard lock(mutex_);
    life_ = Life::stopped;
    waiters.swap(stop_waiters_);
  }
  // A waiter may destroy this object from another thread as soon as it has been told.
  for (const auto& done : waiters) done(nullptr, true);
}

void Client::Inside::join() {
  const std::lock_guard joining(joining_);
  std::unique_ptr<detail::Core> ended;
  {
    const std::lock_guard lock(mutex_);
    if (life_ == Life::stopped) ended = std::move(core_);
  }
}

void Client::Inside::stop() {
  const auto stopped = std::make_shared<std::promise<void>>();
  begin_stop([stopped](const std::exception_ptr&, bool) { stopped->set_value(); });
  // The core bounds this: stop_timeout, then one round trip to say goodbye.
  stopped->get_future().wait();
  join();
}

Client::Inside::Jobs Client::Inside::admit(const std::vector<JobRequest>& requests, Room room) {
  Jobs jobs;
  jobs.reserve(requests.size());
  for (const auto& request : requests) {
    auto job = detail::to_new_job(request);
    if (!job.has_value()) {
      const auto error = to_client_error(job.error());
      if (requests.size() == 1) throw error;
      throw ClientError(error.kind(), fmt::format("job {} of {}: {}", jobs.size() + 1, requests.size(), error.what()));
    }
    jobs.push_back(std::move(job.value()));
  }
  if (room == Room::always_taken) {
    submits_->enter_always(jobs.size());
    return jobs;
  }
  const auto now = std::chrono::steady_clock::now();
  const auto until = room == Room::caller_waits ? now + options_.timeout : now;
  if (!submits_->enter(jobs.size(), until)) {
    throw submits_->closed() ? stopped_error() : full_error(options_.max_waiting);
  }
  return jobs;
}

std::vector<detail::Submit> Client::Inside::parts_of(Jobs jobs, const detail::SharedStage& stage, Done<std::vector<Submitted>> done) {
  const auto parts = std::make_shared<Parts>();
  parts->done = std::move(done);
  parts->missing = (jobs.size() + Broker::kMaxBatch - 1) / Broker::kMaxBatch;
  parts->answers.resize(parts->missing);
  std::vector<detail::Submit> submits;
  for (std::size_t part = 0; part < parts->answers.size(); ++part) {
    const auto begin = jobs.begin() + static_cast<std::ptrdiff_t>(part * Broker::kMaxBatch);
    const auto count = std::min(Broker::kMaxBatch, static_cast<std::size_t>(jobs.end() - begin));
    const auto end = begin + static_cast<std::ptrdiff_t>(count);
    submits.push_back({.jobs = {std::make_move_iterator(begin), std::make_move_iterator(end)},
                       .stage = stage,
                       .pass = Pass(submits_, count),
                       .reply = detail::Reply<std::vector<Enqueued>>([parts, part](Result<std::vector<Enqueued>> answer) {
                         parts->take(part, std::move(answer));
                       })});
  }
  return submits;
}

void Client::Inside::send(Jobs jobs, detail::SharedStage stage, Done<std::vector<Submitted>> done) {
  if (jobs.empty()) return done(nullptr, {});
  auto submits = parts_of(std::move(jobs), stage, std::move(done));
  with_core([&](detail::Core& core) { core.submit(std::move(submits)); });
}

Client::Inside::Batch Client::Inside::admit_batch(std::vector<JobRequest> requests, const BatchOptions& options, Room room) {
  const auto fault = detail::batch_fault(options, requests.size());
  if (!fault.empty()) throw ClientError(ClientErrorKind::invalid_argument, fault);
  Batch out;
  out.counted = !options.callback_args;
  for (const auto& callback : detail::callbacks_of(options)) {
    JobRequest request{callback.task, options.callback_args.value_or(Json::object()), {}};
    if (!options.once.empty()) request.options.idempotency_key = detail::batch_key(options.once, callback.name);
    auto job = detail::to_new_job(request);
    if (!job.has_value()) throw to_client_error(job.error().within("callback"));
    job.value().after_rule = static_cast<conduitd::job::AfterRule>(callback.rule);
    out.callbacks.push_back(std::move(job.value()));
  }
  for (std::size_t i = 0; i < requests.size() && !options.once.empty(); ++i) {
    auto& key = requests[i].options.idempotency_key;
    if (!key) key = detail::batch_key(options.once, std::to_string(i));
  }
  out.jobs = admit(requests, room);
  return out;
}

void Client::Inside::send_batch(Batch batch, detail::SharedStage stage, Done<SubmittedBatch> done) {
  auto jobs = std::move(batch.jobs);
  if (jobs.empty()) return send_callbacks(std::move(batch), stage, false, {}, std::move(done));
  send(std::move(jobs), stage,
       [this, stage, batch = std::move(batch), done = std::move(done)](const std::exception_ptr& error, std::vector<Submitted> submitted) {
         SubmittedBatch out;
         out.jobs = std::move(submitted);
         if (error) return done(error, {});
         send_callbacks(batch, stage, true, std::move(out), done);
       });
}

void Client::Inside::send_callbacks(Batch batch, const detail::SharedStage& stage, bool goes_on, SubmittedBatch submitted,
                                    Done<SubmittedBatch> done) {
  if (batch.callbacks.empty()) return done(nullptr, std::move(submitted));
  std::vector<std::string> after;
  for (const auto& job : submitted.jobs) {
    if (!job.rejected) after.push_back(job.id);
  }
  after = conduitd::job::once_each(std::move(after));
  std::vector<conduitd::job::AfterRule> rules;
  for (auto& job : batch.callbacks) {
    if (batch.counted) job.args = fmt::format(R"({{"batch":{}}})", after.size());
    job.after = after;
    rules.push_back(job.after_rule);
  }
  auto finish_batch = [rules, submitted = std::move(submitted), done = std::move(done)](const std::exception_ptr& error, std::vector<Submitted> callbacks) {
    auto out = submitted;
    for (std::size_t i = 0; i < callbacks.size(); ++i) {
      (rules[i] == conduitd::job::AfterRule::ended ? out.on_complete : out.on_success) = std::move(callbacks[i].id);
    }
    done(error ? without_callbacks(error, out.jobs.size()) : nullptr, error ? SubmittedBatch() : std::move(out));
  };
  submits_->enter_always(batch.callbacks.size());
  auto submits = parts_of(std::move(batch.callbacks), stage, std::move(finish_batch));
  if (!goes_on) return with_core([&](detail::Core& core) { core.submit(std::move(submits)); });
  // Not with_core(): a client that is being stopped finishes what is under way.
  const std::lock_guard lock(mutex_);
  if (core_) core_->submit_more(std::move(submits));
}

template <class T>
std::shared_ptr<Pass> Client::Inside::enter_call(const Done<T>& done) {
  if (calls_->enter(1, std::chrono::steady_clock::now())) return std::make_shared<Pass>(calls_, 1);
  const auto error = calls_->closed() ? stopped_error() : full_error(options_.max_waiting);
  done(std::make_exception_ptr(error), T{});
  return nullptr;
}

void Client::Inside::begin_trigger(const std::string& name, const Json& payload, const TriggerOptions& options, Done<Triggered> done) {
  auto event = detail::to_new_event(name, payload, options);
  if (!event.has_value()) return done(std::make_exception_ptr(to_client_error(event.error())), {});
  const auto pass = enter_call(done);
  if (!pass) return;
  using Answer = conduitd::broker::Triggered;
  auto reply = detail::Reply<Answer>([pass, done = std::move(done)](Result<Answer> answer) {
    finish(done, std::move(answer), [](const Answer& theirs) { return to_sdk(theirs); });
  });
  with_core([&](detail::Core& core) { core.trigger(std::move(event.value()), std::move(reply)); });
}

std::uint64_t Client::Inside::begin_wait(const std::string& id, Millis timeout, Done<JobRecord> done) {
  const auto number = ++last_wait_;
  const auto pass = enter_call(done);
  if (!pass) return number;
  using Found = std::optional<conduitd::job::JobRecord>;
  auto reply = detail::Reply<Found>([id, timeout, pass, done = std::move(done)](Result<Found> found) {
    finish(done, std::move(found), [&](const Found& record) {
      if (!record) throw not_found_error(id);
      if (conduitd::job::is_final(record->status)) return to_sdk(*record);
      throw ClientError(ClientErrorKind::timed_out, fmt::format("job {} is still {} after {}", id, to_string(record->status),
                                                                conduitd::format_duration(timeout)));
    });
  });
  with_core([&](detail::Core& core) { core.wait(number, id, timeout, std::move(reply)); });
  return number;
}

void Client::Inside::end_wait(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  if (life_ == Life::running) core_->cancel_wait(number);
}

void Client::Inside::begin_find(const std::string& id, Done<std::optional<JobRecord>> done) {
  const auto pass = enter_call(done);
  if (!pass) return;
  using Found = std::optional<conduitd::job::JobRecord>;
  auto reply = detail::Reply<Found>([pass, done = std::move(done)](Result<Found> found) {
    finish(done, std::move(found),
           [](const Found& record) { return record ? std::optional(to_sdk(*record)) : std::nullopt; });
  });
  with_core([&](detail::Core& core) { core.find(id, std::move(reply)); });
}

void Client::Inside::begin_cancel(const std::string& id, Done<CancelOutcome> done) {
  const auto pass = enter_call(done);
  if (!pass) return;
  using Outcome = conduitd::broker::CancelOutcome;
  auto reply = detail::Reply<Outcome>([pass, done = std::move(done)](Result<Outcome> outcome) {
    finish(done, std::move(outcome), [](Outcome theirs) { return to_sdk(theirs); });
  });
  with_core([&](detail::Core& core) { core.cancel(id, std::move(reply)); });
}

template <class Theirs, class T, class Translate>
void Client::Inside::ask(detail::Core::Begin<Theirs> begin, Done<T> done, Translate translate) {
  const auto pass = enter_call(done);
  if (!pass) return;
  auto reply = detail::Reply<Theirs>([pass, translate, done = std::move(done)](Result<Theirs> answer) {
    finish(done, std::move(answer), translate);
  });
  with_core([&](detail::Core& core) { core.ask(std::move(begin), std::move(reply)); });
}

using conduitd::broker::Connection;
using conduitd::broker::ScheduleList;
using detail::Routes;
using detail::ShownSchedule;

void Client::Inside::begin_add_schedule(const Schedule& schedule, Done<ScheduleRecord> done) {
  auto theirs = detail::to_schedule(schedule);
  if (!theirs.has_value()) return done(std::make_exception_ptr(to_client_error(theirs.error())), {});
  ask<ShownSchedule>([theirs = theirs.value()](Connection& connection, Routes& routes) { return detail::add_schedule(connection, routes, theirs); },
                     std::move(done), [](const ShownSchedule& shown) { return to_sdk(shown.first, shown.second); });
}

void Client::Inside::begin_schedules(Done<std::vector<ScheduleRecord>> done) {
  ask<ScheduleList>([](Connection& connection, Routes&) { return conduitd::broker::list_schedules(*connection.schedules, *connection.directory); },
                    std::move(done), [](const ScheduleList& list) {
                      std::vector<ScheduleRecord> out;
                      for (const auto& state : list.schedules) out.push_back(to_sdk(state, list.now));
                      return out;
                    });
}

void Client::Inside::begin_find_schedule(std::string name, Done<std::optional<ScheduleRecord>> done) {
  using Found = std::optional<ShownSchedule>;
  ask<Found>([name = std::move(name)](Connection& connection, Routes&) { return detail::find_schedule(connection, name); }, std::move(done),
             [](const Found& found) { return found ? std::optional(to_sdk(found->first, found->second)) : std::nullopt; });
}

void Client::Inside::begin_run_schedule(std::string name, Done<std::string> done) {
  ask<std::string>(
      [name = std::move(name)](Connection& connection, Routes&) {
        return conduitd::broker::run_named(*connection.schedules, *connection.directory, name);
      },
      std::move(done), [](std::string id) { return id; });
}

void Client::Inside::begin_pause_schedule(std::string name, bool paused, Done<bool> done) {
  ask<bool>([name = std::move(name), paused](Connection& connection, Routes&) { return detail::pause_schedule(connection, name, paused); },
            std::move(done), [](bool yes) { return yes; });
}

void Client::Inside::begin_remove_schedule(std::string name, Done<bool> done) {
  ask<bool>([name = std::move(name)](Connection& connection, Routes&) { return detail::remove_schedule(connection, name); }, std::move(done),
            [](bool yes) { return yes; });
}

}  // namespace conduit
