// submit --jsonl whose lines run after one another, and the jobs that run after all of a file.

#include <fmt/format.h>

#include <algorithm>

#include "ctl/bulk.h"
#include "ctl/human.h"
#include "job/flow.h"

namespace asio = boost::asio;

namespace conduitd::ctl {

Error BulkSubmit::too_many() const {
  return {Errc::invalid_argument, fmt::format("{}: jobs of a file whose lines run after one another are submitted together, at most {} and {} MiB of them; "
                                              "make more files of it", lines_.name(), grouped(LineFlow::kMost), kMostGatheredBytes / 1024 / 1024)};
}

/// The second reading, with all in memory: ids come back in the order of the lines, whatever order they are submitted in.
Result<> BulkSubmit::gather() {
  flow_ = LineFlow();
  std::size_t bytes = 0;
  while (true) {
    CONDUIT_TRY(auto job, next_job());
    if (!job) break;
    bytes += size_of(job->job);
    flow_.add(line_, *job);
    if (flow_.too_many() || bytes > kMostGatheredBytes) return too_many();
    numbers_.push_back(line_);
    requests_.push_back(std::move(*job));
  }
  // Somebody may write to the file between the two readings.
  if (bad_ == 0) {
    for (const auto& fault : flow_.faults()) report(fault.line, fault.what, {});
  }
  if (bad_ > 0) return Error(Errc::invalid_argument, fmt::format("{} was changed while it was read, so nothing was submitted; try again", lines_.name()));
  outcomes_.resize(requests_.size());
  return ok();
}

asio::awaitable<Result<>> BulkSubmit::send_gathered() {
  CONDUIT_CO_TRY(gather());
  Result<> result = ok();
  for (const auto& jobs : flow_.waves()) {
    result = co_await send_wave(jobs);
    if (!result.has_value()) break;
  }
  if (session_.program().json()) print_gathered();
  co_return result;
}

/// Jobs that do not run after one another; whatever they run after is submitted.
asio::awaitable<Result<>> BulkSubmit::send_wave(const LineFlow::Jobs& jobs) {
  std::size_t next = 0;
  while (next < jobs.size()) {
    Wave wave;
    while (next < jobs.size() && wave.size() < kBatchesAtOnce) {
      auto batch = next_batch(jobs, next);
      if (!batch.jobs.empty()) wave.push_back(std::move(batch));
    }
    session_.allow(Millis{0});
    for (auto& batch : wave) tasks_.spawn("batch", deliver(batch));
    co_await tasks_.wait_idle();
    CONDUIT_CO_TRY(settle_gathered(wave));
  }
  co_return ok();
}

BulkSubmit::Batch BulkSubmit::next_batch(const LineFlow::Jobs& jobs, std::size_t& next) {
  Batch batch;
  while (next < jobs.size() && batch.jobs.size() < broker::Broker::kMaxBatch && batch.bytes < kBatchBytes) {
    const auto job = jobs[next++];
    if (!resolve(job)) continue;
    batch.gathered.push_back(job);
    batch.bytes += size_of(requests_[job].job);
    batch.jobs.push_back(std::move(requests_[job].job));
  }
  return batch;
}

/// Puts ids in the place of refs. False if one of the jobs was kept out: then this one is too, for what it was to run after never runs.
bool BulkSubmit::resolve(std::size_t job) {
  auto& after = requests_[job].job.after;
  for (const auto before : flow_.before(job)) {
    const auto& outcome = *outcomes_[before];
    if (outcome.rejected) {
      broker::Enqueued kept_out;
      kept_out.created = false;
      kept_out.rejected = true;
      outcomes_[job] = kept_out;
      if (++rejected_ <= kFaultsReported) {
        complain(fmt::format("{}:{}: not submitted: it was to run after line {}, which was kept out", lines_.name(), numbers_[job], numbers_[before]));
      }
      return false;
    }
    if (std::find(after.begin(), after.end(), outcome.id) == after.end()) after.push_back(outcome.id);
  }
  return true;
}

Result<> BulkSubmit::settle_gathered(const Wave& wave) {
  std::optional<Error> error;
  for (const auto& batch : wave) {
    if (!batch.outcome->has_value()) {
      if (!error) error = batch.outcome->error();
      continue;
    }
    const auto& accepted = batch.outcome->value();
    for (std::size_t i = 0; i < accepted.size(); ++i) {
      outcomes_[batch.gathered[i]] = accepted[i];
      count(accepted[i], numbers_[batch.gathered[i]]);
    }
  }
  bar_.draw(fmt::format("submitting {}", lines_.name()), static_cast<double>(accepted_) / static_cast<double>(requests_.size()), counted(accepted_, "job"));
  if (!error) return ok();
  error->context = fmt::format("{}; {} of {} were accepted, and a few more may have been: see conduitctl job list", error->context, grouped(accepted_),
                               counted(requests_.size(), "job"));
  return *error;
}

/// One line for each of the file, also for one that was not submitted.
void BulkSubmit::print_gathered() const {
  for (const auto& outcome : outcomes_) {
    if (outcome && !outcome->id.empty()) {
      session_.program().print_json(to_json(*outcome));
      continue;
    }
    Json none;
    none.set("id", Json()).set("created", false);
    if (outcome) none.set("rejected", true);
    session_.program().print_json(none);
  }
}

/// What is wrong with them is said before anything is submitted.
Result<> BulkSubmit::prepare_callbacks() {
  for (const auto& [task, rule] : {std::pair(options_.on_success, job::AfterRule::complete), std::pair(options_.on_complete, job::AfterRule::ended)}) {
    if (task.empty()) continue;
    auto& job = callbacks_.emplace_back();
    job.task = task;
    job.after_rule = rule;
    if (options_.callback_args) job.args = *options_.callback_args;
    if (auto fine = job::check(job, session_.limits()); !fine.has_value()) return fine.error().within("callback");
    CONDUIT_TRY(job.queue, registry_.queue_of(task));
  }
  return ok();
}

asio::awaitable<Result<>> BulkSubmit::send_callbacks() {
  const auto after = job::once_each(ids_);
  auto jobs = callbacks_;
  for (auto& job : jobs) {
    if (!options_.callback_args) job.args = fmt::format(R"({{"batch":{}}})", after.size());
    job.after = after;
  }
  session_.allow(Millis{0});
  auto accepted = co_await session_.broker().enqueue(std::move(jobs));
  if (!accepted.has_value()) co_return accepted.error().within(fmt::format("{} submitted, but not what was to run after all of them", counted(accepted_, "job")));
  for (std::size_t i = 0; i < callbacks_.size(); ++i) {
    const auto& id = accepted.value()[i].id;
    const bool success = callbacks_[i].after_rule == job::AfterRule::complete;
    if (session_.program().json()) {
      Json line;
      line.set("id", id).set("created", true).set("callback", success ? "on_success" : "on_complete");
      session_.program().print_json(line);
    } else {
      fmt::print("{} runs {} when all {}\n", id, callbacks_[i].task, success ? "are complete" : "have ended");
    }
  }
  co_return ok();
}

}  // namespace conduitd::ctl
